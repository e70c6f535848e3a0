"""Datasets that lost rows, or stopped a scan, until somebody looked: none is lost now, and each says why."""

import base64
import gzip
import io
import json
import lzma
import os
import tarfile
import time

import making
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

import auditor
from auditor.errors import EvidenceError
from auditor.storage import lines as table_lines
from auditor.storage.delimiters import Dialect
from auditor.types import Unreadable


def reasons(audit):
    return " | ".join(audit.unreadable_reasons)


def test_a_truncated_table_among_others_is_a_row_that_says_so(tmp_path, scan):
    for number in range(3):
        pd.DataFrame({"url": [f"http://x.org/{number}-{n}.jpg" for n in range(10)]}).to_parquet(
            tmp_path / f"{number}.parquet"
        )
    data = (tmp_path / "1.parquet").read_bytes()
    (tmp_path / "1.parquet").write_bytes(data[:-20])
    audit = scan(tmp_path, out="../out")
    assert (audit.counts.rows, audit.counts.unreadable) == (21, 1)
    assert "the table cannot be read" in reasons(audit)


def test_only_newlines_end_lines(read_all, tmp_path):
    making.write(tmp_path / "a.tsv", "a caption\u2028two\thttp://x.com/1.jpg\nb\x0bc\rd\thttp://x.com/2.jpg\n")
    _, rows = read_all(tmp_path / "a.tsv")
    assert [row.caption for row in rows] == ["a caption\u2028two", "b\x0bc\rd"]


def test_a_quote_inside_a_field_is_just_that(read_all, tmp_path):
    lines = ["caption,url", 'a 12" ruler,http://x.org/0.jpg']
    lines += [f'"one\ntwo {n}",http://x.org/{n}.jpg' for n in range(1200)]
    making.write(tmp_path / "a.csv", "\n".join(lines) + "\n")
    _, rows = read_all(tmp_path / "a.csv")
    assert len(rows) == 1201
    assert {row.caption.partition(" ")[0] for row in rows[1:]} == {"one\ntwo"}


def test_a_stray_quote_at_the_start_of_a_large_file_is_an_error_that_names_it(tmp_path, scan):
    making.write(tmp_path / "a.csv", '"' + "x" * (17 << 20))
    with pytest.raises(auditor.errors.DatasetError, match=r"a\.csv: none of its columns") as error:
        scan(tmp_path / "a.csv")
    assert len(str(error.value)) < 300


def test_images_deep_below_a_metadata_file_are_rows(tmp_path, scan):
    for number in range(5):
        making.write(tmp_path / f"set/data/train/{number}.jpg", making.encoded(seed=number))
    making.write(tmp_path / "set/metadata.csv", "file_name,text\ndata/train/0.jpg,a\n")
    assert scan(tmp_path / "set").counts.rows == 5


def test_links_out_of_the_dataset_are_not_followed_for_tables_and_archives(tmp_path, scan):
    making.write(tmp_path / "secret.csv", "url,caption\nhttp://x.org/a.jpg,TOPSECRET\n")
    making.tar(tmp_path / "secret.tar", [("a.jpg", making.encoded())])
    for name in ("csv", "tar"):
        (tmp_path / name).mkdir()
        os.symlink(tmp_path / f"secret.{name}", tmp_path / name / f"m.{name}")
        audit = scan(tmp_path / name, out=f"out-{name}")
        assert (audit.counts.rows, audit.counts.unreadable) == (1, 1)
        assert "link leaves the dataset folder" in reasons(audit)


def test_a_pipe_named_like_a_table_stops_nothing(tmp_path, scan):
    making.write(tmp_path / "set/a.jpg", making.encoded())
    os.mkfifo(tmp_path / "set/m.csv")
    audit = scan(tmp_path / "set")
    assert (audit.counts.ok, audit.counts.unreadable) == (1, 1)
    assert "not a regular file" in reasons(audit)


@pytest.mark.parametrize(
    "row", [{"pwatermark": 10**400}, {"original_width": 1e999, "original_height": 5}, {"x": "\ud800"}]
)
def test_absurd_values_stop_nothing(tmp_path, scan, row):
    making.write(tmp_path / "set/a.png", making.encoded("PNG", width=300, height=300))
    making.write(tmp_path / "set/metadata.jsonl", json.dumps({"file_name": "a.png", **row}) + "\n")
    assert scan(tmp_path / "set").counts.rows == 1


def test_names_with_lone_surrogates_stop_nothing(tmp_path, scan):
    making.write(tmp_path / "set/a.png", making.encoded("PNG"))
    making.write(tmp_path / "set/metadata.jsonl", '{"file_name": "\\ud800.jpg"}\n')
    assert scan(tmp_path / "set").counts.rows == 2


def packed():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = 400_000
        archive.addfile(info, io.BytesIO(os.urandom(400_000)))
    return out.getvalue()


@pytest.mark.parametrize(("suffix", "pack"), [("tar.gz", gzip.compress), ("tar.xz", lzma.compress)])
def test_a_damaged_compressed_archive_is_a_row_that_says_so(tmp_path, scan, suffix, pack):
    data = bytearray(pack(packed()))
    for at in range(len(data) // 2, len(data) // 2 + 64):
        data[at] ^= 0xFF
    making.write(tmp_path / f"a.{suffix}", bytes(data))
    audit = scan(tmp_path / f"a.{suffix}")
    assert audit.counts.unreadable >= 1


def test_an_archive_of_nothing_but_long_names_is_a_row_that_says_so(tmp_path, scan):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1
    making.write(tmp_path / "a.tar", (header.tobuf(tarfile.GNU_FORMAT) + b"a" + bytes(511)) * 3000)
    assert scan(tmp_path / "a.tar").counts.unreadable == 1


def test_a_missing_shard_of_img2dataset_is_as_many_lost_rows(tmp_path, scan):
    (tmp_path / "set").mkdir()
    for shard in ("00000", "00001"):
        keys = [f"{shard}{n:04d}" for n in range(3)]
        making.tar(tmp_path / f"set/{shard}.tar", [(f"{key}.jpg", making.encoded()) for key in keys])
        table = {"key": keys, "status": "success", "error_message": None, "url": "http://x.org/a.jpg", "width": 64}
        pd.DataFrame(table).to_parquet(tmp_path / f"set/{shard}.parquet")
        making.write(tmp_path / f"set/{shard}_stats.json", '{"count": 3}')
    (tmp_path / "set/00001.tar").unlink()
    audit = scan(tmp_path / "set")
    assert (audit.counts.ok, audit.counts.unreadable) == (3, 3)
    assert "listed, but not in the shard" in reasons(audit)


def test_a_changed_label_is_a_changed_dataset(tmp_path, scan):
    making.write(tmp_path / "set/a.jpg", making.encoded())
    making.write(tmp_path / "set/metadata.csv", "file_name,synthetic\na.jpg,0\n")
    audit = scan(tmp_path / "set")
    assert auditor.is_same_dataset(audit, tmp_path / "set", jobs=1)
    making.write(tmp_path / "set/metadata.csv", "file_name,synthetic\na.jpg,1\n")
    assert not auditor.is_same_dataset(audit, tmp_path / "set", jobs=1)


def test_evidence_that_lost_a_part_is_not_merged(tmp_path, scan):
    for name in ("one", "two"):
        for table in "ab":
            making.write(
                tmp_path / name / f"{table}.csv",
                "url\n" + "".join(f"http://{name}.org/{table}{n}.jpg\n" for n in range(5)),
            )
        audit = scan(tmp_path / name, out=f"out-{name}")
        auditor.write(audit, auditor.decide(audit), tmp_path / f"out-{name}")
    part = next((tmp_path / "out-two/evidence").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-30])
    with pytest.raises(EvidenceError, match="is damaged or incomplete"):
        auditor.merge([tmp_path / "out-one", tmp_path / "out-two"], tmp_path / "merged")


def test_a_pattern_of_millions_of_names_is_refused(tmp_path):
    from auditor.config import ReadOptions
    from auditor.errors import NoSuchInput
    from auditor.readers import listing

    with pytest.raises(NoSuchInput, match="more than a million"):
        listing.parse(tmp_path / "{0000000..9999999}.parquet", ReadOptions())


@pytest.mark.parametrize("stray", [(20,), (20, 900), (0, 999), tuple(range(0, 1000, 7))], ids=len)
def test_a_stray_quote_at_the_start_of_a_caption_swallows_no_row(tmp_path, read_all, stray):
    lines = ["{0},{1}cap {0},http://x.org/{0}.jpg".format(n, '"' * (n in stray)) for n in range(1000)]
    lines[500] = '500,"two\nlines, ""quoted""",http://x.org/500.jpg'
    making.write(tmp_path / "a.csv", "id,caption,url\n" + "\n".join(lines) + "\n")
    _, rows = read_all(tmp_path / "a.csv")
    assert [row.key for row in rows] == [str(n) for n in range(1000)]
    expected = ['"' * (n in stray) + f"cap {n}" for n in range(1000)]
    expected[500] = 'two\nlines, "quoted"'
    assert [row.caption for row in rows] == expected
    assert rows[999].url == "http://x.org/999.jpg"


def test_fields_before_a_stray_quote_have_none(tmp_path, read_all):
    text = '"url","caption, short","n"\n"http://x.org/0.jpg","a ""dog"", sitting","1"\n"http://x.org/1.jpg","b,1\n'
    making.write(tmp_path / "a.csv", text)
    _, (first, second) = read_all(tmp_path / "a.csv", caption_col="caption, short")
    assert (first.url, first.caption) == ("http://x.org/0.jpg", 'a "dog", sitting')
    assert (second.url, second.caption) == ("http://x.org/1.jpg", '"b')


def test_a_stray_quote_in_a_large_table_swallows_no_row(tmp_path, read_all):
    lines = [f"http://x.org/{n}.jpg,{'x' * 230}" for n in range(90_000)]  # 22 MB, more than a field of csv may hold
    lines[10] = f'http://x.org/10.jpg,"{"x" * 230}'
    making.write(tmp_path / "a.csv", "url,caption\n" + "\n".join(lines) + "\n")
    _, rows = read_all(tmp_path / "a.csv")
    assert (len(rows), len({row.key for row in rows})) == (90_000, 90_000)
    assert not any(isinstance(row, Unreadable) for row in rows)


@pytest.mark.parametrize("line", ['"http://x.org/1.jpg","caption of a dog', 'x","y', '"a","b', '"a"b,"c'])
def test_a_stray_quote_in_every_line_costs_no_more_than_its_length(tmp_path, line):
    path = making.write(tmp_path / "a.csv", f"{line}\n" * 40_000)
    started = time.process_time()
    assert sum(piece.rows for piece in table_lines.chunks(str(path), 1000, quoted=b",")) == 40_000
    assert sum(1 for _ in Dialect(",", is_quoted=True).records(io.StringIO(path.read_text(), newline=""))) == 40_000
    assert time.process_time() - started < 10  # 0.6 s; an hour if each line read those after it


PIECES = ["a", '"', ",", "\n", '""', ',"', '\n"', '"\n', '",', '"\r\n', "é", '","', "x,"]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
@examples(300)
def test_a_record_is_the_same_whatever_is_read_with_it(tmp_path_factory, parts):
    text = "u,c\n" + "".join(parts)
    path = making.write(tmp_path_factory.mktemp("csv") / "a.csv", text)
    dialect, lines = Dialect(",", is_quoted=True), list(io.StringIO(text, newline=""))
    records, found, ends = dialect.records(lines), [], []
    for record in records:
        found.append(record)
        ends.append(len("".join(lines[: records.line_num]).encode()))
    pieces = [(piece.start, piece.stop) for piece in table_lines.chunks(str(path), 1, quoted=b",")]
    assert [stop for _, stop in pieces] == ends
    texts = [text.encode()[start:stop].decode() for start, stop in pieces]
    assert [record for piece in texts for record in dialect.records(io.StringIO(piece, newline=""))] == found


def test_images_in_base64_without_a_header_lose_no_row(tmp_path, read_all):
    encoded = [base64.b64encode(making.encoded(seed=number)).decode() for number in range(3)]
    text = "".join(f"10{number}\t{image}\n" for number, image in enumerate(encoded))
    _, rows = read_all(making.write(tmp_path / "train_imgs.tsv", text))
    assert [row.key for row in rows] == ["100", "101", "102"]
    assert all(row.content for row in rows)
