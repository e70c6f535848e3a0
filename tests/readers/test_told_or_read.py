"""Layouts in which rows, captions or declarations could vanish without a word: each is read, or told."""

import base64
import io
import json
import tarfile
import time
import zipfile

import making
import pandas as pd
import pyarrow as pa
import pytest

from auditor.config import ReadOptions
from auditor.errors import DatasetError
from auditor.readers import choose
from auditor.types import Unreadable


def png(number):
    return making.encoded("PNG", seed=number)


def images(folder, names="0.png 1.png 2.png"):
    for number, name in enumerate(names.split()):
        making.write(folder / name, png(number))


def as_text(number):
    return base64.b64encode(png(number)).decode()


def tar(path, members, mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))


def zipped(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


def captions(rows):
    return sorted(row.caption or "" for row in rows if not isinstance(row, Unreadable))


# ---- tables


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"key": ["a", "b"], "image": [{"bytes": png(0)}, {"bytes": png(1)}], "label": ["real", "synthetic"]}),
        pd.DataFrame({"key": ["a", "b"], "url": ["http://x.org/a.png", "http://x.org/b.png"], "label": ["", ""]}),
        pd.DataFrame({"key": ["a", "b"], "picture": [as_text(0), as_text(1)], "label": ["real", "unsure"]}),
    ],
    ids=["bytes", "urls", "base64"],
)  # fmt: skip
def test_a_dataset_with_keys_and_labels_is_no_label_file(tmp_path, read_all, frame):
    frame.to_parquet(tmp_path / "set.parquet") if "image" in frame else frame.to_csv(tmp_path / "set.csv", index=False)
    assert len(read_all(tmp_path)[1]) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"real": [{"image": as_text(n), "text": f"c{n}"} for n in range(2)], "fake": [{"image": as_text(2), "text": "c2"}]},
        {"train": [{"file_name": f"{n}.png", "caption": f"c{n}"} for n in range(2)], "val": [{"file_name": "2.png", "caption": "c2"}],
         "licenses": [{"url": "http://license.org/by.png", "id": 1}]},
        {"splits": {"train": [{"file_name": "0.png", "caption": "c0"}], "val": [{"file_name": f"{n}.png", "caption": f"c{n}", "more": 1} for n in (1, 2)]}},
        {"_meta": {"version": 1}, **{f"{n}.png": {"caption": f"c{n}"} for n in range(3)}},
        {"images": [{"file_name": f"{n}.png", "id": str(n)} for n in range(3)], "annotations": [{"image_id": n, "caption": f"c{n}"} for n in range(3)]},
    ],
    ids=["embedded", "splits", "below", "about", "ids"],
)  # fmt: skip
def test_all_lists_of_a_json_file_are_read(tmp_path, read_all, content):
    images(tmp_path)
    making.write(tmp_path / "set.json", json.dumps(content))
    rows = read_all(tmp_path)[1]
    assert [text for text in captions(rows) if text] == ["c0", "c1", "c2"]
    assert not any(isinstance(row, Unreadable) for row in rows)


def test_the_folder_of_karpathys_splits_is_no_image(tmp_path, read_all):
    records = [{"filepath": f"{split}2014", "filename": f"{split}.png", "sentences": [{"raw": split}]}
               for split in ("train", "val")]  # fmt: skip
    for record in records:
        making.write(tmp_path / record["filepath"] / record["filename"], png(0))
    making.write(tmp_path / "dataset_coco.json", json.dumps({"images": records, "dataset": "coco"}))
    rows = read_all(tmp_path)[1]
    assert captions(rows) == ["train", "val"]
    assert [row.image for row in rows] == ["train2014/train.png", "val2014/val.png"]


@pytest.mark.parametrize("name", ["local_path", "image_local", "filename"])
@pytest.mark.parametrize("spelling", ["images/{}.png", r"images\{}.png"])
def test_files_beside_urls_are_the_images_of_these_rows(tmp_path, read_all, name, spelling):
    images(tmp_path / "images")
    lines = (f"http://x.org/{n},c{n},yes,{spelling.format(n)}\n" for n in range(3))
    making.write(tmp_path / "set.csv", f"url,caption,is_synthetic,{name}\n" + "".join(lines))
    rows = read_all(tmp_path)[1]
    assert captions(rows) == ["c0", "c1", "c2"]
    assert all(row.declared == ("is_synthetic", "yes") and row.content for row in rows)


def test_names_of_files_that_are_not_there_leave_urls(tmp_path, read_all):
    making.write(
        tmp_path / "set.csv", "file_name,coco_url\n" + "".join(f"{n}.png,http://x.org/{n}.png\n" for n in "ab")
    )
    rows = read_all(tmp_path)[1]
    assert [row.url for row in rows] == ["http://x.org/a.png", "http://x.org/b.png"]
    assert not any(row.content for row in rows)


@pytest.mark.parametrize("page", ["url", "src"])
def test_of_pages_and_images_the_images_are_meant(tmp_path, read_all, page):
    making.write(tmp_path / "set.csv", f"{page},image_link\nhttp://x.org/p.html,http://x.org/p.png\n")
    assert [row.url for row in read_all(tmp_path)[1]] == ["http://x.org/p.png"]


@pytest.mark.parametrize("name", ["index.json", "manifest.json", "state.json"])
def test_a_table_with_the_name_of_a_companion_counts_if_its_images_are_there(tmp_path, read_all, name):
    images(tmp_path)
    making.write(tmp_path / name, json.dumps([{"file_name": f"{n}.png", "caption": f"c{n}"} for n in range(3)]))
    assert captions(read_all(tmp_path)[1]) == ["c0", "c1", "c2"]


def test_a_folder_of_hundreds_of_tables_is_read(tmp_path, read_all):
    for number in range(120):
        record = {"annotations": [{"url": f"http://x.org/{number}-{n}.png", "caption": "c"} for n in range(2)]}
        making.write(tmp_path / f"annotations/{number}.json", json.dumps(record))
    assert len(read_all(tmp_path)[1]) == 240


def test_a_lost_file_of_a_saved_dataset_is_a_row(tmp_path, read_all):
    making.write(
        tmp_path / "state.json", json.dumps({"_data_files": [{"filename": f"data-{n}.arrow"} for n in (0, 1)]})
    )
    table = pa.table({"image": [png(0)]})
    with pa.ipc.new_stream(tmp_path / "data-0.arrow", table.schema) as writer:
        writer.write_table(table)
    rows = read_all(tmp_path)[1]
    assert [row.reason for row in rows if isinstance(row, Unreadable)] == ["no such table"]
    assert len(rows) == 2


def test_former_versions_of_a_delta_table_are_not_read(tmp_path, read_all):
    pd.DataFrame({"url": ["http://x.org/a.png"]}).to_parquet(tmp_path / "part-0.parquet")
    making.write(tmp_path / "_delta_log/00000000000000000000.json", "{}")
    with pytest.raises(DatasetError, match="a Delta Lake table, whose files hold rows of former versions"):
        read_all(tmp_path)


def test_a_column_that_an_option_names_keeps_its_table(tmp_path, read_all):
    images(tmp_path)
    making.write(tmp_path / "z.csv", "file_name,text\n" + "".join(f"{n}.png,c{n}\n" for n in range(3)))
    making.write(tmp_path / "b.json", json.dumps([{"file_name": f"{n}.png", "origin": "ai"} for n in range(3)]))
    rows = read_all(tmp_path, declared_col="origin")[1]
    assert sum(row.declared == ("origin", "ai") for row in rows) == 3


def test_line_breaks_in_quotes_of_tab_separated_text_end_no_row(tmp_path, read_all):
    images(tmp_path)
    frame = pd.DataFrame({"image": [f"{n}.png" for n in range(3)], "caption": [f"a {n}\nb" for n in range(3)]})
    frame.to_csv(tmp_path / "set.tsv", sep="\t", index=False)
    making.write(
        tmp_path / "plain/set.tsv", 'image\tcaption\n../0.png\t"best of all\n../1.png\ta "cat"\n../2.png\t"b" c\n'
    )
    rows = read_all(tmp_path)[1]
    assert captions(rows) == ['"b" c', '"best of all', 'a "cat"', "a 0\nb", "a 1\nb", "a 2\nb"]


@pytest.mark.parametrize(
    "line",
    ["7\thttp://x.org/p.html\thttp://x.org/a.png\ta nice cat\n", "7\tuser\ta nice cat\thttp://x.org/a.png\t0.5\n"],
)
def test_without_a_header_the_caption_is_a_text_and_the_image_no_page(tmp_path, read_all, line):
    making.write(tmp_path / "list.tsv", line * 3)
    (row, *_) = read_all(tmp_path)[1]
    assert (row.url, row.caption) == ("http://x.org/a.png", "a nice cat")


def test_the_first_images_may_be_missing(tmp_path, read_all):
    images(tmp_path / "images", "20.png 21.png")
    lines = (f"{n}.png,c{n}\n" for n in range(22))
    making.write(tmp_path / "annotations/set.csv", "file_name,text\n" + "".join(lines))
    rows = read_all(tmp_path)[1]
    there = [row for row in rows if row.image in ("images/20.png", "images/21.png")]
    assert (len(rows), captions(there)) == (22, ["c20", "c21"])


def test_the_hub_s_cache_of_a_dataset_has_each_file_once(tmp_path, read_all):
    making.write(tmp_path / "set/refs/main", "abc")
    for number in range(2):
        making.write(tmp_path / f"set/blobs/{number:064x}", png(number))
        link = tmp_path / f"set/snapshots/abc/{number}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../blobs/{number:064x}")
    assert [row.image for row in read_all(tmp_path)[1]] == [f"set/snapshots/abc/{number}.png" for number in range(2)]


@pytest.mark.parametrize("beside", [None, "extra/a.tar", "a.tar", "0.png"])
def test_folders_of_img2dataset_have_their_failed_rows(tmp_path, read_all, beside):
    for split in ("train", "val"):
        rows = [
            {
                "key": f"00000000{n}",
                "url": f"http://x.org/{split}{n}.png",
                "caption": f"{split}{n}",
                "status": "failed_to_download" if n else "success",
                "error_message": "404" if n else None,
            }
            for n in range(2)
        ]
        tar(tmp_path / split / "00000.tar", {"000000000.png": png(0), "000000000.txt": f"{split}0"})
        pd.DataFrame(rows).to_parquet(tmp_path / split / "00000.parquet")
        making.write(tmp_path / split / "00000_stats.json", json.dumps({"count": 2}))
    if beside:  # what else is there is not lost
        making.write(tmp_path / beside, png(1)) if beside.endswith("png") else tar(tmp_path / beside, {"1.png": png(1)})
    reader, rows = read_all(tmp_path)
    assert (reader == "img2dataset") == (beside is None)
    read = [row for row in rows if not isinstance(row, Unreadable)]
    if beside:
        assert len(read) == 3
    else:
        assert [row.image for row in read] == [f"{split}/00000.tar::000000000.png" for split in ("train", "val")]
        assert [row.image for row in rows if row not in read] == ["http://x.org/train1.png", "http://x.org/val1.png"]


def test_images_of_a_page_are_not_the_page(tmp_path, read_all):
    pages = [{"url": f"http://x.org/p{p}.html", "text_list": ["a"],
              "image_info": [{"raw_url": f"http://y.org/{p}{n}.png", "image_name": f"{p}{n}.png"} for n in range(2)]}
             for p in range(2)]  # fmt: skip
    making.write(tmp_path / "docs.jsonl", "".join(json.dumps(page) + "\n" for page in pages))
    assert [row.url for row in read_all(tmp_path)[1]] == [
        f"http://y.org/{p}{n}.png" for p in range(2) for n in range(2)
    ]


@pytest.mark.parametrize("key", ["metadata", "info"])
def test_rows_under_the_name_of_what_is_said_about_a_dataset_are_rows(tmp_path, read_all, key):
    images(tmp_path)
    records = [{"file_name": f"{n}.png", "caption": f"c{n}"} for n in range(3)]
    making.write(tmp_path / "set.json", json.dumps({"version": 1, key: records, "masks": [{"file_name": "m.png"}]}))
    assert captions(read_all(tmp_path)[1]) == ["c0", "c1", "c2"]


def test_an_open_quote_and_an_odd_row_of_tab_separated_text_swallow_no_others(tmp_path, read_all):
    rows = [f"http://x.org/{n}.png\tcaption {n}" for n in range(100)]
    rows[5], rows[20] = 'http://x.org/5.png\t"Untitled', "http://x.org/20.png\ta\tb"
    making.write(tmp_path / "set.tsv", "url\tcaption\n" + "\n".join(rows) + "\n")
    assert len(read_all(tmp_path)[1]) == 100


@pytest.mark.parametrize("name", ["sub/y.arrow", "/etc/y.arrow", "other/../data.arrow", "../e/b.arrow", 7, None])
def test_what_a_state_file_names_elsewhere_is_not_looked_for(tmp_path, read_all, name):
    images(tmp_path)
    making.write(tmp_path / "state.json", json.dumps({"_data_files": [{"filename": name}]}))
    assert len(read_all(tmp_path)[1]) == 3


def test_images_that_were_downloaded_in_part_keep_their_rows(tmp_path, read_all):
    images(tmp_path, "298.png 299.png")
    lines = (f"{n}.png,http://x.org/{n}.png,c{n}\n" for n in range(300))
    making.write(tmp_path / "set.csv", "file_name,url,caption\n" + "".join(lines))
    rows = read_all(tmp_path)[1]
    assert len(rows) == 300
    assert {row.caption for row in rows if row.image in ("298.png", "299.png")} == {"c298", "c299"}


def test_former_versions_of_a_partitioned_delta_table_are_not_read(tmp_path, read_all):
    (tmp_path / "set/date=2020").mkdir(parents=True)
    pd.DataFrame({"url": ["http://x.org/a.png"]}).to_parquet(tmp_path / "set/date=2020/part-0.parquet")
    making.write(tmp_path / "set/_delta_log/00000000000000000000.json", "{}")
    with pytest.raises(DatasetError, match="a Delta Lake table"):
        read_all(tmp_path)


@pytest.mark.parametrize(
    "header", ["key,label,stratum,how,labeller,stopping", "key,label,source,,,", "key,label,how,,,"]
)
def test_labels_with_addresses_of_pages_are_no_dataset(tmp_path, read_all, header):
    images(tmp_path)
    lines = (f"{n}.png,real,https://flickr.com/{n},,,\n" for n in range(3))
    making.write(tmp_path / "labels.csv", header + "\n" + "".join(lines))
    assert read_all(tmp_path)[0] == "folder"


def test_what_belongs_to_an_image_is_not_the_image(tmp_path, read_all):
    images(tmp_path / "masks")
    lines = (f"https://images.example.org/photo-{n},https://x.org/ava{n}.jpg,masks/{n}.png\n" for n in range(3))
    making.write(tmp_path / "set.csv", "url,author_image,mask\n" + "".join(lines))
    assert [row.url for row in read_all(tmp_path / "set.csv")[1]] == [
        f"https://images.example.org/photo-{n}" for n in range(3)
    ]


def test_two_copies_of_a_table_with_settings_are_read_once(tmp_path, read_all):
    images(tmp_path)
    frame = pd.DataFrame({"file_name": [f"{n}.png" for n in range(3)], "text": list("abc"), "steps": [20] * 3})
    frame.to_csv(tmp_path / "set.csv", index=False)
    frame.to_parquet(tmp_path / "set.parquet")
    assert len(read_all(tmp_path)[1]) == 3


@pytest.mark.parametrize("name", ["set.csv", "metadata.csv"])
def test_a_table_without_rows_is_a_dataset_without_rows(tmp_path, read_all, name):
    making.write(tmp_path / name, "file_name,source\n")
    assert read_all(tmp_path / name)[1] == []
    assert read_all(tmp_path)[1] == []


# ---- texts beside images


@pytest.mark.parametrize(
    ("suffix", "data", "caption"),
    [
        ("txt", "a cat".encode("utf-16"), "a cat"),
        ("txt", b"\xef\xbb\xbfa cat", "a cat"),
        ("txt", b"0 0.5 0.5 0.25 0.1\n1 0.1 0.2 0.3 0.4\n", None),
        ("txt", b"1 2 3", "1 2 3"),
        ("json", b'{"captions": ["a", "b"]}', "a\nb"),
        ("json", b'{"caption": ["a"]}', "a"),
    ],
)
def test_what_a_text_beside_an_image_says(tmp_path, read_all, suffix, data, caption):
    making.write(tmp_path / "set/0.png", png(0))
    making.write(tmp_path / f"set/0.{suffix}", data)
    tar(tmp_path / "tars/0.tar", {"0.png": png(0), f"0.{suffix}": data})
    for folder in ("set", "tars"):
        (row,) = read_all(tmp_path / folder)[1]
        assert row.caption == caption


def test_a_blank_text_hides_no_other(tmp_path, read_all):
    members = {"0.png": png(0), "0.txt": " \n", "0.caption": "a cat"}
    for name, data in members.items():
        making.write(tmp_path / "set" / name, data)
    tar(tmp_path / "tars/0.tar", members)
    for folder in ("set", "tars"):
        assert captions(read_all(tmp_path / folder)[1]) == ["a cat"]


def test_an_option_may_name_the_suffix_of_captions(tmp_path, read_all):
    members = {"0.png": png(0), "0.txt": "alt text", "0.re_caption": "better"}
    for name, data in members.items():
        making.write(tmp_path / "set" / name, data)
    tar(tmp_path / "tars/0.tar", members)
    for wanted, caption in (("txt", "alt text"), ("re_caption", "better")):
        for folder in ("set", "tars"):
            assert captions(read_all(tmp_path / folder, caption_col=wanted)[1]) == [caption]


def test_many_numbers_in_a_text_cost_no_more_than_reading_it(tmp_path, read_all):
    making.write(tmp_path / "0.png", png(0))
    making.write(tmp_path / "0.txt", "0 " + "1234 " * 20_000 + "x")
    started = time.perf_counter()
    (row,) = read_all(tmp_path)[1]
    assert row.caption.startswith("0 1234")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("name", "wanted"), [("0.re_caption", "re_caption"), ("0.png.txt", None), ("0.TXT", None), ("0.text", None)]
)
def test_a_changed_text_beside_an_image_changes_its_shard(tmp_path, name, wanted):
    making.write(tmp_path / "0.png", png(0))
    versions = set()
    for text in ("a", "b b"):
        making.write(tmp_path / name, text)
        ((input, reader),) = choose([tmp_path], ReadOptions(caption_col=wanted))
        (shard,) = reader.shards(input)
        versions.add(shard.version)
        assert [row.caption for row in reader.read(shard)] == [text]
    assert len(versions) == 2


# ---- archives


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.tar", "a.zip"])
def test_a_pointer_in_place_of_a_table_or_an_archive_is_named(tmp_path, read_all, name):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    making.write(tmp_path / "set" / name, pointer)
    for place in ("set", f"set/{name}") if name in ("a.tar", "a.zip") else ("set",):
        (row,) = read_all(tmp_path / place)[1]
        assert row.reason.endswith("cannot be read: a Git LFS pointer: run git lfs pull")


TABLE = "file_name,text,is_synthetic\n" + "".join(f"{n}.png,c{n},yes\n" for n in range(2))
PICTURES = {f"{n}.png": png(n) for n in range(2)}


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_a_table_in_an_archive_describes_its_images(tmp_path, read_all, suffix):
    members = {"metadata.csv": TABLE, **PICTURES}
    pack = zipped if suffix == "zip" else lambda path, members: tar(path, members, "w:gz" if suffix[-1] == "z" else "w")
    pack(tmp_path / f"set.{suffix}", members)
    rows = read_all(tmp_path)[1]
    assert captions(rows) == ["c0", "c1"]
    assert all(row.declared == ("is_synthetic", "yes") for row in rows)


def test_a_table_that_comes_too_late_is_told(tmp_path, read_all):
    tar(tmp_path / "late/set.tar.gz", {**PICTURES, "metadata.csv": TABLE}, "w:gz")
    *rows, late = read_all(tmp_path / "late")[1]
    assert captions(rows) == ["", ""]
    assert late.reason == (
        "metadata.csv: it describes images, but comes after some of them in a compressed archive: unpack the archive"
    )
    tar(tmp_path / "plain/set.tar", {**PICTURES, "metadata.csv": TABLE})  # can be read in any order
    assert captions(read_all(tmp_path / "plain")[1]) == ["c0", "c1"]


@pytest.mark.parametrize("folder", ["labels", "annotations/deep"])
def test_a_table_in_a_folder_of_its_own_describes_images_of_others(tmp_path, read_all, folder):
    zipped(
        tmp_path / "set.zip", {f"{folder}/t.csv": TABLE, **{f"images/{name}": data for name, data in PICTURES.items()}}
    )
    assert captions(read_all(tmp_path)[1]) == ["c0", "c1"]


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_a_table_of_images_in_an_archive_is_told(tmp_path, read_all, suffix):
    out = io.BytesIO()
    pd.DataFrame({"image": [{"bytes": png(0)}]}).to_parquet(out)
    urls = "url,text\nhttp://x.org/a.png,a\n"
    encoded = f"image,text\n{as_text(0)},a\n"
    members = {"sample.png": png(0), "a.parquet": out.getvalue(), "b.csv": urls, "c.csv": encoded, "ids.csv": "id\n1\n"}
    (zipped if suffix == "zip" else tar)(tmp_path / f"set.{suffix}", members)
    told = [row.reason for row in read_all(tmp_path)[1] if isinstance(row, Unreadable)]
    assert told == [f"{name}: a table of images inside an archive is not read: unpack the archive"
                    for name in ("a.parquet", "b.csv", "c.csv")]  # fmt: skip


@pytest.mark.parametrize(
    ("archive", "place"),
    [("images/images.zip", "images/{}.png"), ("data/train.tar", "{}.png"), ("data/train.zip", "data/train/{}.png"),
     ("images.zip", "images.zip/{}.png"), ("images.zip", "zip://{}.png::images.zip")],
)  # fmt: skip
@pytest.mark.parametrize("table", ["train.csv", "train.json"])
def test_a_table_above_an_archive_describes_its_images(tmp_path, read_all, archive, place, table):
    (zipped if archive.endswith("zip") else tar)(tmp_path / archive, PICTURES)
    records = [{"file_name": place.format(n), "text": f"c{n}"} for n in range(2)]
    frame = pd.DataFrame(records)
    frame.to_csv(tmp_path / table, index=False) if table.endswith("csv") else frame.to_json(
        tmp_path / table, orient="records"
    )
    assert captions(read_all(tmp_path)[1]) == ["c0", "c1"]


def test_of_tables_above_archives_the_one_of_their_name_is_meant(tmp_path, read_all):
    for split in ("train", "val"):
        tar(tmp_path / split / "0.tar", PICTURES)
        lines = (f"{n}.png,{split}{n},{split == 'val'}\n" for n in range(2))
        making.write(tmp_path / f"{split}.csv", "file_name,text,is_synthetic\n" + "".join(lines))
    rows = read_all(tmp_path)[1]
    assert [row.caption for row in rows] == ["train0", "train1", "val0", "val1"]
    assert [row.declared[1] for row in rows] == ["False", "False", "True", "True"]


def test_a_name_without_folders_means_no_one_of_several_members(tmp_path, read_all):
    tar(tmp_path / "set.tar", {"metadata.csv": "file_name,text\n1.png,c\n", "x/1.png": png(0), "y/1.png": png(1)})
    assert captions(read_all(tmp_path)[1]) == ["", ""]


def test_a_changed_table_above_an_archive_changes_its_shard(tmp_path):
    tar(tmp_path / "sub/0.tar", PICTURES)
    versions = set()
    for text in ("a", "b b"):
        making.write(tmp_path / "meta.csv", f"file_name,text\n0.png,{text}\n")
        ((input, reader),) = choose([tmp_path], ReadOptions())
        (shard,) = reader.shards(input)
        versions.add(shard.version)
        assert {row.caption for row in reader.read(shard)} == {text, None}
    assert len(versions) == 2


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_texts_of_samples_and_tables_of_pages_in_an_archive_are_no_lost_images(tmp_path, read_all, suffix):
    members = {"README.md": "a", "attribution.csv": "title,url\na,https://x.org/p\n", **PICTURES}
    members |= {f"annotations/{n}.json": json.dumps({"imagePath": f"{n}.png", "shapes": []}) for n in range(2)}
    tar(tmp_path / f"set.{suffix}", members, "w:gz" if suffix[-1] == "z" else "w")
    rows = read_all(tmp_path)[1]
    assert [row.image.rpartition("::")[2] for row in rows if not isinstance(row, Unreadable)] == ["0.png", "1.png"]
    assert not [row for row in rows if isinstance(row, Unreadable)]


# ---- depth, and columns named after something else


DEEP = {
    "a folder of assets": {"assets/logo.png": png(9)},
    "scripts": {"scripts/make.py": "x"},
    "a second split": {"data/test/9.png": png(9)},
}


@pytest.mark.parametrize("beside", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("kind", ["imagefolder", "parquet", "jsonl", "json", "tar", "img2dataset"])
def test_formats_are_found_in_any_depth_whatever_is_beside(tmp_path, read_all, beside, kind):
    folder = tmp_path / "set/data/train"
    folder.mkdir(parents=True)
    rows = [{"file_name": f"{n}.png", "text": f"caption {n}"} for n in range(3)]
    if kind in ("imagefolder", "jsonl", "json"):
        images(folder)
    if kind == "imagefolder":
        pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    elif kind in ("jsonl", "json"):
        pd.DataFrame(rows).to_json(folder / f"rows.{kind}", orient="records", lines=kind == "jsonl")
    elif kind == "parquet":
        pd.DataFrame([{"image": {"bytes": png(n)}, "text": f"caption {n}"} for n in range(3)]).to_parquet(
            folder / "0.parquet"
        )
    else:
        for n in range(3):
            tar(folder / f"{n:05}.tar", {f"{n:09}.png": png(n), f"{n:09}.txt": f"caption {n}"})
    if kind == "img2dataset":
        for n in range(3):
            making.write(folder / f"{n:05}_stats.json", json.dumps({"count": 2}))
            failed = {"key": f"{n:05}1", "status": "failed_to_download", "error_message": "404", "url": "http://x.org"}
            pd.DataFrame([{"key": f"{n:09}", "status": "success", "url": "http://x.org"}, failed]).to_parquet(
                folder / f"{n:05}.parquet"
            )
    for name, content in beside.items():
        making.write(tmp_path / "set" / name, content)
    _, found = read_all(tmp_path / "set")
    others = sum(name.endswith(".png") for name in beside)
    if kind != "img2dataset":
        assert len(found) == 3 + others
    elif not others:  # images beside its shards would not be read
        assert len(found) == 6
    assert captions(found)[-3:] == ["caption 0", "caption 1", "caption 2"]


@pytest.mark.parametrize("column", ["url", "image_url", "src"])
@pytest.mark.parametrize("prefix", ["images/", "/images/", "./images/"])
def test_paths_of_images_in_a_column_of_urls_are_paths(tmp_path, read_all, column, prefix):
    images(tmp_path / "set/images")
    frame = pd.DataFrame({column: [f"{prefix}{n}.png" for n in range(3)], "caption": list("abc"), "is_ai": 1})
    frame.to_csv(tmp_path / "set/t.csv", index=False)
    for options in ({}, {"image_col": column}):
        _, found = read_all(tmp_path / "set", **options)
        assert [(row.image, row.caption, row.url) for row in found] == [
            (f"images/{n}.png", caption, None) for n, caption in enumerate("abc")
        ]
        assert all(row.content and row.declared for row in found)


def test_text_of_another_encoding_is_told(tmp_path, scan):
    images(tmp_path / "set")
    making.write(tmp_path / "set/t.csv", "file_name,text\n0.png,Müller läuft\n1.png,b\n".encode("cp1252"))
    assert {"UTF-8" in note: rows for note, rows in scan(tmp_path / "set").notes.items()} == {True: 1}
