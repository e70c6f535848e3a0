"""Which files a table or an archive means, where several could be meant."""

import zipfile

import fsspec
import making
import pandas as pd
import pytest

import auditor
from auditor.storage import own_tables
from auditor.types import Unreadable

GENERATED = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: x"


def archive(path, members):
    if path.suffix != ".zip":
        return making.tar(path, members, "w:gz" if path.suffix == ".gz" else "w")
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def images_of(rows):
    return [row.image.rpartition("::")[2] for row in rows]


@pytest.mark.parametrize(
    ("table", "folder"),
    [("{}.csv", "{}"), ("annotations/{}.csv", "{}2017"), ("ann/captions_{}2017.csv", "images/{}"),
     ("{}_metadata.csv", "data/{}-images")],
)  # fmt: skip
@pytest.mark.parametrize("split", ["train", "val"])
def test_of_folders_with_the_same_names_the_one_named_like_the_table_is_meant(tmp_path, read_all, table, folder, split):
    for name in ("train", "val"):
        for number in range(2):
            making.write(tmp_path / folder.format(name) / f"{number}.jpg", making.encoded(seed=number))
        making.write(tmp_path / table.format(name), f"file_name,text\n0.jpg,a {name}\n1.jpg,b {name}\n")
    _, rows = read_all(tmp_path)
    mine = [row for row in rows if row.caption and row.caption.endswith(split)]
    assert images_of(mine) == [f"{folder.format(split)}/{number}.jpg" for number in range(2)]
    assert len(rows) == 4


def test_a_name_that_begins_with_a_slash_is_in_the_dataset_if_it_is_there(tmp_path, read_all):
    for number in range(2):
        making.write(tmp_path / f"set/images/{number}.jpg", making.encoded(seed=number))
    making.write(tmp_path / "secret.jpg", making.encoded())
    names = ("/images/0.jpg", "images/1.jpg", "/../secret.jpg", "/etc/hostname", f"{tmp_path}/secret.jpg")
    making.write(tmp_path / "set/a.csv", "file_name,text\n" + "".join(f"{name},a\n" for name in names))
    _, rows = read_all(tmp_path / "set")
    assert images_of(rows)[:2] == ["images/0.jpg", "images/1.jpg"]
    assert len(rows) == len(names)
    for row in rows[2:]:
        with pytest.raises(auditor.errors.SampleError, match="leaves"):
            row.content.read(1)


@pytest.mark.parametrize("suffix", ["TXT", "Txt", "CAPTION", "txt"])
def test_a_text_beside_an_image_may_be_in_capitals(tmp_path, scan, suffix):
    making.write(tmp_path / "set/a.JPG", making.encoded())
    making.write(tmp_path / f"set/a.{suffix}", GENERATED)
    audit = scan(tmp_path / "set")
    assert (audit.confirmed.count, audit.inventory.sidecars) == (1, 1)


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_names_with_dots_have_captions_of_their_own(tmp_path, read_all, suffix):
    members = [(f"IMG.{number:02}.jpg", making.encoded(seed=number)) for number in range(3)]
    texts = [(f"IMG.{number:02}.txt", f"caption {number}".encode()) for number in (0, 2)]
    archive(tmp_path / f"a.{suffix}", members + texts)
    _, rows = read_all(tmp_path)
    assert {row.image[-6:-4]: row.caption for row in rows} == {"00": "caption 0", "01": None, "02": "caption 2"}


def test_a_text_of_the_whole_sample_is_of_each_of_its_images(tmp_path, read_all):
    members = [("a.left.jpg", making.encoded()), ("a.right.jpg", making.encoded(seed=1)), ("a.txt", b"both")]
    making.tar(tmp_path / "a.tar", members)
    _, rows = read_all(tmp_path)
    assert [row.caption for row in rows] == ["both", "both"]


def test_a_column_of_files_that_are_there_counts_before_one_of_urls(tmp_path, read_all):
    lines = [f"images/{number}.jpg,https://commons.example/wiki/{number},a cat" for number in range(3)]
    for number in range(3):
        making.write(tmp_path / f"set/images/{number}.jpg", making.encoded(seed=number))
    making.write(tmp_path / "set/a.csv", "\n".join(["filename,url,caption", *lines]) + "\n")
    making.write(tmp_path / "urls/a.csv", "\n".join(["filename,url,caption", *lines]) + "\n")
    _, rows = read_all(tmp_path / "set")
    assert images_of(rows) == [f"images/{number}.jpg" for number in range(3)]
    assert {row.caption for row in rows} == {"a cat"}
    _, rows = read_all(tmp_path / "urls")
    assert [row.content for row in rows] == [None] * 3


def write_table(folder, header, line):
    """Three images and a table with a line for each."""
    for number in range(3):
        making.write(folder / f"{number}.jpg", making.encoded(seed=number))
    making.write(folder / "a.csv", "\n".join([header, *(line.format(number) for number in range(3))]) + "\n")


def test_captions_that_end_like_file_names_are_captions(tmp_path, read_all):
    write_table(tmp_path, "filename,caption", "{0}.jpg,IMG_{0:04}.jpg")
    _, rows = read_all(tmp_path)
    assert {row.image: row.caption for row in rows} == {f"{n}.jpg": f"IMG_{n:04}.jpg" for n in range(3)}


def test_names_that_files_had_before_are_no_images(tmp_path, read_all):
    write_table(tmp_path, "image,original_filename,caption", "{0}.jpg,DSC_{0}.JPG,a cat")
    _, rows = read_all(tmp_path)
    assert images_of(rows) == [f"{number}.jpg" for number in range(3)]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_texts_and_companions_of_an_archive_are_no_lost_samples(tmp_path, read_all, suffix):
    members = [("README.md", b"x"), ("train.csv", b"a,b\n1,2\n"), ("data.yaml", b"x"), ("labels/0.txt", b"1 0.5 0.5")]
    members += [(f"images/{number}.jpg", making.encoded(seed=number)) for number in range(2)]
    members += [("Annotations/1.xml", b"<x/>"), ("images/2.txt", b"its image is lost"), ("clips/3.mp4", b"film")]
    archive(tmp_path / f"a.{suffix}", members)
    _, rows = read_all(tmp_path)
    assert sorted(row.key for row in rows) == ["clips/3", "images/0", "images/1", "images/2"]
    assert {row.key: row.reason for row in rows if isinstance(row, Unreadable)} == {
        "clips/3": "no image in sample: its members are mp4",
        "images/2": "no image in sample: its members are txt",
    }


def test_an_archive_of_texts_alone_is_no_dataset_without_a_word(tmp_path, read_all):
    archive(tmp_path / "a.tar", [("labels/0.txt", b"a"), ("labels/1.txt", b"b")])
    _, rows = read_all(tmp_path / "a.tar")
    assert [row.reason for row in rows] == ["no image in sample: its members are txt"] * 2


@pytest.mark.parametrize("columns", [own_tables.LABELS, own_tables.KEEP_LIST, own_tables.EXPORT])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_that_an_audit_wrote_are_no_part_of_the_dataset(tmp_path, scan, columns, suffix):
    for number in range(2):
        making.write(tmp_path / f"set/{number}.jpg", making.encoded(seed=number))
    before = scan(tmp_path / "set", out="a")
    table = pd.DataFrame([dict.fromkeys(columns, "0.jpg")])
    table.to_csv(tmp_path / "set/own.csv", index=False) if suffix == "csv" else table.to_parquet(
        tmp_path / "set/own.parquet"
    )
    after = scan(tmp_path / "set", out="a")
    assert after.digests.dataset == before.digests.dataset
    assert (after.inventory.hidden, after.inventory.passed_over) == (before.inventory.hidden + 1, {})
    assert auditor.is_same_dataset(tmp_path / "a", tmp_path / "set", jobs=1, engine="serial")


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_images_named_like_companions_are_images(tmp_path, read_all, suffix):
    names = ("index.jpg", "state.png", "Photos/readme.jpg", "license", "a.jpg")
    archive(
        tmp_path / f"a.{suffix}", [(name, making.encoded(seed=n)) for n, name in enumerate(names)] + [("NOTICE", b"x")]
    )
    _, rows = read_all(tmp_path)
    assert sorted(images_of(rows)) == sorted(names)


def test_a_text_of_the_same_stem_counts_before_that_of_the_sample(tmp_path, read_all):
    texts = [("b.0.txt", b"first"), ("b.txt", b"whole"), ("c.txt", b"mask too")]
    images = [(name, making.encoded(seed=n)) for n, name in enumerate(("b.0.jpg", "b.1.jpg", "c.jpg", "c.mask.png"))]
    making.tar(tmp_path / "a.tar", sorted(images + texts))
    _, rows = read_all(tmp_path)
    assert [row.caption for row in rows] == ["first", "whole", "mask too", "mask too"]


def test_the_name_of_a_file_on_a_store_that_begins_with_a_slash_costs_a_row(tmp_path, read_all):
    store = fsspec.filesystem("memory")
    store.pipe("/odd-names/images/0.jpg", making.encoded())
    store.pipe("/odd-names/a.csv", b"file_name,text\n/x::zz,a\nimages/0.jpg,b\n")
    _, rows = read_all("memory://odd-names")
    assert [row.caption for row in rows] == ["a", "b"]
    assert rows[1].content.read(1 << 20) == making.encoded()


def test_a_column_that_names_other_files_is_no_column_of_images(tmp_path, read_all):
    lines = "".join(f"http://x.org/{number}.jpg,part-0.csv,c\n" for number in range(3))
    making.write(tmp_path / "part-0.csv", f"url,file,caption\n{lines}")
    _, rows = read_all(tmp_path)
    assert [row.url for row in rows] == [f"http://x.org/{number}.jpg" for number in range(3)]
    assert [row.content for row in rows] == [None] * 3


def test_a_column_of_keys_may_name_the_images_beside_other_columns(tmp_path, read_all):
    write_table(tmp_path, "id,source_file,caption", "{0}.jpg,lost/{0}.jpg,a cat")
    _, rows = read_all(tmp_path)
    assert {row.image: row.caption for row in rows if row.content}.items() >= {
        f"{n}.jpg": "a cat" for n in range(3)
    }.items()


def test_a_folder_with_few_of_the_images_is_not_meant(tmp_path, read_all):
    for number in range(3):
        making.write(tmp_path / f"images/{number}.jpg", making.encoded(seed=number))
    making.write(tmp_path / "photo/0.jpg", making.encoded(seed=9))
    making.write(tmp_path / "photo_captions.csv", "file_name,text\n0.jpg,a\n1.jpg,b\n2.jpg,c\n")
    _, rows = read_all(tmp_path)
    assert images_of(rows)[:3] == [f"images/{number}.jpg" for number in range(3)]


@pytest.mark.parametrize(
    ("table", "folders", "meant"),
    [("train_images.csv", ("test_images", "train_images"), "train_images"), ("fold_2.csv", ("fold_1", "fold_2"), "fold_2"),
     ("person_keypoints_val.csv", ("person_train", "person_val"), "person_val"),
     ("instances_2017.csv", ("2014", "2017"), "2017"), ("val.csv", ("(val", "VAL 2", "val", "val3"), "val")],
)  # fmt: skip
def test_words_that_all_folders_have_do_not_tell_which_is_meant(tmp_path, read_all, table, folders, meant):
    for folder in folders:
        making.write(tmp_path / folder / "0.jpg", making.encoded())
    making.write(tmp_path / table, "file_name,text\n0.jpg,a\n")
    _, rows = read_all(tmp_path)
    assert images_of(rows)[0] == f"{meant}/0.jpg"


def test_a_second_column_of_images_that_are_gone_is_not_left_out(tmp_path, read_all):
    making.write(tmp_path / "0.jpg", making.encoded())
    making.write(tmp_path / "a.csv", "image,after_image\n0.jpg,after/0b.jpg\n")
    _, rows = read_all(tmp_path)
    assert len(rows) == 2


@pytest.mark.parametrize("content", ["key,label\n0.jpg,real\n1.jpg,\n", "Key,Label,note\n0.jpg,Synthetic,x\n"])
def test_labels_that_people_wrote_are_no_part_of_the_dataset(tmp_path, read_all, content):
    for number in range(2):
        making.write(tmp_path / f"{number}.jpg", making.encoded(seed=number))
    making.write(tmp_path / "labels.csv", content)
    reader, rows = read_all(tmp_path)
    assert (reader, len(rows)) == ("folder", 2)
