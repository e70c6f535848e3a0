"""Each image is one row, by however many ways it can be reached, and none is lost."""

import os

import making
import pandas as pd
import pytest

from auditor.types import Unreadable

JPEG = making.encoded()


@pytest.fixture
def photos(tmp_path):
    """set/photos/{0,1}.jpg"""
    for number in range(2):
        making.write(tmp_path / "set" / "photos" / f"{number}.jpg", JPEG)
    return tmp_path / "set"


def names(rows):
    return sorted(row.image for row in rows)


def test_a_table_with_its_base_below_the_input(photos, read_all):
    making.write(photos / "list.csv", "image,caption\n0.jpg,zero\n1.jpg,one\n")
    _, rows = read_all(photos, base_dir=str(photos / "photos"))
    assert [row.caption for row in rows] == ["zero", "one"]


def test_a_table_with_its_base_elsewhere_leaves_the_inputs_own_images(photos, tmp_path, read_all):
    making.write(tmp_path / "away" / "0.jpg", JPEG)
    making.write(photos / "list.csv", "image,caption\n0.jpg,zero\n")
    _, rows = read_all(photos, base_dir=str(tmp_path / "away"))
    assert len(rows) == 3


@pytest.mark.parametrize("data", [[None, None], [JPEG, None]], ids=["paths", "one embedded"])
def test_hugging_faces_struct_with_paths(photos, read_all, data):
    images = [{"bytes": found, "path": f"photos/{number}.jpg"} for number, found in enumerate(data)]
    pd.DataFrame({"image": images}).to_parquet(photos / "list.parquet")
    _, rows = read_all(photos)
    # an embedded image and a file of its name are two
    assert len(rows) == (2 if data[0] is None else 3)
    assert all(row.content.read(1 << 20) == JPEG for row in rows)


@pytest.mark.parametrize("follow_links", [False, True])
@pytest.mark.parametrize("target", [".", "photos"])
def test_a_link_to_a_folder_of_the_dataset(photos, read_all, follow_links, target):
    os.symlink(photos / target, photos / "again")
    _, rows = read_all(photos, follow_links=follow_links)
    assert names(rows) == ["photos/0.jpg", "photos/1.jpg"]


def test_a_table_that_names_images_through_a_link(photos, read_all):
    os.symlink(photos / "photos", photos / "again")
    making.write(photos / "list.csv", "image\nagain/0.jpg\n./photos/../photos/1.jpg\n")
    _, rows = read_all(photos)
    assert len(rows) == 2


def test_a_table_that_names_images_through_a_followed_link(photos, tmp_path, read_all):
    making.write(tmp_path / "away" / "2.jpg", JPEG)
    os.symlink(tmp_path / "away", photos / "away")
    making.write(photos / "list.csv", "image\naway/2.jpg\n")
    _, rows = read_all(photos, follow_links=True)
    assert names(rows) == ["away/2.jpg", "photos/0.jpg", "photos/1.jpg"]


# ---- archives beside images


@pytest.mark.parametrize("table", [None, "metadata.csv", "list.csv"])
def test_an_archive_beside_images_is_a_row_that_says_so(photos, read_all, table):
    if table:
        making.write(photos / table, "file_name,text\nphotos/0.jpg,zero\nphotos/1.jpg,one\n")
    making.tar(photos / "backup.tar", [("photos/0.jpg", JPEG)])
    reader, rows = read_all(photos)
    assert reader == {None: "folder", "metadata.csv": "imagefolder", "list.csv": "table"}[table]
    assert [row.image for row in rows if isinstance(row, Unreadable)] == ["backup.tar"]
    assert len(rows) == 3


def test_a_few_loose_images_beside_archives_are_rows(tmp_path, read_all):
    for number in range(3):
        making.tar(tmp_path / f"{number}.tar", [(f"{number}.jpg", JPEG)])
    making.write(tmp_path / "preview.jpg", JPEG)
    making.write(tmp_path / "preview.txt", "a preview")
    reader, rows = read_all(tmp_path)
    assert reader == "webdataset"
    assert names(rows) == ["0.tar::0.jpg", "1.tar::1.jpg", "2.tar::2.jpg", "preview.jpg"]
    assert rows[-1].caption == "a preview"


def test_a_link_to_the_folder_itself_does_not_make_an_archive_two(photos, read_all):
    (photos / "photos" / "1.jpg").unlink()
    making.tar(photos / "x.tar", [("0.jpg", JPEG)])
    os.symlink(".", photos / "self")
    assert read_all(photos)[0] == "folder"
