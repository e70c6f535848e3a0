import errno
import os
import subprocess
import sys

import pytest
from commands import environment

from auditor.storage.atomic import UNFINISHED, naming, replacing, together, write_atomically


def test_a_file_is_replaced_when_it_is_complete(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with replacing(path) as temporary:
        temporary.write_bytes(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_completed_leaves_the_one_before(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"before")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_bytes(b"aft")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one_and_what_it_names_is_replaced(tmp_path):
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"


def test_a_pipe_is_written_and_not_replaced(tmp_path):
    script = "import pathlib; from auditor.storage.atomic import *; write_atomically(pathlib.Path('/dev/stdout'), b'x')"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment())
    assert (result.stdout, result.stderr) == (b"x", b"")


def test_a_full_disk_is_named_by_the_file():
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        with pytest.raises(OSError, match="there") as error, naming("there"):
            raise OSError(number, "odd words of a library")
        assert error.value.strerror == os.strerror(number)
    with pytest.raises(OSError, match="of the dataset"), naming("there"):
        raise OSError(errno.EIO, "of the dataset")


def test_files_that_are_written_together_appear_together(tmp_path):
    with together(tmp_path / "out") as folder:
        (folder / "a").mkdir()
        (folder / "a/x").write_bytes(b"x")
        assert [path.name for path in (tmp_path / "out").iterdir()] == [UNFINISHED]
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["a", "x"]


def test_files_that_are_not_all_written_leave_nothing(tmp_path):
    def broken():
        with together(tmp_path / "out") as folder:
            (folder / "x").write_bytes(b"x")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        broken()
    assert not list((tmp_path / "out").iterdir())


def test_other_files_are_not_replaced_unless_a_killed_run_has_left_them(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "x").write_bytes(b"mine")
    with pytest.raises(FileExistsError), together(out) as folder:
        (folder / "x").write_bytes(b"x")
    assert (out / "x").read_bytes() == b"mine"
    (out / UNFINISHED).mkdir()
    with together(out) as folder:
        (folder / "x").write_bytes(b"x")
    assert [(path.name, path.read_bytes()) for path in out.iterdir()] == [("x", b"x")]
