"""Tables in the files that people have: compressed, in other encodings, as JSON, Arrow or plain lists."""

import bz2
import gzip
import json
import lzma

import making
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from auditor.errors import DatasetError
from auditor.types import Sample, Unreadable

JPEG = making.encoded()
URLS = [f"http://x.org/{n}.jpg" for n in range(3)]


@pytest.fixture
def images(tmp_path):
    for n in range(3):
        making.write(tmp_path / f"{n}.jpg", JPEG)
    return tmp_path


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


def content(kind):
    """A table of three rows as a file's bytes."""
    rows = [{"url": url, "caption": f"caption {n}"} for n, url in enumerate(URLS)]
    frame = pd.DataFrame(rows)
    if kind == "parquet":
        return frame.to_parquet()
    if kind == "arrow":
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.Schema.from_pandas(frame)) as stream:
            stream.write_table(pa.Table.from_pandas(frame))
        return sink.getvalue().to_pybytes()
    if kind in ("csv", "tsv"):
        return frame.to_csv(sep="\t" if kind == "tsv" else ",", index=False).encode()
    return frame.to_json(orient="records", lines=kind in ("jsonl", "ndjson")).encode()


def seen(rows):
    return [(row.url, row.caption) for row in rows]


EXPECTED = [(url, f"caption {n}") for n, url in enumerate(URLS)]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "ndjson", "json", "parquet", "arrow"])
@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_table_is_read(tmp_path, read_all, kind, packer):
    path = making.write(tmp_path / f"list.{kind}.{packer}", PACKERS[packer](content(kind)))
    reader, rows = read_all(path)
    assert reader == "table"
    assert seen(rows) == EXPECTED


def test_compression_is_recognised_by_content(tmp_path, read_all):
    path = making.write(tmp_path / "list.csv", gzip.compress(content("csv")) + gzip.compress(b"http://x.org/4,e\n"))
    assert seen(read_all(path)[1]) == [*EXPECTED, ("http://x.org/4", "e")]


def test_a_compressed_table_in_several_pieces_has_every_row_once(tmp_path, read_all):
    data = "url\n" + "".join(f"http://x.org/{n}.jpg\n" for n in range(250_000))
    rows = read_all(making.write(tmp_path / "list.csv.gz", gzip.compress(data.encode(), 1)))[1]
    assert len({row.url for row in rows}) == len(rows) == 250_000


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_cut_off_compressed_table_gives_its_rows_and_says_that_it_breaks_off(tmp_path, read_all, kind):
    lines = [json.dumps({"url": f"http://x.org/{n}"}) for n in range(20_000)]
    data = {"csv": "url\n" + "".join(f"http://x.org/{n}\n" for n in range(20_000)), "jsonl": "\n".join(lines)}
    data["json"] = f"[{','.join(lines)}]"
    path = making.write(tmp_path / f"list.{kind}.gz", gzip.compress(data[kind].encode())[:-2000])
    *rows, last = read_all(path)[1]
    assert len(rows) > 1000
    assert all(isinstance(row, Sample) for row in rows)
    assert isinstance(last, Unreadable)
    assert "truncated" in last.reason
    assert str(tmp_path) not in last.reason


# ---- encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
def test_text_in_another_encoding_is_read(tmp_path, read_all, kind, encoding):
    text = {
        "csv": f"url,caption\n{URLS[0]},a café\n",
        "jsonl": json.dumps({"url": URLS[0], "caption": "a café"}, ensure_ascii=False) + "\n",
        "txt": f"{URLS[0]}\n",
    }[kind]
    _, rows = read_all(making.write(tmp_path / f"list.{kind}", text.encode(encoding)))
    assert seen(rows) == [(URLS[0], None if kind == "txt" else "a café")]


def test_unicode_text_of_a_spreadsheet_has_quotes_although_tabs_separate_it(images, read_all):
    text = 'image\tcaption\r\n0.jpg\t"one, ""two"""\r\n1.jpg\tplain\r\n'
    _, rows = read_all(making.write(images / "list.csv", text.encode("utf-16")))
    assert [row.caption for row in rows] == ['one, "two"', "plain"]


def test_a_table_in_latin_1_is_read(images, read_all):
    _, rows = read_all(making.write(images / "list.csv", "image,caption\n0.jpg,caf\xe9\n1.jpg,b\n".encode("latin-1")))
    assert [row.image for row in rows] == ["0.jpg", "1.jpg"]


# ---- lists


def test_a_text_file_of_paths_is_a_table(images, read_all):
    _, rows = read_all(making.write(images / "train.txt", "0.jpg\n\n./1.jpg\r\nnone.jpg\n"))
    assert [row.image for row in rows] == ["0.jpg", "1.jpg", "none.jpg"]
    assert rows[0].content.read(1 << 20) == JPEG


def test_a_list_with_labels_behind_the_paths(images, read_all):
    making.write(images / "with blank.jpg", JPEG)
    _, rows = read_all(making.write(images / "val.txt", "0.jpg 3\n1.jpg 7\nwith blank.jpg\n"))
    assert [(row.image, row.row.get("label")) for row in rows] == [
        ("0.jpg", "3"),
        ("1.jpg", "7"),
        ("with blank.jpg", None),
    ]


def test_a_text_file_with_fields_is_delimited_text(images, read_all):
    text = "image,caption\n0.jpg,A child in a dress .\n1.jpg,A dog .\n"
    assert [row.caption for row in read_all(making.write(images / "captions.txt", text))[1]] == [
        "A child in a dress .",
        "A dog .",
    ]
    text = "0.jpg\tA child, in a dress .\n1.jpg\tA dog .\n"
    assert [row.caption for row in read_all(making.write(images / "token.txt", text))[1]] == [
        "A child, in a dress .",
        "A dog .",
    ]


def test_a_list_of_hosts_without_schemes(tmp_path, read_all):
    text = "example.com/a,b.jpg\n//cdn.example.org/2.jpg\nwww.example.co.uk/3.jpg\n"
    _, rows = read_all(making.write(tmp_path / "urls.txt", text))
    assert [row.source for row in rows] == ["example.com", "example.org", "example.co.uk"]
    assert all(row.content is None and row.url.startswith("http://") for row in rows)


def test_notes_are_no_list(tmp_path, read_all):
    with pytest.raises(DatasetError, match=r"notes\.txt"):
        read_all(making.write(tmp_path / "notes.txt", "Remember the milk.\nAnd bread.\n"), forced="table")


# ---- JSON

COCO = {
    "images": [
        {"id": 7, "file_name": "0.jpg", "coco_url": URLS[0]},
        {"id": 8, "file_name": "1.jpg", "coco_url": URLS[1]},
    ],
    "annotations": [{"image_id": 8, "caption": "c"}, {"image_id": 7, "caption": "a"}, {"image_id": 7, "caption": "b"}],
}
LOCAL = [("0.jpg", "a"), ("1.jpg", "c")]
SHAPES = {
    "coco": (COCO, [("0.jpg", "a\nb"), ("1.jpg", "c")]),
    "objects": ([{"image": "0.jpg", "caption": "a"}, {"image": "1.jpg", "caption": "c"}], LOCAL),
    "lists": ([["0.jpg", "a"], ["1.jpg", "c"]], LOCAL),
    "names": (["0.jpg", "1.jpg"], [("0.jpg", None), ("1.jpg", None)]),
    "karpathy": (
        {"images": [{"filename": "0.jpg", "sentences": [{"raw": "a"}]}, {"filename": "1.jpg", "sentences": [{"raw": "c"}]}]},
        LOCAL,
    ),
    "nested": ({"info": {"year": 2020}, "data": [{"image": "0.jpg", "text": "a"}, {"image": "1.jpg", "text": "c"}]}, LOCAL),
    "split": ({"columns": ["image", "text"], "index": [0, 1], "data": [["0.jpg", "a"], ["1.jpg", "c"]]}, LOCAL),
    "by column": ({"image": {"0": "0.jpg", "1": "1.jpg"}, "text": {"0": "a", "1": "c"}}, LOCAL),
    "by name": ({"0.jpg": {"caption": "a"}, "1.jpg": {"caption": "c"}}, LOCAL),
    "captions by name": ({"0.jpg": "a", "1.jpg": ["c"]}, LOCAL),
    "chat": (
        [
            {"id": "x", "image": "0.jpg", "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "a"}]},
            {"id": "y", "image": "1.jpg", "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "c"}]},
        ],
        LOCAL,
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_is_read_in_the_shapes_that_datasets_have(images, read_all, shape, indent):
    given, expected = SHAPES[shape]
    path = making.write(images / "rows.json", json.dumps(given, indent=indent))
    assert [(row.image, row.caption) for row in read_all(path)[1]] == expected


def test_redcaps_annotations_are_rows(tmp_path, read_all):
    rows = [{"image_id": n, "url": url, "raw_caption": "R", "caption": "r"} for n, url in enumerate(URLS)]
    path = making.write(
        tmp_path / "cats_2017.json", json.dumps({"info": {"url": "http://redcaps.xyz"}, "annotations": rows})
    )
    assert seen(read_all(path)[1]) == [(url, "r") for url in URLS]


def test_json_lines_under_another_name_are_read(tmp_path, read_all):
    assert seen(read_all(making.write(tmp_path / "train.json", content("jsonl")))[1]) == EXPECTED


def test_a_large_array_is_cut_into_shards_that_cover_every_row(tmp_path, read_all):
    rows = [{"image": f"{n}.jpg", "caption": f'[{{"{n}", \\" ]', "tags": [[n], {"a": "}"}]} for n in range(1234)]
    found = read_all(making.write(tmp_path / "list.json", json.dumps(rows)))[1]
    assert [(row.key, row.caption) for row in found] == [(row["image"], row["caption"]) for row in rows]


def test_a_broken_element_costs_its_row_only(tmp_path, read_all):
    text = f'[{{"url": "{URLS[0]}"}}, 3, {{"url": nonsense}}, {{"url": "{URLS[1]}"}}, {{"url": "http'
    _, rows = read_all(making.write(tmp_path / "list.json", text))
    assert [type(row) for row in rows] == [Sample, Unreadable, Unreadable, Sample, Unreadable]


def test_json_that_is_no_table_is_an_error(tmp_path, read_all):
    with pytest.raises(DatasetError, match="rows.json"):
        read_all(making.write(tmp_path / "rows.json", '{"a": '))
    with pytest.raises(DatasetError, match="--image-col"):
        read_all(making.write(tmp_path / "rows.json", '{"learning_rate": 0.1, "steps": 10}'))


# ---- Arrow


def stream(path, table, rows=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def pictures(count=5, first=0):
    struct = [{"bytes": JPEG, "path": None} for _ in range(count)]
    return pa.table({"image": struct, "text": [f"t{first + n}" for n in range(count)]})


@pytest.mark.parametrize("form", ["stream", "file", "feather"])
def test_arrow_is_read_as_a_stream_and_as_a_file(tmp_path, read_all, form):
    path = tmp_path / ("list.feather" if form == "feather" else "list.arrow")
    if form == "stream":
        stream(path, pictures())
    elif form == "feather":
        pyarrow.feather.write_feather(pictures(), str(path), compression="lz4", chunksize=2)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pictures().schema) as writer:
            writer.write_table(pictures(), max_chunksize=2)
    _, rows = read_all(path)
    assert [row.caption for row in rows] == [f"t{n}" for n in range(5)]
    assert all(row.content.read(1 << 20) == JPEG for row in rows)


def test_a_saved_dataset_has_the_files_that_its_state_names(tmp_path, read_all):
    for split in ("train", "test"):
        folder = tmp_path / "saved" / split
        stream(folder / "data-00000-of-00002.arrow", pictures(3))
        stream(folder / "data-00001-of-00002.arrow", pictures(2, 3))
        stream(folder / "cache-0123456789abcdef.arrow", pictures(2))
        making.write(folder / "dataset_info.json", "{}")
        listed = [{"filename": f"data-0000{n}-of-00002.arrow"} for n in range(2)]
        making.write(folder / "state.json", json.dumps({"_data_files": listed}))
    making.write(tmp_path / "saved" / "dataset_dict.json", '{"splits": ["train", "test"]}')
    reader, rows = read_all(tmp_path / "saved")
    assert reader == "table"
    assert len(rows) == 10
    assert read_all(tmp_path / "saved" / "train")[0] == "table"


def test_the_cache_of_datasets_is_read_without_computed_results(tmp_path, read_all):
    folder = tmp_path / "name" / "default" / "0.0.0" / "abc"
    stream(folder / "name-train.arrow", pictures(3))
    stream(folder / "cache-0123456789abcdef.arrow", pictures(3))
    making.write(folder.with_suffix(".lock"), "")
    assert len(read_all(folder)[1]) == len(read_all(tmp_path / "name")[1]) == 3


def test_large_arrow_files_are_cut_into_shards_that_cover_every_row(tmp_path, read_all):
    names = [f"{n}.jpg" for n in range(1234)]
    path = stream(tmp_path / "list.arrow", pa.table({"path": names}), rows=100)
    assert [row.key for row in read_all(path)[1]] == names


def test_a_damaged_arrow_file_gives_its_rows_and_says_that_it_breaks_off(tmp_path, read_all):
    path = stream(tmp_path / "list.arrow", pa.table({"url": [f"http://x.org/{n}" for n in range(1000)]}), rows=10)
    path.write_bytes(path.read_bytes()[:-5000])
    *rows, last = read_all(path)[1]
    assert len(rows) > 100
    assert isinstance(last, Unreadable)
    assert str(tmp_path) not in last.reason


def test_a_file_that_is_no_arrow_is_an_error(tmp_path, read_all):
    with pytest.raises(DatasetError, match="cannot be read as Arrow"):
        read_all(making.write(tmp_path / "list.arrow", b"not really"))


# ---- what is beside images


def test_side_cars_and_settings_beside_images_are_no_tables(images, read_all):
    for n in range(3):
        making.write(images / f"{n}.txt", f"http://x.org/{n}.jpg")
        making.write(images / f"{n}.json", json.dumps({"url": f"http://x.org/{n}.jpg", "image": "0.jpg"}))
    making.write(images / "urls.txt", "\n".join(URLS))
    making.write(images / "settings.json", '{"url": "http://x.org", "image": "none.jpg"}')
    making.write(images / "README.txt", "see 0.jpg")
    reader, rows = read_all(images)
    assert reader == "folder"
    assert len(rows) == 3


@pytest.mark.parametrize("name", ["captions.json", "labels/captions.json"])
def test_a_json_table_beside_the_images_that_it_names_is_one(images, read_all, name):
    up = "../" * name.count("/")
    making.write(images / name, json.dumps([{"image": f"{up}{n}.jpg", "caption": f"c{n}"} for n in range(2)]))
    reader, rows = read_all(images)
    assert reader == "table"
    assert [(row.image, row.caption) for row in rows] == [("0.jpg", "c0"), ("1.jpg", "c1"), ("2.jpg", None)]


def test_a_folder_of_url_lists_is_a_dataset(tmp_path, read_all):
    for n in range(2):
        making.write(tmp_path / f"part{n}.txt", "\n".join(URLS))
    assert len(read_all(tmp_path)[1]) == 6


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nimage_file_name;text\n0.jpg;a, b\n1.jpg;c\n2.jpg;d\n",
        "image_file_name|text\n0.jpg|a, b\n1.jpg|c\n2.jpg|d\n",
        "photo\ttext\n0.jpg\ta, b\n1.jpg\tc\n2.jpg\td\n",
    ],
)  # fmt: skip
def test_tables_beside_images_are_taken_in_whatever_their_dialect(images, read_all, text):
    making.write(images / "labels.csv", text)
    reader, rows = read_all(images)
    assert reader == "table"
    assert [(row.image, row.caption) for row in rows] == [("0.jpg", "a, b"), ("1.jpg", "c"), ("2.jpg", "d")]


def test_measurements_beside_images_are_no_table(images, read_all):
    making.write(images / "log.csv", "page,score\nhttp://x.org/1,0.5\nhttp://x.org/2,0.25\n")
    making.write(images / "results.csv", "name,score\ngone.jpg,0.5\n")
    assert read_all(images)[0] == "folder"


# ---- names that say little


def test_a_blob_of_a_hubs_cache_is_recognised_by_its_content(tmp_path, read_all):
    for number, kind in enumerate(("parquet", "arrow", "jsonl", "json", "csv", "csv.gz")):
        data = content(kind.removesuffix(".gz"))
        path = making.write(tmp_path / f"{number:064x}", gzip.compress(data) if kind.endswith(".gz") else data)
        reader, rows = read_all(path)
        assert (reader, kind, seen(rows)) == ("table", kind, EXPECTED)
    image = making.write(tmp_path / "f00d", JPEG)
    assert read_all(image)[0] == "folder"


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl.gz", "json"])
def test_a_link_into_a_hubs_cache_is_read_under_its_own_name(tmp_path, read_all, kind):
    data = content(kind.removesuffix(".gz"))
    blob = making.write(tmp_path / "blobs" / "0f1d", gzip.compress(data) if kind.endswith(".gz") else data)
    link = tmp_path / "snapshots" / "abc" / f"train.{kind}"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    _, rows = read_all(link)
    assert seen(rows) == EXPECTED
    assert rows[0].key == f"train.{kind}#0"


def test_an_archive_and_an_image_of_a_hubs_cache_are_read(tmp_path, read_all):
    image = making.write(tmp_path / "blobs" / "bb", JPEG)
    archive = making.tar(tmp_path / "blobs" / "aa", [("0.jpg", JPEG), ("0.txt", b"a")])
    for name, blob in (("0.tar", archive), ("0.jpg", image)):
        (tmp_path / name).symlink_to(blob)
        _, rows = read_all(tmp_path / name)
        assert [row.content.read(1 << 20) for row in rows] == [JPEG]


def test_parquet_that_names_no_images_says_what_its_columns_are(tmp_path, read_all):
    pq.write_table(pa.table({"pixels": [[0.5]], "n": [1]}), tmp_path / "list.parquet")
    with pytest.raises(DatasetError, match=r"pixels: list<element: double>, n: int64"):
        read_all(tmp_path / "list.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_columns_of_the_same_name_are_refused(tmp_path, scan, suffix):
    table = pa.Table.from_arrays([pa.array(["http://a.org/1.jpg"])] * 2, names=["url", "url"])
    path = tmp_path / f"list.{suffix}"
    if suffix == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table)
    with pytest.raises(DatasetError, match="several columns are named 'url'; rename all but one"):
        scan(path)
