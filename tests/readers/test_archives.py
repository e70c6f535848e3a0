"""Archives that people have: zips, compressed and concatenated tars, members in any order and of any name."""

import io
import tarfile
import zipfile

import making
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor.errors import SampleError
from auditor.storage import names
from auditor.types import Sample, Unreadable

JPEG, PNG = making.encoded(), making.png()
MEMBERS = [("0.jpg", JPEG), ("0.txt", b"zero"), ("1.jpg", PNG), ("1.txt", b"one"), ("2.jpg", JPEG), ("2.txt", b"two")]


def zipped(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def compressed(path, members, kind):
    plain = making.tar(path.with_name("plain"), members).read_bytes()
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, kind) as stream:
        stream.write(plain)
    path.write_bytes(out.getvalue().to_pybytes())
    path.with_name("plain").unlink()
    return path


def seen(rows):
    return [(row.key, row.caption) if isinstance(row, Sample) else (row.key, row.reason) for row in rows]


PLAIN = [("0", "zero"), ("1", "one"), ("2", "two")]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_zip_is_read_like_a_tar(tmp_path, read_all, compression):
    reader, rows = read_all(zipped(tmp_path / "a.zip", MEMBERS[::-1], compression))
    assert reader == "webdataset"
    assert seen(rows) == PLAIN
    assert rows[0].image == "a.zip::0.jpg"


def test_a_folder_of_zips_is_a_dataset(tmp_path, read_all):
    (tmp_path / "set").mkdir()
    for number in range(2):
        zipped(tmp_path / f"set/part-{number:06}.zip", [(f"{number}.png", PNG)])
    _, rows = read_all(tmp_path / "set")
    assert [row.image for row in rows] == ["part-000000.zip::0.png", "part-000001.zip::1.png"]


@pytest.mark.parametrize(("suffix", "kind"), [(".tar.zst", "zstd"), (".tzst", "zstd"), (".tar.lz4", "lz4")])
def test_tars_of_newer_compressions_are_read(tmp_path, read_all, suffix, kind):
    _, rows = read_all(compressed(tmp_path / f"a{suffix}", MEMBERS, kind))
    assert seen(rows) == PLAIN
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes((tmp_path / f"a{suffix}").read_bytes()[:-20])
    _, rows = read_all(cut)
    assert isinstance(rows[-1], Unreadable)


def test_tars_that_were_put_together_are_read_to_the_end(tmp_path, read_all):
    parts = [making.tar(tmp_path / f"{n}", [(f"{n}.jpg", JPEG), (f"{n}.txt", b"x")]).read_bytes() for n in range(3)]
    whole = making.write(tmp_path / "all.tar", b"".join(parts))
    _, rows = read_all(whole)
    assert seen(rows) == [("0", "x"), ("1", "x"), ("2", "x")]
    assert all(row.content.read(1 << 20) == JPEG for row in rows)
    whole.write_bytes(parts[0] + b"\0" * 512 + b"something else" + b"\0" * 498)
    _, rows = read_all(whole)
    assert "damaged after 0.txt" in rows[-1].reason


def test_members_of_a_sample_may_be_anywhere_in_a_tar(tmp_path, read_all):
    images_first = [*MEMBERS[::2], *MEMBERS[1::2]]
    _, rows = read_all(making.tar(tmp_path / "a.tar", images_first))
    assert seen(rows) == PLAIN


def test_in_a_compressed_tar_the_reason_names_what_is_there(tmp_path, read_all):
    _, rows = read_all(making.tar(tmp_path / "a.tar.gz", [*MEMBERS[::2], *MEMBERS[1::2]], "w:gz"))
    assert [row.reason for row in rows if isinstance(row, Unreadable)] == [
        "no image in sample: its members are txt"
    ] * 3


def test_what_systems_leave_in_archives_is_no_member(tmp_path, read_all):
    left = [("._0.jpg", b"\0\5\x16\7"), ("__MACOSX/._0.txt", b"x"), (".DS_Store", b"x"), ("Thumbs.db", b"x")]
    mixed = [pair for trash, member in zip(left * 2, MEMBERS, strict=False) for pair in (trash, member)]
    for path in (making.tar(tmp_path / "a.tar", mixed), zipped(tmp_path / "a.zip", dict(mixed).items())):
        _, rows = read_all(path)
        assert seen(rows) == PLAIN


def test_several_dots_and_unknown_suffixes(tmp_path, read_all):
    members = [("0.input.jpg", JPEG), ("0.outputs.txt", b"zero"), ("1.JFIF", JPEG), ("1.txt", b"one"), ("2", PNG)]
    _, rows = read_all(making.tar(tmp_path / "a.tar", members))
    assert seen(rows) == [("0", "zero"), ("1", "one"), ("2", None)]


def test_hostile_zips_cost_their_members_alone(tmp_path, read_all):
    bomb = b"\0" * (4 << 20)
    path = zipped(tmp_path / "a.zip", [("../0.jpg", JPEG), ("1.jpg", bomb), ("2.jpg", JPEG)])
    _, rows = read_all(path)
    assert [row.key for row in rows] == ["../0", "1", "2"]
    for row, told in zip(rows[:2], ("leaves the archive", "larger than"), strict=True):
        with pytest.raises(SampleError, match=told):
            row.content.read(1 << 20)
    broken = making.write(tmp_path / "b.zip", path.read_bytes()[:-30])
    _, rows = read_all(broken)
    assert "the archive cannot be read" in rows[0].reason


def test_an_encrypted_member_says_so(tmp_path, read_all):
    data = bytearray(zipped(tmp_path / "a.zip", [("0.jpg", JPEG)], zipfile.ZIP_STORED).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    _, rows = read_all(tmp_path / "a.zip")
    with pytest.raises(SampleError, match="encrypted"):
        rows[0].content.read(1 << 20)


NAMES = st.tuples(st.sampled_from("abc"), st.sampled_from(["jpg", "txt", "png"]))


@given(st.lists(NAMES, max_size=30))
@examples(40)
def test_no_member_is_lost_in_any_order(tmp_path_factory, drawn):
    from auditor.readers import archive

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for stem, suffix in drawn:
            made.addfile(tarfile.TarInfo(f"{stem}.{suffix}"), io.BytesIO())
    path = making.write(tmp_path_factory.mktemp("tar") / "a.tar", buffer.getvalue())
    with archive.groups(str(path)) as groups:
        found = [(group.key, member.suffix) for group in groups for member in group.members]
    assert sorted(found) == sorted(drawn)


@given(st.binary(max_size=40))
def test_bytes_are_images_by_their_beginning_alone(data):
    assert names.starts_like_image(data) == names.starts_like_image(data[: names.HEAD])


@pytest.mark.parametrize(
    ("name", "hidden"),
    [("a/b.jpg", False), ("._a.jpg", True), ("a/.thumbnails/b.png", True), ("__MACOSX/a.jpg", True),
     ("../a.jpg", False), ("x/.ipynb_checkpoints/a-checkpoint.png", True), ("a/_temporary/0/b.parquet", True)],
)  # fmt: skip
def test_hidden_names(name, hidden):
    assert names.is_hidden(name) == hidden
