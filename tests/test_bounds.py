"""Inputs that are made to take for ever, or all memory: each costs a row or a refusal, within seconds."""

import os
import resource
import struct
import tarfile
import time
from pathlib import Path

import making
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from auditor import readers
from auditor.config import Config, ReadOptions
from auditor.errors import AuditorError
from auditor.plugin import Detector, DetectorResult
from auditor.readers import choose
from auditor.scanning import detect, shard_scan
from auditor.scanning.shard_scan import ShardScan
from auditor.storage import files
from auditor.types import Evidence, Need, Sample, Status, Unreadable

pytestmark = pytest.mark.system

HOSTILE = Path(__file__).parents[2] / "shared" / "hostile"
_SECONDS = 8  # 5 on an idle core; tests share theirs with others
_MEGABYTES = 500
METADATA = tuple(id for id in Config().scan.detectors if id not in ("classifier", "dwt-dct", "dalle2-bar"))


def rows_of(path):
    """Every row of an input, examined by the detectors of metadata."""
    task = ShardScan(Path(), Config.of(detectors=METADATA, depth=Need.FILE).scan, digest="")
    found = []
    for input, reader in choose(path, ReadOptions()):
        for shard in reader.shards(input):
            for item in readers.read(shard):
                row = detect.row_from_unreadable(item) if isinstance(item, Unreadable) else task.row(item)
                found.append(row)
    return found


def reasons(path):
    return [row.reason for row in rows_of(path)]


@pytest.fixture
def bounded():
    """Fails if a test takes too long, or too much memory."""
    begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - begin < _SECONDS  # of this process: the machine may be busy
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < _MEGABYTES


# ---- one image


def test_a_detector_that_hangs_costs_its_image(tmp_path, bounded, monkeypatch):
    class Hangs(Detector):
        id, evidence, needs = "hangs", Evidence.DECLARED, Need.FILE

        def look(self, view):
            while view.sample.key == "b.png":
                pass
            return DetectorResult.negative()

    monkeypatch.setattr(shard_scan.registry, "load", lambda kind, id: Hangs)
    config = Config.of(detectors=("generator-text",), max_seconds=0.2)
    task = ShardScan(tmp_path, config.scan, digest="")
    rows = {key: task.row(Sample(key, ".", key, making_content())) for key in ("a.png", "b.png", "c.png")}
    assert [row.status for row in rows.values()] == [Status.OK] * 3
    assert rows["b.png"].signals[0].reason == "hangs took longer than 0.2 s (--max-seconds)"
    assert rows["c.png"].signals[0].reason == ""


def making_content():
    from auditor.storage.content import BytesContent

    return BytesContent(making.png())


def test_texts_are_bounded_where_they_enter(tmp_path):
    long = making.A1111 + ", App: " + "x" * 100_000
    making.write(tmp_path / "a.png", making.png({"parameters": long, "Software": "y" * 100_000}))
    making.write(tmp_path / "a.txt", "z" * 900_000)
    (row,) = rows_of(tmp_path)
    assert len(row.caption) <= 1 << 16
    assert all(len(signal.reason) <= 300 and len(signal.generator or "") <= 80 for signal in row.signals)


def test_endless_extents_of_heif(tmp_path, bounded):
    entries = b"".join(struct.pack(">HHHH", item, 0, 0, 65535) for item in range(1, 5000))
    iloc = making.box(b"iloc", bytes(4) + b"\0\0" + struct.pack(">H", 4999) + entries)
    iinf = making.box(b"iinf", bytes(4) + struct.pack(">H", 0))
    data = making.box(b"ftyp", b"avif\0\0\0\0avif") + making.box(b"meta", bytes(4) + iinf + iloc)
    making.write(tmp_path / "a.avif", data)
    assert len(rows_of(tmp_path)) == 1


def test_a_number_where_exif_has_bytes(tmp_path, bounded):
    entry = struct.pack("<HHII", 0x9C9C, 4, 1, 2_000_000_000)  # XPComment
    block = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    making.write(tmp_path / "a.jpg", making.encoded("JPEG", exif=b"Exif\0\0" + block))
    assert reasons(tmp_path) == [""]


@pytest.mark.parametrize("body", ["<a>" * 100_000, "<dc:a x='1'/>" * 100_000, "&lt;" * 1_000_000])
def test_huge_xmp(tmp_path, bounded, body):
    making.write(tmp_path / "a.png", making.png(itxt={"XML:com.adobe.xmp": making.xmp(body).decode()}))
    assert reasons(tmp_path) == [""]


def test_brackets_in_the_exif_column_of_img2dataset(tmp_path, bounded):
    table = {
        "key": ["0"],
        "status": ["success"],
        "error_message": [""],
        "jpg": [making.encoded()],
        "exif": ["[" * 10**6],
    }
    pq.write_table(pa.table(table), making.write(tmp_path / "00000.parquet", b""))
    assert len(rows_of(tmp_path)) == 1


# ---- archives


def lying_tar(path, size, *, pax=None):
    making.tar(path, [("a.jpg", making.encoded())])
    info = tarfile.TarInfo("b.jpg")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (b"\xff" if size < 0 else b"\x80") + (size % (1 << 88)).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    extra = b""
    if pax is not None:
        x = tarfile.TarInfo("x")
        x.type, x.size = tarfile.XHDTYPE, len(pax)
        extra = x.tobuf(tarfile.USTAR_FORMAT) + pax + bytes(-len(pax) % 512)
        header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    data = path.read_bytes().rstrip(b"\0")
    data += bytes(-len(data) % 512)
    path.write_bytes(data + extra + bytes(header) + bytes(1024))
    return path


@pytest.mark.parametrize("size", [-1, -512, -1024, -(1 << 60), 1 << 61, 1 << 80])
def test_members_whose_size_is_a_lie(tmp_path, bounded, size):
    found = reasons(lying_tar(tmp_path / "a.tar", size))
    assert found == ["", "the archive cannot be read after a.jpg: a header has an invalid size"]


@pytest.mark.parametrize(
    "pax", [b"1" * 60_000, b"9 size=-5\n", b"400 size=" + b"9" * 390 + b"\n", b"0 x=y\n", b"12 path\n", b" " * 1000]
)
def test_extended_headers_that_are_damaged(tmp_path, bounded, pax):
    found = reasons(lying_tar(tmp_path / "a.tar", 0, pax=pax))
    assert found[0] == ""
    assert "cannot be read" in found[-1]


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_extended_headers_that_are_right(tmp_path, format):
    name = f"{'ä' * 120}.jpg"
    with tarfile.open(tmp_path / "a.tar", "w", format=format) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(making.encoded())
        import io

        archive.addfile(info, io.BytesIO(making.encoded()))
    (row,) = rows_of(tmp_path / "a.tar")
    assert (row.image, row.status) == (f"a.tar::{name}", Status.OK)


# ---- tables


def test_a_text_that_a_dictionary_repeats(tmp_path, bounded):
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 200, pa.int32()), pa.array(["x" * 5_000_000]))
    table = pa.table({"url": [f"http://x.org/{n}.jpg" for n in range(200)], "text": values})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    rows = rows_of(tmp_path / "a.parquet")
    assert len(rows) == 200
    assert len(rows[0].caption) <= 1 << 16


@pytest.mark.parametrize("write", [pq.write_table, feather.write_feather], ids=["parquet", "arrow"])
def test_a_column_whose_name_is_not_utf8_is_refused(tmp_path, bounded, write):
    path = tmp_path / ("a.parquet" if write is pq.write_table else "a.arrow")
    write(pa.table({"url_____": ["http://x.org/a.jpg"]}), path)
    path.write_bytes(path.read_bytes().replace(b"url_____", b"url\xff\xfe___"))
    with pytest.raises(AuditorError, match=r"a\.\w+: cannot be read"):
        rows_of(path)


def test_a_damaged_table_costs_itself(tmp_path, bounded):
    making.write(tmp_path / "0.jpg", making.encoded())
    making.write(tmp_path / "good.csv", "image,text\n0.jpg,zero\n")
    making.write(tmp_path / "bad.parquet", b"PAR1" + bytes(100) + b"PAR1")
    found = {row.key: row.status for row in rows_of(tmp_path)}
    assert found == {"0.jpg": Status.OK, "bad.parquet": Status.UNREADABLE}


# ---- folders


def test_pipes_and_devices_are_not_opened(tmp_path, bounded):
    making.write(tmp_path / "00000/000000000.jpg", making.encoded())
    table = {"key": ["000000000"], "status": ["success"], "error_message": [""], "url": ["http://x.org/a"]}
    pq.write_table(pa.table(table), tmp_path / "00000.parquet")
    os.mkfifo(tmp_path / "00000_stats.json")
    os.mkfifo(tmp_path / "00001.parquet")
    os.mkfifo(tmp_path / "00001.tar")
    found = {row.image: row.status for row in rows_of(tmp_path)}
    assert found["00000/000000000.jpg"] is Status.OK
    assert Status.UNREADABLE in found.values()


def test_shards_that_are_links_out_of_the_dataset_are_refused(tmp_path, bounded):
    making.tar(tmp_path / "outside.tar", [("000000000.jpg", making.encoded())])
    table = {"key": ["000000000"], "status": ["success"], "error_message": [""], "url": ["http://x.org/a"]}
    (tmp_path / "set").mkdir()
    pq.write_table(pa.table(table), tmp_path / "set/00000.parquet")
    os.symlink("../outside.tar", tmp_path / "set/00000.tar")
    assert all(row.status is not Status.OK for row in rows_of(tmp_path / "set"))


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path, monkeypatch):
    making.write(tmp_path / "a.jpg", making.encoded())
    making.write(tmp_path / "closed/b.jpg", making.encoded())
    scan_folder = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan_folder(path)

    monkeypatch.setattr(os, "scandir", closed)
    files.forget()
    assert reasons(tmp_path) == ["", "a folder that cannot be listed: Permission denied"]


def test_names_that_look_like_chains_of_file_systems(tmp_path):
    name = "simplecache::zip:__a.jpg"
    making.write(tmp_path / name, making.encoded())
    making.write(tmp_path / "t.csv", f"image\n{name}\n")
    assert reasons(tmp_path) == [""]


def test_a_reader_that_fails_gives_a_row_that_says_so(tmp_path, monkeypatch):
    making.write(tmp_path / "a.jpg", making.encoded())

    def fails(self, shard):
        yield Unreadable("a", ".", "a", "first")
        raise MemoryError

    monkeypatch.setattr("auditor.readers.folder.Folder.read", fails)
    assert reasons(tmp_path) == ["first", "reading stopped here: MemoryError: "]


# ---- inputs that were found by attack

FOUND = sorted(path for kind in ("img", "table", "tar") for path in (HOSTILE / kind).glob("*"))
_LARGE = ("caption-dictionary-bomb.parquet",)  # takes 15 s and 1.2 GB: a caption of 157 MB, which is read several times


@pytest.mark.skipif(not FOUND, reason=f"no hostile inputs at {HOSTILE}")
@pytest.mark.parametrize("path", [path for path in FOUND if path.name not in _LARGE], ids=lambda path: path.name)
def test_inputs_that_were_found_by_attack_cost_a_row_or_a_refusal(path, bounded):
    try:
        assert rows_of(path)
    except AuditorError as error:
        assert str(error)
