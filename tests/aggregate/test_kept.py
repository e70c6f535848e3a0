"""A scan with nothing new sums up and renders nothing, and gives the same files; whatever has changed is done again."""

import json
import os

import making
import pytest

import auditor
from auditor.aggregate import build
from auditor.api import records
from auditor.evidence_store import checksums, kept
from auditor.storage.files import EVIDENCE


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        making.write(
            tmp_path / f"set/{number}.png", making.png({"parameters": making.A1111}) if number else making.png()
        )
    return tmp_path / "set"


@pytest.fixture
def scanned(folder, tmp_path, monkeypatch):
    """Scans the folder: what was done (the names of what was summed up or rendered), and the files of the audit."""
    done = []
    summed_up, rendered = build.build_audit, records.render

    def build_audit(*given):
        done.append("audit")
        return summed_up(*given)

    def render(audit, decision, format, **given):
        done.append(format)
        return rendered(audit, decision, format, **given)

    monkeypatch.setattr(build, "build_audit", build_audit)
    monkeypatch.setattr(records, "render", render)

    def scan(**given):
        done.clear()
        config = auditor.Config.of(depth=auditor.types.Need.FILE, **given.pop("config", {}))
        auditor.scan(folder, out=tmp_path / "audit", config=config, engine="serial", **given)
        names = ("audit.json", "report.html", "summary.md")
        return set(done), {name: (tmp_path / "audit" / name).read_bytes() for name in names}

    return scan


EVERYTHING = {"audit", "json", "html", "markdown"}


def test_a_scan_with_nothing_new_computes_nothing_and_gives_the_same_files(scanned):
    done, files = scanned()
    assert done == EVERYTHING
    assert scanned() == (set(), files)


def test_a_change_of_the_dataset_or_of_the_configuration_is_summed_up(scanned, folder):
    _, files = scanned()
    assert scanned(config={"count_edited": True})[0] == EVERYTHING
    assert scanned() == (EVERYTHING, files)
    making.write(folder / "3.png", making.png(seed=3))
    assert scanned()[0] == EVERYTHING
    making.write(folder / "notes.doc", b"not an image")  # which the inventory counts
    assert scanned()[0] == EVERYTHING


def test_another_policy_is_another_report_of_the_same_audit(scanned, tmp_path):
    scanned()
    (tmp_path / "policy.toml").write_text("[rules.declared]\nmax = 0.9\n")
    assert scanned(policy=tmp_path / "policy.toml")[0] == EVERYTHING - {"audit"}


@pytest.mark.parametrize("name", ["audit.json", "report.html", "summary.md"])
def test_a_file_that_somebody_changed_or_removed_is_written_again(scanned, tmp_path, name):
    _, files = scanned()
    (tmp_path / "audit" / name).write_text("{}")
    assert scanned() == (EVERYTHING - {"audit"}, files)
    (tmp_path / "audit" / name).unlink()
    assert scanned() == (EVERYTHING - {"audit"}, files)


@pytest.mark.parametrize("name", ["results.json", "outputs.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\xff"])
def test_kept_results_that_are_damaged_are_not_used(scanned, tmp_path, name, damage):
    _, files = scanned()
    (tmp_path / "audit" / EVIDENCE / name).write_bytes(damage)
    assert scanned() == (EVERYTHING - ({"audit"} if name == "outputs.json" else {"json", "html", "markdown"}), files)


@pytest.mark.parametrize("forged", [b"[]", b"1", b'{"made_of": 1}', b"\xff", b"[" * 100_000, None])
@pytest.mark.parametrize("name", ["results.json", "outputs.json"])
def test_forged_results_are_not_used(scanned, tmp_path, name, forged):
    _, files = scanned()
    path = tmp_path / "audit" / EVIDENCE / name
    if forged is None:
        kept.save(path, json.loads(path.read_bytes())["made_of"], {"schema": "auditor/2"})
    else:
        path.write_bytes(forged)
        checksums.write(checksums.beside(path), {name: checksums.digest(path)})
    assert scanned()[1] == files


def test_results_of_another_version_are_not_used(scanned, monkeypatch):
    _, files = scanned()
    monkeypatch.setattr(kept, "installed_code", lambda: "another")
    assert scanned() == (EVERYTHING, files)


def test_the_version_depends_on_every_source_file(tmp_path, monkeypatch):
    source = tmp_path / "auditor/evidence_store/kept.py"
    making.write(source, b"")
    monkeypatch.setattr(kept, "__file__", str(source))
    digests = [kept.installed_code.__wrapped__()]
    making.write(tmp_path / "reports/report.html.jinja", b"a")
    digests.append(kept.installed_code.__wrapped__())
    making.write(source, b"b")
    digests.append(kept.installed_code.__wrapped__())
    making.write(tmp_path / "auditor/__pycache__/kept.pyc", b"a")
    os.utime(source, (1, 1))
    assert len({*digests, kept.installed_code.__wrapped__()}) == 3
