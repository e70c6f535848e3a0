"""Writes copies of a dataset's tars with only the kept samples. Bytes are copied; no image is decoded or encoded."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from auditor.errors import FilterError, SampleError
from auditor.evidence_store.columns import as_stored
from auditor.plugin import Shard
from auditor.readers import archive as archives
from auditor.readers.members import Broken, Group, Member
from auditor.storage import files, names
from auditor.storage.atomic import replacing, together

_MAX_MEMBER_BYTES = 256 << 20
_GZIP = (".gz", ".tgz")
_MODES: dict[str, Any] = {".bz2": "w:bz2", ".xz": "w:xz"}


def write_tars(shards: Iterable[Shard], kept: Collection[str], out: Path) -> int:
    """Writes one tar per tar, with the kept images and the other files of their samples; returns the number of images.

    No tar appears before all are complete. kept: images as evidence names them (`a.tar::member`). Raises FilterError if
    the dataset has other files than tars, if an archive is damaged, or if another file is where one is to be written.
    """
    wanted = frozenset(kept)
    shards = tuple({(shard.input.url, shard.file): shard for shard in shards}.values())  # a tar may be several
    for shard in shards:
        if not names.is_tar(shard.file):
            raise FilterError(f"{shard.file or shard.input.name} is not a tar: write a .parquet or .txt instead")
    try:
        with together(out) as unfinished:
            return sum(_write(shard, wanted, unfinished / (shard.input.prefix + shard.file)) for shard in shards)
    except FileExistsError as error:
        raise FilterError(f"{error.filename} already exists and is another file: give an empty folder") from error


def _write(shard: Shard, wanted: frozenset[str], target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, temporary.open("wb") as file, _archive(target.suffix, file) as archive:
        return _copy(shard, wanted, archive)


@contextmanager
def _archive(suffix: str, file: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """A tar to write, compressed by its suffix. The same samples give the same bytes."""
    with ExitStack() as stack:
        if suffix.casefold() in _GZIP:  # tarfile would write the time and the name into its header
            file = cast("IO[bytes]", stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0)))
        yield stack.enter_context(tarfile.open(fileobj=file, mode=_MODES.get(suffix.casefold(), "w")))


def _place(shard: Shard) -> str:
    """The archive's name in evidence."""
    return as_stored(shard.input.prefix + shard.file)


def _copy(shard: Shard, wanted: frozenset[str], archive: tarfile.TarFile) -> int:
    written, place = 0, _place(shard)
    with archives.groups(files.join(shard.input.url, shard.file)) as groups:
        for group in groups:
            if isinstance(group, Broken):
                raise FilterError(f"{place}: {group.reason}; repair the archive, or leave it out")
            images = {member.name for member in group.members if _is_image(member)}
            keep = {name for name in images if f"{place}::{as_stored(name)}" in wanted}
            if keep:
                _add(group, images - keep, archive, place)
                written += len(keep)
    return written


def _is_image(member: Member) -> bool:
    """Whether the member is an image for the reader of tars."""
    return names.is_image(member.name)


def _add(group: Group, left_out: Collection[str], archive: tarfile.TarFile, place: str) -> None:
    for member in group.members:
        if member.name in left_out:
            continue
        try:
            data = member.content.read(_MAX_MEMBER_BYTES)
        except SampleError as error:
            raise FilterError(f"{place}::{member.name}: {error}; remove its sample from the keep-list") from error
        info = tarfile.TarInfo(member.name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
