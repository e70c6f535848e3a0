"""Names that tables and file systems spell differently, and tables that are saved twice."""

import json
import unicodedata

import making
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditor
from auditor.storage import names

JPEG = making.encoded()
DECOMPOSED = unicodedata.normalize("NFD", "café.jpg")


@pytest.mark.parametrize(
    ("on_disk", "in_table"),
    [
        ("images/a.jpg", "images\\a.jpg"),
        ("images/a.jpg", ".\\images\\a.jpg"),
        ("a.jpg", " a.jpg "),
        ("café.jpg", DECOMPOSED),
        (DECOMPOSED, "café.jpg"),
        ("two words.jpg", "two%20words.jpg"),
    ],
)
def test_an_image_is_found_under_another_spelling_and_that_is_said(tmp_path, scan, on_disk, in_table):
    making.write(tmp_path / "set" / on_disk, JPEG)
    pd.DataFrame({"image": [in_table], "caption": ["x"]}).to_csv(tmp_path / "set/t.csv", index=False)
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok) == (1, 1)
    assert sum(audit.notes.values()) == 1
    assert "spelled differently" in next(iter(audit.notes))


@pytest.mark.parametrize("name", ["a\\b.jpg", "50%.jpg", "a%20b.jpg", "café.jpg", DECOMPOSED])
def test_a_name_that_is_there_is_taken_as_it_is(tmp_path, scan, name):
    making.write(tmp_path / "set" / name, JPEG)
    making.write(tmp_path / "set" / "a" / "b.jpg", JPEG)
    pd.DataFrame({"image": [name]}).to_csv(tmp_path / "set/t.csv", index=False)
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok, audit.notes) == (2, 2, {})


def test_another_spelling_does_not_lead_out_of_the_dataset(tmp_path, scan):
    making.write(tmp_path / "secret.jpg", JPEG)
    making.write(tmp_path / "set/t.csv", "image\n..\\secret.jpg\n")
    assert scan(tmp_path / "set").counts.unreadable == 1


def test_texts_are_found_beside_images_under_another_spelling(tmp_path, read_all):
    for image, text in (("café.jpg", DECOMPOSED.replace(".jpg", ".txt")), ("b.jpg", "b.jpg.txt")):
        making.write(tmp_path / image, JPEG)
        making.write(tmp_path / text, f"of {image}")
    _, rows = read_all(tmp_path)
    assert {row.image: row.caption for row in rows} == {"café.jpg": "of café.jpg", "b.jpg": "of b.jpg"}


@given(st.text(max_size=20))
def test_a_name_is_the_first_of_its_spellings(name):
    found = names.spellings(name)
    assert found[0] == name
    assert len(set(found)) == len(found)


# ---- tables that are saved twice


def frame(count=3):
    return pd.DataFrame({"image": [f"{n}.jpg" for n in range(count)], "caption": [f"c{n}" for n in range(count)]})


def images(folder, count=3):
    for number in range(count):
        making.write(folder / f"{number}.jpg", making.encoded(seed=number))


def test_a_table_in_two_formats_is_read_once(tmp_path, scan):
    images(tmp_path / "set")
    frame().assign(url="http://x.org/a.jpg").to_parquet(tmp_path / "set/train.parquet")
    frame().iloc[::-1].to_json(tmp_path / "set/a.jsonl", orient="records", lines=True)
    frame().to_csv(tmp_path / "set/b.tsv", sep="\t", index=False)
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok, audit.counts.repeated_images) == (3, 3, 0)
    assert audit.inventory.passed_over == {
        "table that is not read, .jsonl": 1,
        "table that is not read, .tsv": 1,
    }


@pytest.mark.parametrize(
    "other", [frame().assign(caption="another"), frame(2)], ids=["captions", "fewer rows"]
)  # fmt: skip
def test_tables_that_differ_are_all_read(tmp_path, scan, other):
    images(tmp_path / "set")
    frame().to_csv(tmp_path / "set/a.csv", index=False)
    other.to_json(tmp_path / "set/b.jsonl", orient="records", lines=True)
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.repeated_images) == (3 + len(other), len(other))
    assert audit.inventory.passed_over == {}


def coco(folder):
    """COCO's folders: annotations beside images, captions beside instances of the same images."""
    images(folder / "train2017", 2)
    listed = [{"id": n, "file_name": f"{n}.jpg", "width": 64, "height": 48} for n in (1, 0)]
    said = [{"image_id": n, "id": 10 * n + k, "caption": f"caption {k} of {n}"} for n in range(2) for k in range(5)]
    boxes = [{"image_id": n, "id": n, "bbox": [0, 0, 9, 9], "category_id": 1} for n in range(2)]
    for name, content in (("captions", said), ("instances", boxes)):
        text = json.dumps({"images": listed if content is said else listed[::-1], "annotations": content})
        making.write(folder / "annotations" / f"{name}_train2017.json", text)


def flickr(folder):
    images(folder / "Images", 2)
    making.write(folder / "captions.txt", "image,caption\n0.jpg,a dog\n1.jpg,a cat\n")


def deeper(folder):
    images(folder / "data" / "images" / "train", 2)
    making.write(folder / "data" / "labels" / "train.csv", "filename,caption\n0.jpg,a dog\n1.jpg,a cat\n")


@pytest.mark.parametrize("make", [coco, flickr, deeper])
def test_a_table_finds_its_images_in_a_folder_near_it(tmp_path, scan, make):
    make(tmp_path / "set")
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok, audit.counts.repeated_images) == (2, 2, 0)
    captions = auditor.evidence(tmp_path / "audit").caption
    assert captions.notna().all()


def test_a_table_beside_its_images_is_not_led_astray(tmp_path, read_all):
    images(tmp_path, 2)
    images(tmp_path / "other", 3)
    making.write(tmp_path / "t.csv", "image,caption\n0.jpg,a dog\n2.jpg,not here\n")
    _, rows = read_all(tmp_path)
    assert [row.image for row in rows if getattr(row, "caption", None)] == ["0.jpg", "2.jpg"]


def test_a_table_that_declares_is_read_beside_one_with_captions(tmp_path, scan):
    images(tmp_path / "set", 2)
    frame(2).to_csv(tmp_path / "set/captions.csv", index=False)
    pd.DataFrame({"image": ["0.jpg", "1.jpg"], "is_ai": [1, 0]}).to_csv(tmp_path / "set/labels.csv", index=False)
    audit = scan(tmp_path / "set")
    assert (audit.confirmed.count, audit.confirmed.n) == (1, 2)


def test_images_that_come_later_are_found_by_the_next_audit(tmp_path, scan):
    making.write(tmp_path / "set/labels/t.csv", "image,caption\n0.jpg,zero\n")
    assert scan(tmp_path / "set").counts.unreadable == 1
    images(tmp_path / "set/photos", 1)
    assert scan(tmp_path / "set").counts.ok == 1


def test_a_json_table_finds_its_images_below_a_base_folder(tmp_path, read_all):
    images(tmp_path / "elsewhere", 2)
    making.write(tmp_path / "set/t.json", json.dumps([{"image": f"{n}.jpg", "caption": str(n)} for n in range(2)]))
    _, rows = read_all(tmp_path / "set", base_dir=str(tmp_path / "elsewhere"))
    assert [row.caption for row in rows] == ["0", "1"]
