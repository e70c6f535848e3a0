import making
import pytest

from auditor.config import ReadOptions
from auditor.errors import DatasetError, NoSuchInput
from auditor.readers import listing, reader_for


def test_what_is_not_there_is_an_error(tmp_path):
    for path in (tmp_path / "none", tmp_path / "*.tar", tmp_path / "{0..3}.tar", "memory://nothing/here"):
        with pytest.raises(NoSuchInput, match="no such file or folder"):
            listing.parse(path, ReadOptions())


def test_a_file_that_no_reader_takes_is_an_error_that_lists_the_formats(tmp_path):
    making.write(tmp_path / "x.bin", b"?")
    with pytest.raises(DatasetError, match="--input-format forces one of img2dataset"):
        reader_for(listing.parse(tmp_path / "x.bin", ReadOptions()))


def test_a_format_can_be_forced(tmp_path, read_all):
    making.write(tmp_path / "a.jpg", b"x")
    making.write(tmp_path / "metadata.csv", "file_name,text\na.jpg,caption\n")
    assert read_all(tmp_path)[0] == "imagefolder"
    assert read_all(tmp_path, "folder")[1][0].caption is None


def test_several_inputs_keep_their_rows_apart(tmp_path, scan):
    for name in ("one", "two", "deep/one"):
        making.write(tmp_path / name / "a.jpg", making.encoded())
    audit = scan(tmp_path / "one", tmp_path / "two", tmp_path / "deep" / "one")
    assert [(i.name, i.rows) for i in audit.inputs] == [("one", 1), ("two", 1), ("one~2", 1)]
    assert audit.counts.repeated_keys == 0


def test_keys_that_occur_twice_are_counted(tmp_path, scan):
    making.write(tmp_path / "list.csv", "id,url\na,http://x.org/1\na,http://x.org/2\nb,http://x.org/3\n")
    assert scan(tmp_path / "list.csv").counts.repeated_keys == 1
