import csv
import json

import fsspec
import making
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.errors import DatasetError
from auditor.types import Sample, Unreadable

JPEG = making.encoded()


@pytest.fixture
def images(tmp_path):
    for name in ("images/0.jpg", "images/1.jpg"):
        making.write(tmp_path / name, JPEG)
    return tmp_path


def table(path, rows):
    """The same rows in whichever format the name asks for."""
    frame = pd.DataFrame(rows)
    suffix = path.suffix
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False, quoting=csv.QUOTE_MINIMAL)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_local_paths_are_read_from_every_format(images, read_all, suffix):
    rows = [{"Image_Path": f"images/{n}.jpg", "TEXT": f"caption {n}", "uid": f"u{n}"} for n in range(2)]
    reader, found = read_all(table(images / f"list{suffix}", rows))
    assert reader == "table"
    assert [(row.key, row.caption, row.image) for row in found] == [
        ("u0", "caption 0", "images/0.jpg"),
        ("u1", "caption 1", "images/1.jpg"),
    ]
    assert all(row.content.read(1 << 20) == JPEG for row in found)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_urls_alone_make_a_metadata_audit(tmp_path, scan, suffix):
    rows = [{"URL": f"http://img{n}.example.co.uk/{n}.jpg", "TEXT": "a"} for n in range(5)]
    audit = scan(table(tmp_path / f"list{suffix}", rows))
    assert (audit.counts.rows, audit.counts.no_bytes) == (5, 5)
    assert [(s.value, s.rows) for s in audit.subgroups if s.by == "source"] == [("example.co.uk", 5)]


def test_a_missing_image_is_a_row_that_names_the_reason(images, scan):
    audit = scan(table(images / "list.csv", [{"path": "images/0.jpg"}, {"path": "images/none.jpg"}]))
    assert (audit.counts.ok, audit.counts.unreadable) == (1, 1)
    assert audit.unreadable_reasons == {"no such file": 1}


def test_paths_are_below_the_tables_folder_or_the_base_dir(images, read_all):
    elsewhere = making.write(images / "lists" / "list.csv", "path\n0.jpg\n")
    _, rows = read_all(elsewhere, base_dir=str(images / "images"))
    assert rows[0].content.read(1 << 20) == JPEG


def test_embedded_bytes_are_read_in_every_shape(tmp_path, read_all):
    shapes = {
        "image": [JPEG, JPEG],
        "img": [{"bytes": JPEG, "path": "a.jpg"}, {"bytes": JPEG, "path": None}],
        "jpg": pa.array([JPEG, JPEG], pa.large_binary()),
    }
    for column, values in shapes.items():
        path = tmp_path / f"{column}.parquet"
        pq.write_table(pa.table({column: values, "txt": ["a", "b"]}), path)
        _, rows = read_all(path)
        assert [row.key for row in rows] == [f"{column}.parquet#0", f"{column}.parquet#1"]
        assert all(row.content.read(1 << 20) == JPEG for row in rows)


def test_a_list_of_images_gives_a_row_each(tmp_path, read_all):
    path = tmp_path / "lists.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "image_bytes": [[JPEG, JPEG], [JPEG]]}), path)
    assert [row.key for row in read_all(path)[1]] == ["a#0", "a#1", "b#0"]


def test_a_row_without_image_and_url_is_unreadable(tmp_path, read_all):
    path = tmp_path / "holes.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "image": [JPEG, None], "url": ["http://x.org/1", None]}), path)
    _, rows = read_all(path)
    assert isinstance(rows[0], Sample)
    assert isinstance(rows[1], Unreadable)
    assert rows[1].reason == "no image in sample, and no URL"


def test_a_url_in_an_image_column_is_not_opened(tmp_path, read_all):
    _, rows = read_all(table(tmp_path / "list.csv", [{"image": "https://x.org/a.jpg"}]))
    assert rows[0].content is None
    assert rows[0].url == "https://x.org/a.jpg"


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret.png", "file:///etc/passwd", "s3://bucket/a.jpg"])
def test_a_hostile_path_is_a_row_that_was_refused(tmp_path, scan, name):
    making.write(tmp_path / "secret.png", making.png())
    (tmp_path / "deep" / "set").mkdir(parents=True)
    audit = scan(table(tmp_path / "deep" / "set" / "list.csv", [{"path": name}]))
    assert (audit.counts.rows, audit.counts.unreadable) == (1, 1)


def test_a_headerless_table_is_read_by_what_its_columns_hold(tmp_path, read_all):
    path = making.write(tmp_path / "cc3m.tsv", 'a "quoted caption\thttp://x.org/1.jpg\nanother\thttp://y.org/2.jpg\n')
    _, rows = read_all(path)
    assert [(row.caption, row.url) for row in rows] == [
        ('a "quoted caption', "http://x.org/1.jpg"),
        ("another", "http://y.org/2.jpg"),
    ]


def test_a_quoted_field_may_hold_commas_and_line_breaks(tmp_path, read_all):
    path = making.write(tmp_path / "list.csv", 'url,text\nhttp://x.org/1,"two\nlines, ""quoted"""\nhttp://x.org/2,b\n')
    assert [row.caption for row in read_all(path)[1]] == ['two\nlines, "quoted"', "b"]


def test_a_broken_row_is_named_and_the_others_are_read(tmp_path, read_all):
    path = making.write(tmp_path / "list.jsonl", '{"url": "http://x.org/1"}\nnot json\n{"url": "http://x.org/3"}\n')
    _, rows = read_all(path)
    assert [type(row) for row in rows] == [Sample, Unreadable, Sample]
    assert rows[1].reason == "not a JSON line"
    path = making.write(tmp_path / "list.csv", "url,text\nhttp://x.org/1,a\nhttp://x.org/2\n")
    _, rows = read_all(path)
    assert rows[1].reason == "1 fields where the table has 2 columns"


def test_a_cell_that_cannot_be_read_costs_its_row_only(tmp_path, read_all):
    path = tmp_path / "list.parquet"
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffa")]
    )
    pq.write_table(pa.table({"url": ["http://x.org/1", "http://x.org/2"], "text": bad}), path)
    _, rows = read_all(path)
    assert [type(row) for row in rows] == [Unreadable, Sample]


def test_column_names_can_be_overridden(tmp_path, read_all):
    path = table(tmp_path / "list.csv", [{"where": "http://x.org/1", "url": "no", "words": "hello", "n": 7}])
    _, rows = read_all(path, url_col="where", caption_col="words", id_col="n")
    assert (rows[0].key, rows[0].url, rows[0].caption) == ("7", "http://x.org/1", "hello")


def test_an_override_that_the_table_lacks_is_an_error_that_lists_its_columns(tmp_path, read_all):
    path = table(tmp_path / "list.csv", [{"url": "http://x.org/1"}])
    with pytest.raises(DatasetError, match=r"no column 'nope' \(--url-col\); there are: url"):
        read_all(path, url_col="nope")


def test_a_table_without_images_and_urls_is_an_error_that_says_what_to_do(tmp_path, read_all):
    path = table(tmp_path / "list.csv", [{"a": 1, "b": 2}])
    with pytest.raises(DatasetError, match="--image-col or --url-col"):
        read_all(path)


def test_a_file_that_is_no_parquet_is_an_error(tmp_path, read_all):
    path = making.write(tmp_path / "list.parquet", b"PAR1 not really")
    with pytest.raises(DatasetError, match="cannot be read as parquet"):
        read_all(path)


def test_ids_keep_no_decimal_point(tmp_path, read_all):
    _, rows = read_all(table(tmp_path / "list.parquet", [{"id": 1.0, "url": "u"}, {"id": None, "url": "v"}]))
    assert [row.key for row in rows] == ["1", "list.parquet#1"]


def test_a_folder_of_tables_is_one_dataset(tmp_path, read_all):
    for n in range(3):
        table(tmp_path / f"part-{n}.parquet", [{"URL": f"http://x.org/{n}", "TEXT": "a"}])
    making.write(tmp_path / "notes.csv", "who,when\nme,now\n")
    reader, rows = read_all(tmp_path)
    assert reader == "table"
    assert len(rows) == 3


def test_images_that_no_table_names_are_rows_too(images, read_all):
    making.write(images / "images" / "2.jpg", JPEG)
    table(images / "list.csv", [{"path": "images/0.jpg", "id": "x"}, {"path": "images/1.jpg", "id": "y"}])
    _, rows = read_all(images)
    assert [row.key for row in rows] == ["x", "y", "images/2.jpg"]


def test_a_pattern_names_several_tables_and_misses_are_rows(tmp_path, read_all):
    for n in (0, 2):
        table(tmp_path / f"part-{n}.csv", [{"URL": f"http://x.org/{n}"}])
    _, rows = read_all(f"{tmp_path}/part-{{0..2}}.csv")
    assert [type(row) for row in rows] == [Sample, Unreadable, Sample]
    assert rows[1].reason == "no such table"
    assert len(read_all(f"{tmp_path}/part-*.csv")[1]) == 2


def test_large_tables_are_cut_into_shards_that_cover_every_row(tmp_path, read_all):
    rows = [{"path": f"{n}.jpg", "caption": f'"{n}",\n'} for n in range(1234)]
    for suffix in (".csv", ".jsonl", ".parquet"):
        path = tmp_path / f"list{suffix}"
        pd.DataFrame(rows).to_parquet(path, row_group_size=100) if suffix == ".parquet" else table(path, rows)
        found = read_all(path)[1]
        assert [row.key for row in found] == [row["path"] for row in rows]
        assert [row.caption for row in found] == [row["caption"] for row in rows]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path, read_all):
    path = making.write(tmp_path / "list.csv", "\ufeffurl,text\nhttp://x.org/1,a\nhttp://x.org/2,b\n")
    assert [row.url for row in read_all(path)[1]] == ["http://x.org/1", "http://x.org/2"]


def test_vectors_beside_the_images_are_not_read(tmp_path, read_all):
    path = tmp_path / "list.parquet"
    vector = pa.array([[0.0] * 8], pa.list_(pa.float32(), 8))
    pq.write_table(pa.table({"url": ["http://x.org/1"], "embedding": vector, "list": [[0.5, 0.5]]}), path)
    assert set(read_all(path)[1][0].row) == {"url"}


def test_a_table_on_another_file_system_is_read(read_all):
    with fsspec.open("memory://tables/list.jsonl", "w") as file:
        file.write(json.dumps({"url": "http://x.org/1"}) + "\n")
    assert len(read_all("memory://tables/list.jsonl")[1]) == 1
    assert len(read_all("memory://tables")[1]) == 1


def test_an_empty_table_has_no_rows(tmp_path, scan):
    assert scan(making.write(tmp_path / "list.csv", "url,text\n")).counts.rows == 0
    assert scan(making.write(tmp_path / "list.jsonl", ""), out="other").counts.rows == 0
