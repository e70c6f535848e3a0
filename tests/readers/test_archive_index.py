"""Tables that describe the images of archives, inside them or beside them."""

import gzip
import json
import zipfile

import making
import pandas as pd
import pytest

import auditor

PNG = making.png()
DIFFUSION_DB = {f"{n}.png": {"p": f"a cat {n}", "se": n, "c": 7.0, "st": 50, "sa": "k_lms"} for n in range(3)}


def zipped(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def captions(rows):
    return [row.caption for row in rows]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", "".join(json.dumps({"file_name": f"{n}.png", "text": f"cap {n}"}) + "\n" for n in range(3))),
        ("metadata.csv", "file_name,text\n0.png,cap 0\n1.png,cap 1\n2.png,cap 2\n"),
        ("captions.json", json.dumps([{"image": f"{n}.png", "caption": f"cap {n}"} for n in range(3)])),
    ],
)
def test_a_table_inside_a_zip_gives_captions_and_is_no_row(tmp_path, read_all, name, text):
    path = zipped(tmp_path / "a.zip", {**{f"{n}.png": PNG for n in range(3)}, name: text})
    _, rows = read_all(path)
    assert captions(rows) == ["cap 0", "cap 1", "cap 2"]


def test_names_are_relative_to_the_folder_of_the_table(tmp_path, read_all):
    members = {"train/0.png": PNG, "test/0.png": PNG}
    members |= {f"{split}/metadata.csv": f"file_name,text\n0.png,{split}\n" for split in ("train", "test")}
    _, rows = read_all(zipped(tmp_path / "a.zip", members))
    assert {row.image.partition("::")[2]: row.caption for row in rows} == {"train/0.png": "train", "test/0.png": "test"}


def test_settings_of_diffusion_db_declare_its_images(tmp_path, scan):
    zipped(
        tmp_path / "set/part-000001.zip",
        {**dict.fromkeys(DIFFUSION_DB, PNG), "part-000001.json": json.dumps(DIFFUSION_DB)},
    )
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.confirmed.count) == (3, 3)
    assert sorted(auditor.evidence(tmp_path / "audit").caption) == ["a cat 0", "a cat 1", "a cat 2"]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_table_beside_archives_gives_captions_and_is_read(tmp_path, scan, read_all, suffix):
    zipped(tmp_path / "set/images.zip", {f"images/{n}.png": PNG for n in range(3)})
    making.tar(tmp_path / "set/more.tar", [("x.png", PNG)])
    frame = pd.DataFrame({"file_name": ["images/0.png", "1.png", "x.png"], "text": ["zero", "one", "x"]})
    path = tmp_path / f"set/metadata.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    _, rows = read_all(tmp_path / "set")
    assert captions(rows) == ["zero", "one", None, "x"]
    assert scan(tmp_path / "set").inventory.passed_over == {}


def test_a_changed_table_beside_archives_is_read_again(tmp_path, scan):
    zipped(tmp_path / "set/a.zip", {"0.png": PNG})
    making.write(tmp_path / "set/t.csv", "file_name,text\n0.png,before\n")
    before = scan(tmp_path / "set")
    making.write(tmp_path / "set/t.csv", "file_name,text\n0.png,afterwards\n")
    assert scan(tmp_path / "set").digests.dataset != before.digests.dataset


def test_a_json_file_that_describes_no_member_is_a_row_that_says_so(tmp_path, read_all):
    _, rows = read_all(zipped(tmp_path / "a.zip", {"0.png": PNG, "settings.json": json.dumps({"a": 1})}))
    assert [getattr(row, "reason", "") for row in rows] == ["", "no image in sample: its members are json"]


def test_rows_of_one_folder_do_not_describe_files_of_another(tmp_path, read_all):
    members = {"train/0.png": PNG, "test/0.png": PNG, "train/metadata.csv": "file_name,text\n0.png,of train\n"}
    _, rows = read_all(zipped(tmp_path / "a.zip", members))
    assert {row.image.partition("::")[2]: row.caption for row in rows} == {
        "train/0.png": "of train",
        "test/0.png": None,
    }


def test_files_may_be_listed_as_they_are_after_unpacking(tmp_path, read_all):
    zipped(tmp_path / "set/images.zip", {"0.png": PNG})
    making.write(tmp_path / "set/metadata.csv", "file_name,text\nimages/0.png,zero\n")
    assert captions(read_all(tmp_path / "set")[1]) == ["zero"]


def test_a_damaged_table_beside_archives_is_passed_over_and_told(tmp_path, scan):
    zipped(tmp_path / "set/images.zip", {"0.png": PNG})
    text = "file_name,text\n" + "".join(f"{n}.png,caption {n * 7919 % 10007}\n" for n in range(20_000))
    making.write(tmp_path / "set/metadata.csv.gz", gzip.compress(text.encode())[:-20_000])
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok) == (1, 1)
    assert sum(audit.inventory.passed_over.values()) == 1
