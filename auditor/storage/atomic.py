"""Writes files, alone or together, completely or not at all: in another place first, then synced and renamed.

Devices and pipes (/dev/stdout) are written directly: they cannot be replaced.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".tmp"  # of a file that is not complete; the next run replaces or removes it
UNFINISHED = ".unfinished"  # folder of files that are written together, until all are complete
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file to write, which replaces `path` at the end of the block, or is removed if the block fails.

    Raises OSError, with `path` as its file name if no space is left.
    """
    if _is_special(path):
        yield path
        return
    target = path.resolve() if path.is_symlink() else path
    temporary = target.with_name(f"{target.name}{SUFFIX}")
    try:
        with naming(path):
            yield temporary
            sync(temporary)
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """A folder to write files in, which get to `folder` at the end of the block, or are removed if the block fails.

    A file that is there already may have the same content, so that a command can be repeated, or be left by a run that
    was killed. Raises FileExistsError for another one, before any file gets there.
    """
    staging = folder / UNFINISHED
    was_interrupted = staging.exists()
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        with naming(folder):
            yield staging
        files = sorted(path for path in staging.rglob("*") if path.is_file())
        for path in files if not was_interrupted else ():
            _refuse_other(folder / path.relative_to(staging), path)
    except BaseException:
        shutil.rmtree(staging)
        raise
    for path in files:
        target = folder / path.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    shutil.rmtree(staging)


def _refuse_other(target: Path, new: Path) -> None:
    if target.exists() and not (target.is_file() and filecmp.cmp(target, new, shallow=False)):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Gives errors of a full disk the name of the file, which neither Python nor pyarrow adds to failed writes."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def sync(path: Path) -> None:
    """Wait until the file is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
