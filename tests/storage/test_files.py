import os

import fsspec
import pytest

from auditor.errors import DatasetError, SampleError
from auditor.storage import files
from auditor.storage.content import FileContent


@pytest.fixture
def base(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "in.jpg").write_bytes(b"inside")
    (tmp_path / "secret.jpg").write_bytes(b"outside")
    return str((tmp_path / "set").resolve())


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg"])
def test_names_that_leave_the_dataset_are_refused(base, name):
    with pytest.raises(SampleError, match="leaves the dataset folder"):
        files.inside(base, name)


@pytest.mark.parametrize("name", ["file:///etc/passwd", "http://host/a.jpg", "simplecache::s3://b/a.jpg", "s3://b/a"])
def test_names_of_other_file_systems_are_refused(base, name):
    with pytest.raises(SampleError, match="another file system"):
        files.inside(base, name)


def test_a_link_that_leaves_the_dataset_is_refused_unless_asked_for(base):
    os.symlink("../secret.jpg", f"{base}/link.jpg")
    with pytest.raises(SampleError, match="--follow-links"):
        files.inside(base, "link.jpg")
    assert FileContent(base, "link.jpg", follow_links=True).read(100) == b"outside"


def test_a_link_inside_the_dataset_is_read(base):
    os.symlink("in.jpg", f"{base}/link.jpg")
    assert FileContent(base, "link.jpg").read(100) == b"inside"


def test_an_absolute_path_inside_the_dataset_is_read(base):
    assert FileContent(base, f"{base}/in.jpg").read(100) == b"inside"


def test_a_pipe_is_refused_instead_of_waited_for(base):
    os.mkfifo(f"{base}/pipe.jpg")
    with pytest.raises(SampleError, match="not a regular file"):
        FileContent(base, "pipe.jpg").read(100)


@pytest.mark.parametrize("name", ["none.jpg", "in.jpg/deeper.jpg", "x" * 5000 + ".jpg", "nul\0.jpg"])
def test_names_that_cannot_be_opened_are_refused_with_a_reason(base, name):
    with pytest.raises(SampleError) as refusal:
        FileContent(base, name).read(100)
    assert str(refusal.value)


def test_a_file_over_the_limit_is_refused(base):
    with pytest.raises(SampleError, match="larger than 3 bytes"):
        FileContent(base, "in.jpg").read(3)


def test_a_stamp_changes_with_the_file(base):
    before = files.version(f"{base}/in.jpg")
    assert files.version(f"{base}/in.jpg") == before
    os.utime(f"{base}/in.jpg", ns=(1, 1))
    assert files.version(f"{base}/in.jpg") != before


def test_remote_files_are_listed_stamped_and_read():
    with fsspec.open("memory://stamped/a.jpg", "wb") as file:
        file.write(b"remote")
    assert [entry.name for entry in files.entries("memory://stamped")] == ["a.jpg"]
    assert FileContent("memory://stamped", "a.jpg").read(10) == b"remote"
    assert files.version("memory://stamped/a.jpg")
    with pytest.raises(SampleError):
        FileContent("memory://stamped", "../other/a.jpg").read(10)


def test_a_scheme_without_backend_says_so():
    with pytest.raises(DatasetError, match="cannot open"):
        files.open_file("nosuchscheme://bucket/a.jpg")
