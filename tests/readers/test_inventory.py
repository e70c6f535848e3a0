"""The inventory: every file of an input is read, beside an image, a companion, hidden, or passed over with a reason."""

import os
import tarfile
import zipfile
from pathlib import Path

import making
import pandas as pd
import pytest

from auditor.api.decisions import OUTPUTS
from auditor.api.records import OTHERS, file_name
from auditor.errors import DatasetError
from auditor.policy.policy import DEFAULT, decide, parse
from auditor.readers.inventory import bounded
from auditor.storage.files import AUDIT_OUTPUTS

JPEG = making.encoded()


def write(folder, *names, data=JPEG):
    for name in names:
        making.write(folder / name, data)
    return folder


def test_a_folder_without_anything_strange_has_nothing_passed_over(tmp_path, scan):
    write(tmp_path / "set", "a.jpg", "b/b.png", "c")
    write(
        tmp_path / "set", "a.txt", "b/b.json", "README.md", "LICENSE", "b/SHA256SUMS", "dataset_infos.json", data=b"{}"
    )
    write(tmp_path / "set", ".DS_Store", "b/._b.png", data=b"x")
    found = scan(tmp_path / "set").inventory
    assert (found.read, found.sidecars, found.companions, found.hidden) == (3, 2, 4, 2)
    assert found.passed_over == {}
    assert found.files == 11


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("film.mp4", "neither an image nor a table, .mp4"),
        ("part.7z", "archive or dataset in an unsupported format, .7z"),
        ("shard.00000.mds", "archive or dataset in an unsupported format, .mds"),
        ("train-00000.tfrecord", "archive or dataset in an unsupported format, .tfrecord"),
        ("orphan.txt", "text file without an image, .txt"),
        ("blob", "neither an image nor a table, no suffix"),
        ("x.a-very-long-suffix-indeed", "neither an image nor a table, an unusual suffix"),
        ("numbers.csv", "table that is not read, .csv"),
    ],
)
def test_what_is_passed_over_is_told_by_kind(tmp_path, scan, name, reason):
    write(tmp_path / "set", "a.jpg")
    write(tmp_path / "set", name, data=b"size,n\n1,2\n")
    audit = scan(tmp_path / "set")
    assert audit.inventory.passed_over == {reason: 1}
    assert audit.counts.rows == 1


def test_images_outside_of_the_shards_of_img2dataset_are_told(tmp_path, scan):
    frame = pd.DataFrame(
        {"key": ["000000000"], "status": ["success"], "error_message": [None], "url": ["http://x.org/a"]}
    )
    write(tmp_path / "set", "00000/000000000.jpg", "extra/1.jpg", "2.jpg")
    frame.to_parquet(tmp_path / "set/00000.parquet")
    found = scan(tmp_path / "set").inventory
    assert found.passed_over == {"image outside the shards, .jpg": 2}
    assert found.read == 2


def test_many_reasons_are_summed_up():
    reasons = bounded({f"reason {n:02}": n for n in range(1, 31)})
    assert len(reasons) == 20
    assert sum(reasons.values()) == sum(range(1, 31))
    assert next(iter(reasons)) == "reason 30"


def test_passing_files_over_is_a_warning_unless_the_policy_says_more(tmp_path, scan):
    write(tmp_path / "set", "a.jpg")
    write(tmp_path / "set", "b.mp4", "c.mp4", data=b"x")
    audit = scan(tmp_path / "set")

    def outcome(text):
        return next(rule for rule in decide(audit, parse(text)).rules if rule.id == "passed-over")

    default = outcome(DEFAULT)
    assert default.outcome == "warn"
    assert default.reason == "2 files skipped: neither an image nor a table, .mp4 (2)"
    assert outcome("[rules.passed-over]\nmax = 0.5").outcome == "fail"
    assert outcome("[rules.passed-over]\nmax = 0.7").outcome == "pass"
    assert outcome('[rules.passed-over]\nmax = 0\nabove = "inconclusive"').outcome == "inconclusive"


# ---- everything at once


def zoo(folder: Path) -> Path:
    """A folder with one of each: images, archives, tables, texts, companions, hidden files, and other things."""
    write(folder, "a.jpg", "b/c.webp", "b/d.jfif", "no-suffix", "b/e.JPG", "f.a.b.png")
    write(folder, "a.txt", "b/c.json", "f.a.b.caption", data=b"{}")
    write(folder, "README.md", "b/LICENSE.txt", "checksums.sha256", "load.py", "state.json", data=b"x")
    write(folder, ".DS_Store", "._a.jpg", "Thumbs.db", data=b"x")
    write(folder, "__MACOSX/._a.jpg", ".git/config", data=b"x")
    write(
        folder, "v.mp4", "b/v.webm", "s.7z", "t.tfrecord", "u.mds", "unknown.xyz", "lost.txt", "b/lost.json", data=b"x"
    )
    making.write(folder / "metadata.csv", "file_name,text\na.jpg,hello\n")
    making.write(folder / "sizes.csv", "n,size\n1,2\n")
    pd.DataFrame({"n": [1]}).to_parquet(folder / "sizes.parquet")
    making.tar(
        folder / "00000.tar", [("x.jpg", JPEG), ("x.txt", b"x"), ("y.jpg", JPEG), ("._y.jpg", b"x"), ("z.mp4", b"x")]
    )
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for name in ("1.png", "2.png", "__MACOSX/._1.png"):
            archive.writestr(name, JPEG)
    return folder


def test_the_inventory_of_a_zoo_adds_up_to_what_is_on_disk(tmp_path, scan):
    folder = zoo(tmp_path / "zoo")
    audit = scan(folder)
    top, hidden = 0, 0
    for _, folders, names in os.walk(folder):
        covered = [name for name in folders if name.startswith((".", "__"))]
        hidden += len(covered) + sum(name.startswith("._") or name in (".DS_Store", "Thumbs.db") for name in names)
        folders[:] = [name for name in folders if name not in covered]
        top += len(names) + len(covered)
    assert audit.inventory.files == top
    assert audit.inventory.hidden == hidden == 5
    assert sum(audit.inventory.passed_over.values()) == 10
    assert audit.inventory.companions == 5


def test_the_rows_of_an_archive_add_up_to_its_members(tmp_path, scan):
    folder = zoo(tmp_path / "zoo")
    with tarfile.open(folder / "00000.tar") as tar, zipfile.ZipFile(folder / "more.zip") as zipped:
        members = {"00000.tar": tar.getnames(), "more.zip": zipped.namelist()}
    for name, names in members.items():
        visible = [each for each in names if not each.rpartition("/")[2].startswith("._")]
        beside = [each for each in visible if each.endswith(".txt")]
        assert scan(folder / name, out=f"of-{name}").counts.rows == len(visible) - len(beside)


# ---- audits in the folder that they are of


def test_an_audit_inside_the_dataset_is_not_part_of_it(tmp_path, scan, monkeypatch):
    write(tmp_path, "a.jpg", "b.jpg")
    monkeypatch.chdir(tmp_path)
    first = scan(Path(), out="audit")
    again = scan(Path(), out="other")
    assert first.counts == again.counts
    assert first.digests.dataset == again.digests.dataset
    assert first.inventory.passed_over == again.inventory.passed_over == {}


def test_an_audit_written_into_the_dataset_itself_hides_no_image(tmp_path, scan):
    write(tmp_path / "set", "a.jpg", "b.jpg", "evidence-of-cats/c.jpg")
    audits = [scan(tmp_path / "set", out="set") for _ in range(2)]
    assert [audit.counts.ok for audit in audits] == [3, 3]
    assert audits[1].inventory.passed_over == {}


def test_a_folder_named_evidence_is_read_where_no_audit_made_it(tmp_path, scan):
    write(tmp_path / "set", "evidence/a.jpg", "evidence/b.jpg")
    assert scan(tmp_path / "set").counts.ok == 2


def test_every_file_that_an_audit_writes_is_known():
    assert {file_name(format) for format in (*OUTPUTS, *OTHERS)} <= AUDIT_OUTPUTS


# ---- inputs that overlap


def test_an_input_that_is_given_twice_is_refused(tmp_path, scan):
    write(tmp_path / "set", "a.jpg", "b/b.jpg")
    for inputs in (
        ["set", "set"],
        ["set", "set/"],
        ["set", "set/b"],
        ["set/b", "set"],
        ["set/a.jpg", "set/a.jpg"],
        ["set", "set/a.jpg"],
    ):
        with pytest.raises(DatasetError, match="would count twice"):
            scan(*(f"{tmp_path}/{name}" for name in inputs))


def test_inputs_side_by_side_are_not_refused(tmp_path, scan):
    write(tmp_path, "set/a.jpg", "set-2/a.jpg")
    assert scan(tmp_path / "set", tmp_path / "set-2").counts.ok == 2


def test_a_dataset_that_is_not_read_is_named_alone_and_in_a_folder(tmp_path, scan):
    write(tmp_path / "set", "shard.00000.mds", "index.json", data=b"x")
    with pytest.raises(DatasetError, match=r"shard\.00000\.mds: archive or dataset in an unsupported format"):
        scan(tmp_path / "set" / "shard.00000.mds")
    audit = scan(tmp_path / "set")
    assert decide(audit, parse(DEFAULT)).reason.startswith("the input has no rows; 1 file skipped")
