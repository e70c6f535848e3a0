import gzip
import io
import json
import tarfile
import zipfile
from dataclasses import replace

import fsspec
import making
import pytest
import webdataset

from auditor.config import ReadOptions
from auditor.errors import SampleError
from auditor.images import optional_decoders
from auditor.readers import archive, listing
from auditor.readers.webdataset import Webdataset
from auditor.storage import files
from auditor.types import Need, Sample, Unreadable

JPEG = making.encoded()


def reasons(rows):
    return [row.reason if isinstance(row, Unreadable) else "" for row in rows]


def test_settings_in_the_text_member_of_a_sample_declare_its_image(tmp_path, scan):
    members = [("a.jpg", making.encoded()), ("a.txt", making.A1111.encode())]
    members += [("b.jpg", making.encoded(seed=1)), ("b.txt", b"a harbour")]
    audit = scan(making.tar(tmp_path / "a.tar", members))
    assert (audit.confirmed.count, audit.confirmed.n) == (1, 2)


def test_heic_members_and_bytes_under_other_names_are_rows(tmp_path, scan, monkeypatch):
    monkeypatch.setattr(optional_decoders, "_is_loaded", lambda decoder: False)
    packet = making.xmp("", f'Iptc4xmpExt:DigitalSourceType="{making.SOURCE_TYPE}trainedAlgorithmicMedia"')
    members = [
        ("a.heic", making.heif(xmp=packet)),
        ("b.jpg", making.heif()),
        ("c.png", making.jxl(making.box(b"xml ", packet))),
    ]
    audit = scan(making.tar(tmp_path / "a.tar", members))
    assert (audit.counts.rows, audit.counts.ok, audit.confirmed.count) == (3, 3, 2)


def test_members_group_on_the_path_up_to_the_first_dot(tmp_path, read_all):
    members = [
        ("a/0.jpg", JPEG),
        ("a/0.txt", b"first"),
        ("a/1.left.png", making.png()),
        ("a/1.json", b'{"caption": "second"}'),
    ]
    reader, rows = read_all(making.tar(tmp_path / "x.tar", members))
    assert reader == "webdataset"
    assert [(row.key, row.image, row.caption) for row in rows] == [
        ("a/0", "x.tar::a/0.jpg", "first"),
        ("a/1", "x.tar::a/1.left.png", "second"),
    ]


def test_tars_of_the_webdataset_library_are_read(tmp_path, read_all):
    with webdataset.TarWriter(str(tmp_path / "w.tar")) as sink:
        for number in range(10):
            sink.write(
                {"__key__": f"k{number}", "jpg": JPEG, "txt": f"caption {number}", "json": {"url": "http://x.org"}}
            )
    _, rows = read_all(tmp_path / "w.tar")
    assert [(row.key, row.caption) for row in rows] == [(f"k{n}", f"caption {n}") for n in range(10)]
    assert {row.source for row in rows} == {"x.org"}
    assert all(row.content.read(1 << 20) == JPEG for row in rows)


def test_a_sample_without_an_image_is_an_unreadable_row(tmp_path, read_all):
    _, rows = read_all(making.tar(tmp_path / "x.tar", [("0.txt", b"words"), ("1.jpg", JPEG)]))
    assert reasons(rows) == ["no image in sample: its members are txt", ""]


def test_several_images_of_a_sample_are_a_row_each(tmp_path, read_all):
    _, rows = read_all(making.tar(tmp_path / "x.tar", [("0.jpg", JPEG), ("0.png", making.png()), ("0.txt", b"c")]))
    assert [row.key for row in rows] == ["0#0", "0#1"]
    assert [row.caption for row in rows] == ["c", "c"]


def test_repeated_members_are_rows_with_keys_of_their_own(tmp_path, read_all):
    _, rows = read_all(
        making.tar(tmp_path / "x.tar", [("0.jpg", JPEG), ("0.jpg", JPEG), ("1.jpg", JPEG), ("0.jpg", JPEG)])
    )
    assert [row.key for row in rows] == ["0", "0~2", "1", "0~3"]


def test_a_brace_range_reads_what_is_there_and_names_what_is_missing(tmp_path, read_all):
    for number in (0, 1, 3):
        making.tar(tmp_path / f"{number:05d}.tar", [(f"{number}.jpg", JPEG)])
    _, rows = read_all(f"{tmp_path}/{{00000..00003}}.tar")
    assert [row.key for row in rows] == ["0", "1", "00002.tar", "3"]
    assert reasons(rows) == ["", "", "no such archive", ""]


def test_a_folder_and_a_glob_of_tars_are_read(tmp_path, read_all):
    for number in range(3):
        making.tar(tmp_path / f"s{number}.tar", [(f"{number}.jpg", JPEG)])
    assert len(read_all(tmp_path)[1]) == 3
    assert len(read_all(f"{tmp_path}/s[01].tar")[1]) == 2


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_compressed_tars_are_read(tmp_path, read_all, mode):
    path = making.tar(tmp_path / f"x.tar.{mode[2:]}", [("0.jpg", JPEG), ("0.txt", b"c"), ("1.jpg", JPEG)], mode)
    _, rows = read_all(path)
    assert [row.content.read(1 << 20) == JPEG for row in rows] == [True, True]


def test_a_tar_cut_anywhere_loses_no_row_without_a_word(tmp_path, read_all):
    whole = making.tar(tmp_path / "whole.tar", [(f"{n}.jpg", JPEG) for n in range(3)]).read_bytes()
    for end in range(0, len(whole), 256):
        path = making.write(tmp_path / "cut.tar", whole[:end])
        _, rows = read_all(path)
        images = sum(isinstance(row, Sample) for row in rows)
        complete = end >= 3 * (512 + -(-len(JPEG) // 512) * 512)
        assert complete or not images == 3 or any(reasons(rows)) or _is_refused(rows[-1]), end


def _is_refused(row):
    try:
        row.content.read(1 << 20)
    except Exception:
        return True
    return False


def test_garbage_in_the_middle_of_a_tar_is_a_row_that_says_so(tmp_path, read_all):
    whole = bytearray(making.tar(tmp_path / "x.tar", [(f"{n}.jpg", JPEG) for n in range(3)]).read_bytes())
    at = 512 + -(-len(JPEG) // 512) * 512
    whole[at : at + 512] = b"\xab" * 512
    _, rows = read_all(making.write(tmp_path / "bad.tar", bytes(whole)))
    assert [row.key for row in rows] == ["0", "bad.tar"]
    assert "damaged after 0.jpg" in rows[1].reason


def test_a_file_that_is_no_tar_is_a_row_that_says_so(tmp_path, scan):
    audit = scan(making.write(tmp_path / "x.tar", b"not a tar" * 200))
    assert (audit.counts.rows, audit.counts.unreadable) == (1, 1)


def test_hostile_members_are_refused_one_by_one(tmp_path, scan):
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("link.jpg", tarfile.SYMTYPE), ("hard.jpg", tarfile.LNKTYPE), ("dev.jpg", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("/abs.jpg", "../../up.jpg", "fine.jpg"):
            info = tarfile.TarInfo(name)
            info.size = len(JPEG)
            archive.addfile(info, io.BytesIO(JPEG))
    audit = scan(path)
    assert (audit.counts.rows, audit.counts.ok, audit.counts.unreadable) == (6, 1, 5)
    assert set(audit.unreadable_reasons) == {
        "a link in an archive is not followed",
        "not a regular file",
        "the member's path leaves the archive",
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit", "hostile.tar"]


def test_a_header_that_claims_an_absurd_size_is_a_row_that_says_so(tmp_path, scan):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    path = making.write(tmp_path / "x.tar", info.tobuf(tarfile.GNU_FORMAT) + b"a" * 1024)
    audit = scan(path)
    assert (audit.counts.rows, audit.counts.unreadable) == (1, 1)
    assert "invalid size" in next(iter(audit.unreadable_reasons))


def test_a_compressed_bomb_in_a_tar_is_refused(tmp_path, read_all):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        info = tarfile.TarInfo("big.jpg")
        info.size = 300 << 20
        archive.addfile(info, io.BytesIO(bytes(300 << 20)))
    path = making.write(tmp_path / "x.tar.gz", gzip.compress(plain.getvalue(), 1))
    _, rows = read_all(path)
    assert len(rows) == 1
    assert _is_refused(rows[0])


def test_tars_on_another_file_system_are_read(tmp_path, read_all):
    with fsspec.open("memory://tars/0.tar", "wb") as file:
        file.write(
            making.tar(
                tmp_path / "x.tar", [("a.jpg", JPEG), ("a.json", json.dumps({"text": "t"}).encode())]
            ).read_bytes()
        )
    _, rows = read_all("memory://tars/0.tar")
    assert [(row.key, row.caption) for row in rows] == [("a", "t")]
    assert read_all("memory://tars/{0..1}.tar")[1][1].reason == "no such archive"


def test_one_sample_of_a_compressed_archive_does_not_fill_the_memory(tmp_path, read_all, monkeypatch):
    monkeypatch.setattr("auditor.readers.tar._MAX_HELD", 3 * len(JPEG))
    members = [(f"0.{number}.jpg", JPEG) for number in range(5)] + [("1.jpg", JPEG)]
    plain = making.tar(tmp_path / "x.tar", members).read_bytes()
    making.write(tmp_path / "x.tar.gz", gzip.compress(plain))
    _, rows = read_all(tmp_path / "x.tar.gz")

    def opens(row):
        try:
            return bool(row.content.read(1 << 20))
        except SampleError as error:
            assert "its sample is larger" in str(error)
            return False

    assert [opens(row) for row in rows] == [True, True, True, False, False, True]


def test_a_sample_of_endless_members_is_read_in_pieces(tmp_path, read_all):
    members = [(f"0.{number}.txt", b"") for number in range(2500)] + [("0.jpg", JPEG)]
    _, rows = read_all(making.tar(tmp_path / "x.tar", members))
    assert [row.key for row in rows if isinstance(row, Sample)] == ["0~3"]


def rows_of(path, monkeypatch, piece_bytes):
    """The rows of an archive that is cut into pieces of about this size, and the number of pieces."""
    monkeypatch.setattr(archive, "_PIECE_BYTES", piece_bytes)
    files.forget()
    shards = list(Webdataset().shards(listing.parse(path, ReadOptions())))
    rows = [row for shard in shards for row in Webdataset().read(shard)]
    return [(row.key, row.image, content_of(row)) for row in rows], shards


def content_of(row):
    return row.reason if isinstance(row, Unreadable) else (row.caption, row.url, row.content.read(1 << 20))


def odd_members():
    """Samples whose members lie apart, keys that repeat, and samples without an image."""
    yield from ((f"{n}.jpg", making.encoded(seed=n)) for n in range(7))
    yield from ((f"{n}.txt", b"caption %d" % n) for n in range(7))
    yield from [("3.jpg", making.encoded(seed=9)), ("3.jpg", making.encoded(seed=8)), ("alone.json", b'{"url": "x"}')]
    yield "last/0.left.png", making.png()


@pytest.mark.parametrize("is_damaged", [False, True])
@pytest.mark.parametrize("piece_bytes", [700, 1500, 4000])
def test_the_pieces_of_a_tar_are_together_its_rows(tmp_path, monkeypatch, piece_bytes, is_damaged):
    path = making.tar(tmp_path / "a.tar", list(odd_members()))
    if is_damaged:
        data = bytearray(path.read_bytes())
        data[-30 * 512 : -25 * 512] = b"\x7f" * 5 * 512
        path.write_bytes(data)
    whole, (shard,) = rows_of(path, monkeypatch, 1 << 30)
    pieces, shards = rows_of(path, monkeypatch, piece_bytes)
    assert pieces == whole
    assert len(shards) > 1
    assert len({shard.id for shard in shards}) == len(shards)
    assert {shard.version for shard in shards} == {shard.version}


def test_the_pieces_of_a_zip_are_together_its_rows(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name, data in odd_members():
            if name not in out.namelist():
                out.writestr(name, data)
    whole, _ = rows_of(path, monkeypatch, 1 << 30)
    pieces, shards = rows_of(path, monkeypatch, 1000)
    assert pieces == whole
    assert len(shards) > 1


def test_an_audit_of_pieces_has_the_numbers_of_an_audit_of_the_tar(tmp_path, monkeypatch, scan):
    path = making.tar(tmp_path / "a.tar", list(odd_members()))
    whole = scan(path, out="whole", depth=Need.FILE)
    monkeypatch.setattr(archive, "_PIECE_BYTES", 1000)
    pieces = scan(path, out="pieces", depth=Need.FILE)
    # Which columns hold captions is told by shard: by whether its first rows have one.
    declared = replace(pieces.captions, declared=whole.captions.declared)
    assert replace(pieces, digests=whole.digests, captions=declared) == whole


def test_archives_that_must_be_read_in_order_are_not_cut(tmp_path, monkeypatch):
    members = list(odd_members())
    packed = tmp_path / "b.tar.gz"
    packed.write_bytes(gzip.compress(making.tar(tmp_path / "a.tar", members).read_bytes()))
    _, shards = rows_of(packed, monkeypatch, 100)
    assert [shard.stop for shard in shards] == [None]


def test_many_archives_are_not_cut(tmp_path, monkeypatch):
    for number in range(16):
        (tmp_path / "set").mkdir(exist_ok=True)
        making.tar(tmp_path / "set" / f"{number}.tar", [(f"{n}.jpg", JPEG) for n in range(9)])
    _, shards = rows_of(tmp_path / "set", monkeypatch, 1000)
    assert len(shards) == 16
