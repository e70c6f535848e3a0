import json

import making
import pandas as pd
import pytest

from auditor.types import Unreadable

JPEG = making.encoded()


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_images_get_their_captions_from_the_metadata_file(tmp_path, read_all, suffix):
    rows = [{"file_name": "a/0.jpg", "text": "first"}, {"file_name": "1.jpg", "text": "second"}]
    for row in rows:
        making.write(tmp_path / row["file_name"], JPEG)
    path = tmp_path / f"metadata.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame = pd.DataFrame(rows)
        frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    reader, found = read_all(tmp_path)
    assert reader == "imagefolder"
    assert [(row.key, row.caption, row.source) for row in found] == [
        ("a/0.jpg", "first", "a"),
        ("1.jpg", "second", "."),
    ]


def test_each_metadata_file_speaks_for_its_own_folder(tmp_path, read_all):
    for split in ("train", "test"):
        making.write(tmp_path / split / "0.jpg", JPEG)
        making.write(tmp_path / split / "metadata.csv", f"file_name,text\n0.jpg,{split}\n")
    _, rows = read_all(tmp_path)
    assert [(row.key, row.caption) for row in rows] == [("test/0.jpg", "test"), ("train/0.jpg", "train")]


def test_rows_are_manifest_rows_plus_extra_images(tmp_path, read_all):
    for name in ("0.jpg", "extra.jpg"):
        making.write(tmp_path / name, JPEG)
    making.write(tmp_path / "metadata.csv", "file_name,text\n0.jpg,listed\ngone.jpg,missing\n")
    _, rows = read_all(tmp_path)
    assert [row.key for row in rows] == ["0.jpg", "gone.jpg", "extra.jpg"]


def test_a_declaring_column_is_read_and_others_are_not(tmp_path, scan):
    for name in ("0.jpg", "1.jpg"):
        making.write(tmp_path / name, JPEG)
    making.write(
        tmp_path / "metadata.csv", "file_name,label,generator,source\n0.jpg,ai,Midjourney,ai-site\n1.jpg,real,,\n"
    )
    assert scan(tmp_path).confirmed.count == 0
    from auditor.config import ReadOptions

    assert scan(tmp_path, out="again", read=ReadOptions(declared_col="label")).confirmed.count == 1


def test_a_hostile_file_name_is_refused(tmp_path, read_all):
    making.write(tmp_path / "set" / "0.jpg", JPEG)
    making.write(tmp_path / "secret.jpg", JPEG)
    making.write(tmp_path / "set" / "metadata.csv", "file_name,text\n../secret.jpg,x\n")
    _, rows = read_all(tmp_path / "set")
    assert not any(isinstance(row, Unreadable) for row in rows)
    with pytest.raises(Exception, match="leaves the dataset"):
        rows[0].content.read(1 << 20)
