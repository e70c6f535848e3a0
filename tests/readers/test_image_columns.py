"""Which columns hold images, and what a cell may hold: by options, schema, names and content."""

import base64
import json

import making
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.errors import DatasetError
from auditor.types import Sample, Unreadable

JPEG = making.encoded()
PNG = making.png()
B64 = base64.b64encode(JPEG).decode()


def data(row):
    return row.content.read(1 << 20)


def features(**types):
    kinds = {name: kind if isinstance(kind, dict | list) else {"_type": kind} for name, kind in types.items()}
    return {"huggingface": json.dumps({"info": {"features": kinds}})}


def parquet(path, columns, metadata=None):
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return path


def jsonl(path, rows):
    return making.write(path, "".join(json.dumps(row) + "\n" for row in rows))


# ---- by the schema


def test_the_schemas_feature_type_decides_before_names(tmp_path, read_all):
    struct = [{"bytes": JPEG, "path": None}]
    columns = {"image": ["a label"], "scan": struct, "text": ["t"]}
    path = parquet(tmp_path / "a.parquet", columns, features(image="Value", scan="Image", text="Value"))
    _, rows = read_all(path)
    assert [(row.key, data(row), row.caption) for row in rows] == [("a.parquet#0", JPEG, "t")]


@pytest.mark.parametrize("feature", [
    {"_type": "Sequence", "feature": {"_type": "Image"}}, {"_type": "List", "feature": {"_type": "Image"}},
    [{"_type": "Image"}],
])  # fmt: skip
def test_a_feature_that_is_a_list_of_images(tmp_path, read_all, feature):
    struct = [[{"bytes": JPEG, "path": None}, {"bytes": PNG, "path": None}]]
    path = parquet(tmp_path / "a.parquet", {"pages": struct}, features(pages=feature))
    assert [data(row) for row in read_all(path)[1]] == [JPEG, PNG]


@pytest.mark.parametrize(
    "metadata", [{"huggingface": "not json"}, {"huggingface": "[]"}, {"huggingface": '{"info": 3}'}]
)
def test_metadata_that_are_no_features_are_ignored(tmp_path, read_all, metadata):
    assert len(read_all(parquet(tmp_path / "a.parquet", {"url": ["http://x.org/1"]}, metadata))[1]) == 1


# ---- by content


@pytest.mark.parametrize(
    "value",
    [
        pa.array([list(JPEG)], pa.list_(pa.uint8())),
        pa.array([list(JPEG)], pa.large_list(pa.uint8())),
        pa.array([list(JPEG)], pa.list_(pa.uint8(), len(JPEG))),
        pa.array([[n - 256 if n > 127 else n for n in JPEG]], pa.list_(pa.int8())),
        pa.array([list(JPEG)], pa.list_(pa.int64())),
        pa.array([JPEG], pa.binary()),
        pa.array([JPEG], pa.large_binary()),
        pa.array([JPEG], pa.binary(len(JPEG))),
        pa.array([JPEG]).dictionary_encode(),
        pa.array([{"data": JPEG}]),
        pa.array([{"bytes": list(JPEG), "path": "x"}], pa.struct([("bytes", pa.list_(pa.uint8())), ("path", pa.string())])),
        pa.array([B64]),
        pa.array([B64.encode()]),
        pa.array([f"data:image/jpeg;base64,{B64}"]),
    ],
    ids=lambda value: str(value.type)[:40],
)  # fmt: skip
@pytest.mark.parametrize("name", ["image", "thing"])
def test_images_are_read_from_every_type_under_any_name(tmp_path, read_all, value, name):
    _, rows = read_all(parquet(tmp_path / "a.parquet", {name: value, "caption": ["c"], "vector": [[1, 2, 3]]}))
    assert [(data(row), row.caption) for row in rows] == [(JPEG, "c")]
    assert set(rows[0].row) <= {"caption"}


def test_missing_lists_of_bytes_are_rows_without_image(tmp_path, read_all):
    value = pa.array([None, list(JPEG), []], pa.list_(pa.uint8()))
    _, rows = read_all(parquet(tmp_path / "a.parquet", {"image": value}))
    assert [type(row) for row in rows] == [Unreadable, Sample, Unreadable]


@pytest.mark.parametrize(
    "text",
    [
        B64,
        base64.urlsafe_b64encode(JPEG).decode().rstrip("="),
        base64.encodebytes(JPEG).decode(),
        f"data:image/jpeg;base64,{B64}",
        f"DATA:;base64,{B64}",
        "data:image/jpeg," + "".join(f"%{byte:02x}" for byte in JPEG),
        repr(JPEG),
        repr({"bytes": JPEG, "path": None}),
        json.dumps({"b64_json": B64}),
    ],
    ids=["base64", "url-safe", "lines", "uri", "upper case", "percent", "printed", "printed struct", "object"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["image", "thing", "url"])
def test_images_are_read_from_text(tmp_path, read_all, text, column):
    frame = pd.DataFrame({column: [text, text], "caption": ["a", "b"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    for name in ("a.csv", "a.jsonl"):
        _, rows = read_all(tmp_path / name)
        assert [(data(row), row.caption, row.url) for row in rows] == [(JPEG, "a", None), (JPEG, "b", None)]
        assert set(rows[0].row) == {"caption"}


def test_damaged_base64_is_an_unreadable_row_that_says_so(tmp_path, scan):
    rows = [{"image": B64}, {"image": B64[:-3] + "!!!"}, {"image": f"data:image/png;base64,{B64[:99]}*"}]
    audit = scan(jsonl(tmp_path / "a.jsonl", rows))
    assert (audit.counts.rows, audit.counts.ok) == (3, 1)
    assert all("base64" in reason for reason in audit.unreadable_reasons)


@pytest.mark.parametrize("key", ["url", "src", "uri", "href", "URL"])
def test_an_object_with_a_url(tmp_path, read_all, key):
    path = jsonl(tmp_path / "a.jsonl", [{"photo": {key: "http://x.org/1.jpg", "width": 3}, "caption": "c"}])
    assert [(row.url, row.content, row.caption) for row in read_all(path)[1]] == [("http://x.org/1.jpg", None, "c")]
    path = parquet(tmp_path / "a.parquet", {"image": [{key: "http://x.org/1.jpg"}]})
    assert [row.url for row in read_all(path)[1]] == ["http://x.org/1.jpg"]


def test_a_list_of_urls_gives_a_row_each(tmp_path, read_all):
    path = jsonl(tmp_path / "a.jsonl", [{"id": "p", "image_urls": ["http://x.org/1.jpg", "//y.org/2.jpg"]}])
    assert [(row.key, row.url) for row in read_all(path)[1]] == [
        ("p#0", "http://x.org/1.jpg"),
        ("p#1", "http://y.org/2.jpg"),
    ]


def test_urls_are_found_by_content_and_those_of_images_are_preferred(tmp_path, read_all):
    text = (
        "page,picture_source,words\nhttp://x.org/a,http://cdn.org/a.jpg,one\nhttp://x.org/b,http://cdn.org/b.jpg,two\n"
    )
    _, rows = read_all(making.write(tmp_path / "a.csv", text))
    assert [row.url for row in rows] == ["http://cdn.org/a.jpg", "http://cdn.org/b.jpg"]


def test_paths_are_found_by_content(tmp_path, read_all):
    making.write(tmp_path / "0.jpg", JPEG)
    _, rows = read_all(making.write(tmp_path / "a.csv", "what,which\na,0.jpg\nb,1.jpg\n"))
    assert [row.image for row in rows] == ["0.jpg", "1.jpg"]


def test_names_of_what_is_behind_urls_are_no_paths(tmp_path, read_all):
    _, rows = read_all(making.write(tmp_path / "a.csv", "name,address\n0.jpg,http://x.org/0\n1.jpg,http://x.org/1\n"))
    assert [(row.url, row.content) for row in rows] == [("http://x.org/0", None), ("http://x.org/1", None)]


@pytest.mark.parametrize("paths", [["dbfs:/x/0.jpg", "dbfs:/x/1.jpg"], ["file:/x/0.jpg", "file:/x/1.jpg"]])
def test_sparks_binary_files_in_arrow(tmp_path, read_all, paths):
    table = pa.table({
        "path": paths, "modificationTime": pa.array([0, 1], pa.timestamp("ms")), "length": [1, 2], "content": [JPEG, PNG]
    })  # fmt: skip
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert [data(row) for row in read_all(tmp_path / "a.arrow")[1]] == [JPEG, PNG]


def test_bytes_that_are_no_images_leave_the_named_column(tmp_path, read_all):
    making.write(tmp_path / "0.jpg", JPEG)
    _, rows = read_all(parquet(tmp_path / "a.parquet", {"path": ["0.jpg"], "embedding": [b"\0" * 64]}))
    assert [row.image for row in rows] == ["0.jpg"]


def test_numbers_under_the_name_of_an_image_are_none(tmp_path, read_all):
    path = parquet(tmp_path / "a.parquet", {"image": [17], "image_path": ["0.jpg"]})
    assert [row.image for row in read_all(path)[1]] == ["0.jpg"]


@pytest.mark.parametrize("address", ["//x.example.org/a.jpg", "x.example.org/a.jpg", "X.example.org:8080/a.jpg?b=1"])
def test_an_address_without_scheme_is_one_in_a_column_of_urls(tmp_path, read_all, address):
    _, rows = read_all(jsonl(tmp_path / "a.jsonl", [{"url": address, "text": "t"}]))
    assert (rows[0].source, rows[0].content) == ("example.org", None)
    assert rows[0].url.startswith("http://")


# ---- several columns


@pytest.mark.parametrize(
    ("first", "second"), [("image", "conditioning_image"), ("source_image", "edited_image"), ("jpg_0", "jpg_1")]
)
def test_every_column_of_embedded_images_gives_a_row(tmp_path, read_all, first, second):
    path = parquet(
        tmp_path / "a.parquet", {"uid": ["a", "b"], first: [JPEG, JPEG], second: [PNG, None], "caption": ["x", "y"]}
    )
    _, rows = read_all(path)
    assert [(row.key, data(row)) for row in rows] == [("a", JPEG), (f"a:{second}", PNG), ("b", JPEG)]
    assert {row.caption for row in rows} == {"x", "y"}
    assert [row.key for row in read_all(parquet(path, {first: [JPEG], second: [PNG]}))[1]] == [
        "a.parquet#0",
        f"a.parquet#0:{second}",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("file_name", "target_file_name"), ("image", "conditioning_image"), ("inputImage", "outputImage")],
)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_every_column_of_paths_gives_a_row(tmp_path, read_all, first, second, suffix):
    for name in ("a/0.jpg", "b/1.jpg"):
        making.write(tmp_path / name, JPEG)
    frame = pd.DataFrame({first: ["a/0.jpg"], second: ["b/1.jpg"], "caption": ["c"]})
    path = tmp_path / f"list{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_json(path, orient="records", lines=True)
    for given in (path, tmp_path):
        _, rows = read_all(given)
        assert [(row.image, row.caption) for row in rows] == [("a/0.jpg", "c"), ("b/1.jpg", "c")]


def test_two_columns_of_urls_of_images(tmp_path, read_all):
    row = {
        "source_image_url": "http://x.org/1.jpg",
        "edited_image_url": "http://x.org/2.jpg",
        "page_url": "http://x.org/",
    }
    assert [row.url for row in read_all(jsonl(tmp_path / "a.jsonl", [row, row]))[1]] == [
        "http://x.org/1.jpg",
        "http://x.org/2.jpg",
    ] * 2


def test_other_names_of_the_same_image_give_no_row(tmp_path, read_all):
    making.write(tmp_path / "photos" / "0.jpg", JPEG)
    text = "image_path,image_name,image_id,image_url\nphotos/0.jpg,0.jpg,0,http://x.org/0.jpg\n"
    _, rows = read_all(making.write(tmp_path / "a.csv", text))
    assert [(row.image, row.url) for row in rows] == [("photos/0.jpg", "http://x.org/0.jpg")]
    path = parquet(tmp_path / "a.parquet", {"image": [JPEG], "image_name": ["0.jpg"], "file_name": ["0.jpg"]})
    assert len(read_all(path)[1]) == 1


def test_a_change_of_a_second_image_changes_the_shard(tmp_path):
    from auditor.config import ReadOptions
    from auditor.readers import listing
    from auditor.readers.table import Table

    making.write(tmp_path / "0.jpg", JPEG)
    making.write(tmp_path / "1.jpg", JPEG)
    making.write(tmp_path / "a.csv", "image,control_image\n0.jpg,1.jpg\n")
    input = listing.parse(tmp_path / "a.csv", ReadOptions())
    before = [shard.version for shard in Table().shards(input)]
    making.write(tmp_path / "1.jpg", PNG)
    assert before != [shard.version for shard in Table().shards(input)]


# ---- options


@pytest.mark.parametrize("option", ["image_col", "url_col", "caption_col", "id_col", "declared_col", "weight_col"])
def test_a_column_that_no_table_has_is_refused(tmp_path, read_all, option):
    for n in range(2):
        jsonl(tmp_path / f"{n}.jsonl", [{"url": "http://x.org/1", "size": n}])
    flag = f"--{option.replace('_', '-')}"
    for given in (tmp_path, tmp_path / "0.jsonl"):
        with pytest.raises(DatasetError, match=rf"no column 'nope' \({flag}\); there are: url, size"):
            read_all(given, **{option: "nope"})


def test_a_column_that_some_tables_lack_makes_their_rows_unreadable(tmp_path, scan):
    making.write(tmp_path / "0.jpg", JPEG)
    making.write(tmp_path / "a.csv", "picture,image\n0.jpg,none.jpg\n")
    making.write(tmp_path / "b.csv", "image\n0.jpg\n1.jpg\n")
    audit = scan(tmp_path, image_col="picture")
    assert (audit.counts.rows, audit.counts.ok) == (3, 1)
    assert audit.unreadable_reasons == {"its table has no column 'picture' (--image-col)": 2}


def test_other_tables_beside_one_with_the_named_column_are_still_none(tmp_path, read_all):
    making.write(tmp_path / "0.jpg", JPEG)
    making.write(tmp_path / "a.csv", "picture,caption\n0.jpg,c\n")
    making.write(tmp_path / "notes.csv", "who,when\nme,now\n")
    assert [row.caption for row in read_all(tmp_path, image_col="picture")[1]] == ["c"]


def test_a_named_image_column_without_any_table_is_refused(tmp_path, read_all, scan):
    making.write(tmp_path / "set" / "0.jpg", JPEG)
    with pytest.raises(DatasetError, match="--image-col nope"):
        scan(tmp_path / "set", image_col="nope")
    making.write(tmp_path / "other" / "notes.csv", "who,when\nme,now\n")
    with pytest.raises(DatasetError, match=r"no column 'nope' \(--image-col\); there are: who, when"):
        read_all(tmp_path / "other", image_col="nope")


def test_a_caption_column_that_some_tables_lack_leaves_their_rows_without_caption(tmp_path, read_all):
    jsonl(tmp_path / "a.jsonl", [{"url": "http://x.org/1", "words": "w", "text": "t"}])
    jsonl(tmp_path / "b.jsonl", [{"url": "http://x.org/2", "text": "t"}])
    assert [row.caption for row in read_all(tmp_path, caption_col="words")[1]] == ["w", None]


def test_a_named_image_column_is_the_only_one(tmp_path, read_all):
    path = parquet(tmp_path / "a.parquet", {"image": [JPEG], "control": [PNG]})
    assert [data(row) for row in read_all(path, image_col="control")[1]] == [PNG]


# ---- reasons


def test_reasons_do_not_depend_on_the_row(tmp_path, scan):
    rows = [{"image": None}] * 40 + [{"image": "none.jpg"}] * 40 + [{"image": {"width": 1}}] * 40
    path = jsonl(tmp_path / "a.jsonl", rows)
    path.write_text(path.read_text() + "nonsense\n" * 40 + "[1]\n" * 40)
    audit = scan(path)
    assert audit.counts.unreadable == 200
    assert sorted(audit.unreadable_reasons.values()) == [40, 40, 40, 80]


def test_cells_of_invalid_text_have_one_reason(tmp_path, scan):
    texts = [b"x" * n + b"\xff" for n in range(30)]
    offsets = [0]
    for text in texts:
        offsets.append(offsets[-1] + len(text))
    column = pa.Array.from_buffers(
        pa.string(), 30, [None, pa.py_buffer(pa.array(offsets, pa.int32()).buffers()[1]), pa.py_buffer(b"".join(texts))]
    )
    audit = scan(parquet(tmp_path / "a.parquet", {"url": ["http://x.org/1"] * 30, "text": column}))
    assert audit.unreadable_reasons == {"a cell cannot be read: it is not valid UTF-8": 30}
