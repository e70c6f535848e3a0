"""scan --fetch: a random sample of a manifest of URLs, audited as if it were there, and what dead links leave open."""

import hosting
import saving
from hosting import IMAGE, fetcher
from making import write

import auditor
from auditor.aggregate.estimator import _with_dead_links
from auditor.audit import make_engine, run_audit
from auditor.config import Config
from auditor.progress.progress import Progress
from auditor.results import Counts, Estimate

DETECTORS = ("generator-text", "host-prior")


def manifest(tmp_path, host, rows=40, dead=4):
    lines = [
        f"{host.url('/404' if number % dead == 0 else '/image')}?{number}\tnumber {number}" for number in range(rows)
    ]
    return write(tmp_path / "urls.tsv", "\n".join(["url\tcaption", *lines]))


def scan(inputs, tmp_path, fetch, **config):
    given = Config.of(detectors=DETECTORS, fetch=fetch, **config)
    audit = run_audit(inputs, tmp_path / "out", given, make_engine(1, "serial"), fetcher=fetcher(tmp_path / "cache"))
    return saving.finished(audit, tmp_path / "out")


def test_so_many_rows_are_fetched_and_no_other(tmp_path, host):
    audit = scan(manifest(tmp_path, host), tmp_path, 12)
    rows = auditor.evidence(tmp_path / "out")
    drawn = rows[rows.sampled]
    assert len(host.asked) == len(drawn) == audit.sample.rows == 12
    assert {path for _, path, *_ in host.asked} == {"/" + url.split("/", 3)[3] for url in drawn.image}
    assert audit.sample.ok + audit.sample.failed == 12
    assert audit.sample.failed == drawn.image.str.contains("/404").sum() > 0
    assert set(drawn.status) == {"ok", "failed"}
    assert set(rows[~rows.sampled].reason) == {"not in the sample"}
    assert "404" in next(iter(audit.unreadable_reasons))


def test_a_second_scan_asks_nobody_and_says_the_same(tmp_path, host):
    inputs = manifest(tmp_path, host)
    first = scan(inputs, tmp_path, 12)
    asked = len(host.asked)
    assert scan(inputs, tmp_path, 12) == first
    assert len(host.asked) == asked


def test_after_an_outage_a_restarted_scan_tries_again(tmp_path, host, monkeypatch, capsys):
    inputs = manifest(tmp_path, host, rows=10)
    monkeypatch.setattr("auditor.audit._fetcher", lambda again: fetcher(tmp_path / "cache", again=again))

    config = Config.of(detectors=DETECTORS, fetch=100)

    def audited(**options):
        listener = Progress(quiet=True)
        return auditor.scan(inputs, out=tmp_path / "out", config=config, engine="serial", listener=listener, **options)

    with monkeypatch.context() as outage:
        outage.setattr(hosting._Handler, "_image", lambda self: self._send(b"", status=503))
        assert audited().counts.ok == 0
        assert "7 images could not be fetched for a transient reason" in capsys.readouterr().err
    asked = len(host.asked)
    assert audited().counts.ok == 0
    assert len(host.asked) == asked
    assert audited(restart=True).counts.ok == 7
    assert len(host.asked) == asked + 7  # pages that are missing are not asked again
    assert "--restart" not in capsys.readouterr().err


def test_all_rows_can_be_fetched(tmp_path, host):
    audit = scan(manifest(tmp_path, host, rows=10), tmp_path, 100)
    assert audit.sample is None
    assert (audit.counts.ok, audit.counts.failed) == (7, 3)


def test_images_that_are_there_are_drawn_with_the_others(tmp_path, host):
    write(tmp_path / "here.png", IMAGE)
    lines = ["url,image", *(f"{host.url('/image')}?{number}," for number in range(9)), ",here.png"]
    audit = scan(write(tmp_path / "rows.csv", "\n".join(lines)), tmp_path, 10)
    assert audit.counts.ok == 10
    assert len(host.asked) == 9


def test_the_dataset_is_known_again_whatever_its_hosts_give(tmp_path, host):
    inputs = manifest(tmp_path, host)
    audit = scan(inputs, tmp_path, 12)
    assert auditor.is_same_dataset(audit, inputs, jobs=1)


def test_what_dead_links_leave_open_is_said():
    estimate = Estimate(0.1, 0.05, 0.2, 0.95, "", 100, "", ())
    said = _with_dead_links(estimate, Counts(rows=100, ok=80, failed=20)).assumptions[-1]
    assert "20 of the sampled images (20.0 %)" in said
    assert "4.0 to 36.0 %" in said
    assert _with_dead_links(estimate, Counts(rows=100, ok=100)) == estimate
