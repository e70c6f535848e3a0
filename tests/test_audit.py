"""The pipeline as a whole: what is kept, what is redone, and that the same input gives the same bytes."""

import json
import random
import shutil
import subprocess
import time

import making
import pytest
from commands import run

import auditor
from auditor import audit as pipeline
from auditor import audit_json, registry
from auditor.config import Config, Limits, ReadOptions
from auditor.errors import ConfigError, EvidenceError, NoSuchInput
from auditor.evidence_store.store import Store
from auditor.policy import policy as policies
from auditor.types import Need


@pytest.fixture
def dataset(tmp_path):
    """Forty images in four folders, some marked, one broken, with captions."""
    rng = random.Random(0)
    for number in range(40):
        texts = {"parameters": making.A1111} if number % 8 == 0 else {}
        data = making.png(texts, seed=number) if number != 5 else b"broken"
        making.write(tmp_path / "set" / f"f{number % 4}" / f"{number:03d}.png", data)
        making.write(tmp_path / "set" / f"f{number % 4}" / f"{number:03d}.txt", f"caption {rng.random()}")
    return tmp_path / "set"


def rows(out) -> list[dict]:
    frame = auditor.evidence(out).sort_values("key")
    return json.loads(frame.to_json(orient="records"))


def test_counts_add_up_to_the_rows(dataset, scan):
    audit = scan(dataset)
    counts = audit.counts
    assert (counts.rows, counts.ok, counts.unreadable) == (40, 39, 1)
    assert (audit.confirmed.count, audit.confirmed.n) == (5, 39)
    assert audit.confirmed.low == audit.confirmed.high == audit.confirmed.share == 5 / 39
    assert sum(s.rows for s in audit.subgroups if s.by == "source") == 40


def test_the_same_input_gives_the_same_bytes(dataset, tmp_path, scan):
    copy = tmp_path / "elsewhere" / "set"
    shutil.copytree(dataset, copy)
    decide = auditor.decide
    first, second = scan(dataset), scan(copy, out="other")
    assert audit_json.dumps(first, decide(first)) == audit_json.dumps(second, decide(second))
    assert rows(tmp_path / "audit") == rows(tmp_path / "other")


def test_no_path_and_no_time_stands_in_the_record(dataset, tmp_path, scan):
    audit = scan(dataset)
    text = audit_json.dumps(audit, auditor.decide(audit))
    assert str(tmp_path) not in text
    assert time.strftime("%Y-%m-%d") not in text


def test_serial_and_processes_give_the_same_evidence(dataset, tmp_path, scan):
    halves = [dataset / "f0", dataset / "f1"]  # a shard for each of two workers
    serial = scan(*halves)
    spread = pipeline.run_audit(halves, tmp_path / "spread", Config.of(), pipeline.make_engine(2))
    assert spread == serial
    parts = {path.name: path.read_bytes() for path in (tmp_path / "audit/evidence").glob("*.parquet")}
    assert parts == {path.name: path.read_bytes() for path in (tmp_path / "spread/evidence").glob("*.parquet")}


class Told:
    """A listener that remembers the plan."""

    def planned(self, plan):
        self.plan = plan

    def advanced(self, rows):
        pass


def again(dataset, tmp_path, **config):
    told = Told()
    engine = pipeline.make_engine(1, "serial")
    audit = pipeline.run_audit([dataset], tmp_path / "audit", Config.of(**config), engine, listener=told)
    return audit, told.plan


def test_a_second_run_does_nothing_again(dataset, tmp_path, scan):
    first = scan(dataset)
    second, plan = again(dataset, tmp_path)
    assert (plan.todo, plan.kept, plan.redone) == ((), 40, 0)
    assert second == first


def test_a_changed_file_is_redone(dataset, tmp_path, scan):
    scan(dataset)
    making.write(dataset / "f1" / "001.png", making.png({"parameters": making.A1111}))
    audit, plan = again(dataset, tmp_path)
    assert plan.redone > 0
    assert audit.confirmed.count == 6


def test_a_changed_caption_is_redone(dataset, tmp_path, scan):
    scan(dataset)
    making.write(dataset / "f1" / "001.txt", "a cat --ar 16:9")
    audit, _ = again(dataset, tmp_path)
    assert audit.detectors["caption-prior"].hits == 1


def test_a_changed_configuration_is_redone(dataset, tmp_path, scan):
    scan(dataset)
    for config in ({"limits": Limits(max_pixels=10)}, {"detectors": (*registry.default_detectors(), "dwt-dct-crops")}):
        _, plan = again(dataset, tmp_path, **config)
        assert plan.redone == 40


@pytest.mark.parametrize(
    ("config", "lost"),
    [
        ({"depth": Need.FILE}, "rows decoded: 5,000 before, none now"),
        ({"depth": Need.ROW}, "rows opened: all before, none now"),
        ({"detectors": ("c2pa",)}, "detectors before and not now: declared-column"),
        ({"sample": 10}, "rows decoded: 5,000 before, 10 now"),
        ({"sample_shards": 2}, "shards read: all before, 2 now"),
    ],
)
def test_a_scan_that_examines_less_replaces_nothing_unless_asked(dataset, tmp_path, scan, config, lost):
    before = scan(dataset)
    with pytest.raises(EvidenceError, match=f"{lost}.*replace it with --restart, or give another --out"):
        scan(dataset, **config)
    assert auditor.load(tmp_path / "audit").counts == before.counts
    assert len(auditor.evidence(tmp_path / "audit")) == 40
    scan(dataset, restart=True, **config)


def test_a_deeper_scan_that_never_began_does_not_keep_the_shallower_one_from_continuing(dataset, scan, monkeypatch):
    scan(dataset, depth=Need.FILE)
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "drawn", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scan(dataset)
    assert scan(dataset, depth=Need.FILE).counts.ok == 39


def test_a_scan_that_examines_more_continues_in_the_same_folder(dataset, scan):
    scan(dataset, depth=Need.ROW)
    scan(dataset, depth=Need.FILE)
    scan(dataset, sample=10)
    assert scan(dataset, sample=None).counts.ok == 39


def test_a_scan_without_a_dataset_takes_that_of_the_audit(dataset, tmp_path, scan, monkeypatch):
    before = scan(dataset)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert scan() == before
    with pytest.raises(NoSuchInput, match="name a dataset"):
        scan(out="none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ConfigError, match=r"with other options \(none\): give the same"):
        scan(read=ReadOptions(caption_col="text"))


def test_a_scan_without_a_dataset_continues_with_the_policy_and_the_configuration(dataset, tmp_path):
    out, engine = tmp_path / "audit", {"jobs": 1, "engine": "serial"}
    policy = policies.parse("[rules.unreadable]\nmax = 0.5\n")
    first = auditor.scan(dataset, out=out, policy=policy, config=Config.of(depth="file", seed=5), **engine)
    assert auditor.scan((), out=out, **engine) == first
    assert auditor.recorded_policy(out) == policy
    strict = policies.parse("[rules.unreadable]\nmax = 0.0\n")
    auditor.scan((), out=out, policy=strict, **engine)
    assert auditor.recorded_policy(out) == strict
    manifest = out / "evidence" / "manifest.json"
    damaged = json.loads(manifest.read_text()) | {"config": {"seed": "many"}}
    manifest.write_text(json.dumps(damaged))
    with pytest.raises(EvidenceError, match="is damaged: name the dataset and the options"):
        auditor.scan((), out=out, **engine)


def test_a_sample_that_has_every_row_does_not_examine_less_than_all_rows(dataset, scan):
    every = scan(dataset, sample=None)
    assert scan(dataset, sample=40).counts == every.counts
    making.write(dataset / "f0/new.png", making.png(seed=99))
    assert scan(dataset, sample=40).sample.rows == 40


def test_a_python_user_may_name_an_audit_by_its_folder(dataset, tmp_path, scan):
    audit = scan(dataset)
    assert auditor.decide(tmp_path / "audit").outcome is auditor.decide(audit).outcome
    assert auditor.is_same_dataset(tmp_path / "audit", dataset, jobs=1, engine="serial")
    assert list(auditor.export_subgroups(tmp_path / "audit", "source"))


def test_a_changed_detector_is_redone(dataset, tmp_path, scan, monkeypatch):
    from auditor import registry

    scan(dataset)
    true = registry.digest
    monkeypatch.setattr(registry, "digest", lambda id: "new" if id == "c2pa" else true(id))
    _, plan = again(dataset, tmp_path)
    assert plan.redone == 40


def test_counting_edits_needs_no_new_scan(dataset, tmp_path, scan):
    making.write(
        dataset / "edited.jpg",
        making.jpeg_xmp(
            making.xmp("", f'Iptc4xmpExt:DigitalSourceType="{making.SOURCE_TYPE}compositeWithTrainedAlgorithmicMedia"')
        ),
    )
    first = scan(dataset)
    second, plan = again(dataset, tmp_path, count_edited=True)
    assert (first.confirmed.count, first.confirmed.edited, second.confirmed.count) == (5, 1, 6)
    assert plan.todo == ()


def test_rows_that_are_gone_are_dropped(dataset, tmp_path, scan):
    scan(dataset)
    shutil.rmtree(dataset)
    making.write(dataset / "z" / "new.png", making.png())
    audit, plan = again(dataset, tmp_path)
    assert audit.counts.rows == 1
    assert plan.dropped + plan.redone == 40


def test_evidence_of_another_dataset_is_refused_with_the_flag_that_replaces_it(dataset, tmp_path, scan):
    scan(dataset)
    making.write(tmp_path / "another" / "a.png", making.png())
    with pytest.raises(EvidenceError, match="--restart"):
        scan(tmp_path / "another")
    assert scan(tmp_path / "another", restart=True).counts.rows == 1


def test_evidence_of_another_version_is_refused(dataset, scan, monkeypatch):
    scan(dataset)
    monkeypatch.setattr(pipeline, "__version__", "99")
    with pytest.raises(EvidenceError, match=r"mad-auditor .* before, mad-auditor 99 now"):
        scan(dataset)


def test_a_damaged_part_is_done_again(dataset, tmp_path, scan):
    first = scan(dataset)
    part = next((tmp_path / "audit/evidence").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    second, plan = again(dataset, tmp_path)
    assert len(plan.todo) == 1
    assert second == first


def flipped(path):
    """Damage in the middle of a file: its length and its footer are as before."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize(
    "what", ["*.parquet", "images-*.sha256", "*[0-9a-f].npy", "*.thumbnails.npy", "../gallery.parquet"]
)
def test_damage_behind_an_intact_footer_is_refused_and_mended_by_the_next_scan(dataset, tmp_path, what):
    config, out = Config.of(keep_vectors=True), tmp_path / "audit"
    auditor.scan(dataset, out=out, config=config, engine="serial")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    flipped(next(path for path in sorted((out / "evidence").glob(what))))
    readers = [lambda: auditor.merge([out, tmp_path / "other"], tmp_path / "both")]
    auditor.scan(dataset / "f0", out=tmp_path / "other", config=config, engine="serial")
    if what in ("*.parquet", "images-*.sha256"):
        readers += [lambda: auditor.evidence(out), lambda: auditor.keep_list(out), lambda: auditor.label(out, dataset)]
        readers += [lambda: next(auditor.export(out)), lambda: auditor.examples_for("sarif", out)]
    elif "gallery" in what:
        readers = [lambda: auditor.examples_for("html", out)]
    for read in readers:
        with pytest.raises(EvidenceError, match="is damaged.*the same scan again replaces it"):
            read()
    auditor.scan(dataset, out=out, config=config, engine="serial")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_damage_of_rows_that_are_gone_does_not_stay(dataset, tmp_path, scan):
    scan(dataset)
    gone = next((tmp_path / "audit/evidence").glob("*.parquet"))
    gone = gone.rename(gone.with_name("images-0000000000000000.parquet"))
    (gone.parent / f"{gone.name}.sha256").write_text("x")
    with pytest.raises(EvidenceError, match="images-0000000000000000.parquet is damaged"):
        auditor.evidence(tmp_path / "audit")
    scan(dataset)
    assert len(auditor.evidence(tmp_path / "audit")) == 40
    assert not gone.exists()


def test_sha256sum_checks_an_audit(dataset, tmp_path, scan):
    scan(dataset, keep_vectors=True)
    evidence = tmp_path / "audit/evidence"
    written = {path.name for path in evidence.iterdir()} - {"manifest.json", ".lock"}
    lines = [line for path in evidence.glob("*.sha256") for line in path.read_text().splitlines()]
    listed = {line.partition("  ")[2] for line in lines}
    assert listed >= {name for name in written if not name.endswith(".sha256")} | {"../duplicates.parquet"}
    assert not subprocess.run(["sha256sum", "-c"], input="\n".join(lines), text=True, cwd=evidence).returncode


def test_an_interrupted_scan_is_not_exported(dataset, tmp_path, scan):
    scan(dataset)
    (tmp_path / "audit/audit.json").rename(tmp_path / "audit.json")
    with pytest.raises(EvidenceError, match="no finished audit there"):
        auditor.evidence(tmp_path / "audit")
    (tmp_path / "audit.json").rename(tmp_path / "audit/audit.json")
    part = next((tmp_path / "audit/evidence").glob("*.parquet"))
    part.unlink()
    with pytest.raises(EvidenceError, match="no evidence|does not match its audit.json"):
        auditor.evidence(tmp_path / "audit")


def test_nothing_is_decided_while_a_scan_replaces_the_evidence(dataset, tmp_path, scan):
    scan(dataset)
    assert run("gate", tmp_path / "audit").returncode in (0, 1, 4)
    with Store(tmp_path / "audit").locked() as store:  # killed after its first step
        store.claim({"inputs": ["another (folder)"]}, restart=True)
    result = run("gate", tmp_path / "audit")
    assert result.returncode == 3
    assert "a scan began to replace its evidence and did not end" in result.stderr


def test_parquet_files_that_are_no_evidence_are_not_touched(dataset, tmp_path, scan):
    foreign = making.write(tmp_path / "audit" / "evidence" / "mine.parquet", b"precious")
    with pytest.raises(EvidenceError, match=r"without manifest\.json"):
        scan(dataset)
    assert foreign.read_bytes() == b"precious"


def test_two_runs_in_one_folder_are_refused(dataset, tmp_path, scan):
    with Store(tmp_path / "audit").locked(), pytest.raises(EvidenceError, match="another audit is writing"):
        scan(dataset)


def test_an_audit_of_rows_alone_opens_no_image(dataset, scan, monkeypatch):
    from auditor.images.view import View

    monkeypatch.setattr(View, "data", property(lambda view: pytest.fail("an image was opened")))
    audit = scan(dataset, depth=Need.ROW)
    assert audit.counts.no_bytes == 40
    assert audit.coverage["declared"].evaluable == 0


def test_an_audit_of_files_decodes_no_pixel(dataset, scan, monkeypatch):
    from auditor.images import decode

    monkeypatch.setattr(decode, "pixels", lambda *a: pytest.fail("pixels were decoded"))
    audit = scan(dataset, depth=Need.FILE)
    assert audit.counts.ok == 39
    assert audit.detectors["stealth-pnginfo"].evaluable == 0


def test_the_digest_tells_whether_a_dataset_changed(dataset, tmp_path, scan):
    audit = scan(dataset)
    assert auditor.is_same_dataset(audit, dataset, jobs=1)
    copy = tmp_path / "copy" / "set"
    shutil.copytree(dataset, copy)
    assert auditor.is_same_dataset(audit, copy, jobs=1)
    target = copy / "f1" / "001.png"
    data = bytearray(target.read_bytes())
    data[-20] ^= 1  # same name, same size, one bit
    target.write_bytes(data)
    assert not auditor.is_same_dataset(audit, copy, jobs=1)


def test_memory_passes_as_a_file_system(scan):
    import fsspec

    fsspec.filesystem("memory").pipe({"/there/a.png": making.png({"parameters": making.A1111})})
    assert scan("memory://there").confirmed.count == 1


@pytest.mark.parametrize("base", ["set", "photos"])
def test_an_image_that_a_table_names_and_that_changed_is_redone(tmp_path, scan, base):
    for number in range(600):
        making.write(tmp_path / base / f"{number:03d}.png", making.png(seed=number % 7, width=16, height=16))
    names = "".join(f"{number:03d}.png\n" for number in range(600))
    making.write(tmp_path / "set" / "list.csv", "image\n" + names)
    options = {"read": ReadOptions(base_dir=str(tmp_path / base)), "depth": Need.FILE}
    before = scan(tmp_path / "set", **options)
    making.write(tmp_path / base / "599.png", making.png({"parameters": making.A1111}))
    after, plan = again(tmp_path / "set", tmp_path, **options)
    assert (before.confirmed.count, after.confirmed.count) == (0, 1)
    assert (plan.kept, plan.redone) == (550, 50)  # and no other piece of the table


def test_a_table_of_files_that_are_gone_or_outside_is_planned(tmp_path, scan):
    making.write(tmp_path / "set" / "list.csv", "image\nnone.png\n../x.png\n/etc/passwd\ns3://bucket/x.png\n")
    assert scan(tmp_path / "set").counts.unreadable == 4


def test_facts_or_statistics_that_cannot_be_computed_cost_an_answer_and_not_the_scan(dataset, scan, monkeypatch):
    def broken(*_):
        raise ArithmeticError("a bug")

    monkeypatch.setattr("auditor.images.covariates.year", lambda metadata, row: broken() if metadata else None)
    monkeypatch.setattr("detectors.dwt_dct.DwtDct.statistic", broken)
    audit = scan(dataset, out="a")
    assert audit.unreadable_reasons["failed: ArithmeticError: a bug"] == 39
    monkeypatch.undo()
    monkeypatch.setattr("detectors.dwt_dct.DwtDct.statistic", broken)
    audit = scan(dataset, out="b")
    assert audit.counts.ok == 39
    assert audit.detectors["dwt-dct"].failed > 0
