"""Names that tables and file systems spell differently, and tables that are saved twice."""

import unicodedata

import making
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    frame().to_json(tmp_path / "set/a.jsonl", orient="records", lines=True)
    frame().to_csv(tmp_path / "set/b.tsv", sep="\t", index=False)
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.ok, audit.counts.repeated_images) == (3, 3, 0)
    assert audit.inventory.passed_over == {
        "table without images of its own, .jsonl": 1,
        "table without images of its own, .tsv": 1,
    }


@pytest.mark.parametrize(
    "other", [frame().assign(caption="another"), frame(2), frame().iloc[::-1]], ids=["captions", "fewer rows", "order"]
)  # fmt: skip
def test_tables_that_differ_are_all_read(tmp_path, scan, other):
    images(tmp_path / "set")
    frame().to_csv(tmp_path / "set/a.csv", index=False)
    other.to_json(tmp_path / "set/b.jsonl", orient="records", lines=True)
    audit = scan(tmp_path / "set")
    assert (audit.counts.rows, audit.counts.repeated_images) == (3 + len(other), len(other))
    assert audit.inventory.passed_over == {}
