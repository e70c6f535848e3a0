"""Writes copies of a dataset's tars with only the kept samples. Bytes are copied; no image is decoded or encoded."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from auditor.errors import FilterError, SampleError
from auditor.evidence_store.store import as_stored
from auditor.plugin import Shard
from auditor.readers import archive as archives
from auditor.readers.members import Broken, Group, Member
from auditor.storage import files, names

_MAX_MEMBER_BYTES = 256 << 20
_MODES: dict[str, Any] = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}


def write_tars(shards: Iterable[Shard], kept: Collection[str], out: Path) -> int:
    """Writes one tar per tar, with the kept images and the other files of their samples; returns the number of images.

    kept: images as evidence names them (`a.tar::member`). Raises FilterError if the dataset has other files than tars
    or is not the audited one, if an archive is damaged, or if an output file exists.
    """
    wanted, written = frozenset(kept), 0
    shards = tuple(shards)
    _check_archives(wanted, {_place(shard) for shard in shards})
    for shard in shards:
        if not names.is_tar(shard.file):
            raise FilterError(f"{shard.file or shard.input.name} is not a tar: write a .parquet or .txt instead")
        target = out / shard.file
        if target.exists():
            raise FilterError(f"{target} already exists: give an empty folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{target.name}.tmp")
        try:
            with tarfile.open(temporary, mode=_MODES.get(target.suffix.casefold(), "w")) as archive:
                written += _copy(shard, wanted, archive)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    return written


def _place(shard: Shard) -> str:
    """The archive's name in evidence."""
    return as_stored(shard.input.prefix + shard.file)


def _check_archives(wanted: Collection[str], there: Collection[str]) -> None:
    """Raises FilterError if archives with kept images are missing: their images would be lost silently."""
    for image in wanted:
        name, colons, _ = image.partition("::")
        if colons and name not in there and not any(image.startswith(f"{place}::") for place in there):
            raise FilterError(
                f"{name[:80]!r} with the kept image {image[:80]!r} is missing: give the dataset as it was audited"
            )


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
