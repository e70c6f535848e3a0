"""Rows of an audited dataset opened again, as small pictures for people: decoded safely, upright, without metadata."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.annotation.sample import AnnotationItem
from auditor.config import Limits, ReadOptions
from auditor.errors import DatasetError, SampleError
from auditor.evidence_store.selection import pick
from auditor.evidence_store.store import as_stored
from auditor.images.view import View
from auditor.readers import Inputs, choose
from auditor.results import Audit
from auditor.safe_text import safe_text
from auditor.types import Content, Sample, Unreadable

if TYPE_CHECKING:
    import numpy as np

SIDE = 1024  # pixels on the longer side
_QUALITY = 95
_LONGEST = 4000  # characters of a caption that are shown
Finder = Callable[[str], Content | None]  # what was fetched of a URL, if anything


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to show: JPEG bytes, or why there are none; and what the dataset says of it, to show when asked."""

    drawn: AnnotationItem
    jpeg: bytes | None
    reason: str
    caption: str
    url: str
    file: str


class ImageStore:
    """Pictures on disk, numbered as they are drawn, so that memory holds none of them."""

    def __init__(self, folder: Path, drawn: Sequence[AnnotationItem]) -> None:
        self.folder = folder
        self._numbers = {row.key: number for number, row in enumerate(drawn)}
        self._pictures: dict[int, Picture] = {}

    def add(self, picture: Picture) -> None:
        """Keep one."""
        number = self._numbers[picture.drawn.key]
        if picture.jpeg is not None:
            (self.folder / self.name(number)).write_bytes(picture.jpeg)
        self._pictures[number] = replace(picture, jpeg=None)

    def name(self, number: int) -> str:
        """Its file's name, which says nothing of it."""
        return f"{number + 1:04}.jpg"

    def jpeg(self, number: int) -> bytes | None:
        """The picture; None where there is none."""
        try:
            return (self.folder / self.name(number)).read_bytes()
        except FileNotFoundError:
            return None

    @property
    def missing(self) -> list[int]:
        """The numbers that have none."""
        return sorted(number for number, picture in self._pictures.items() if picture.reason)

    def reason(self, number: int) -> str:
        """Why there is none."""
        return self._pictures[number].reason

    def about(self, number: int) -> dict[str, str]:
        """What the dataset says of it, for those who ask."""
        picture = self._pictures[number]
        return {"caption": picture.caption, "url": picture.url, "file": picture.file}


def pictures(
    drawn: Sequence[AnnotationItem], audit: Audit, inputs: Inputs, *, read: ReadOptions, fetched: Finder
) -> Iterator[Picture]:
    """The rows, in the dataset's order. The dataset may lie in another place than it was audited in.

    Raises DatasetError where the inputs are not the audited ones, and what choosing a reader raises.
    """
    names = [record.name for record in audit.inputs]
    shards = [shard for input, reader in choose(inputs, read, names=names) for shard in reader.shards(input)]
    by_place = {row.place: row for row in drawn}
    wanted: dict[str, set[int]] = {}
    for row in drawn:
        wanted.setdefault(row.place.shard, set()).add(row.place.number)
    limits = audit.config.scan.limits
    for place, item in pick(shards, wanted):
        row = by_place.pop(place)
        if as_stored(item.key) != row.key:
            raise DatasetError(_changed(row))
        yield _picture(row, item, limits, fetched)
    if by_place:
        raise DatasetError(_changed(next(iter(by_place.values()))))


def _changed(row: AnnotationItem) -> str:
    return (
        f"{safe_text(row.key)} is not where the audit saw it: this is another dataset, it changed, or it was read with "
        "other options; name the audited one, or scan again"
    )


def _picture(row: AnnotationItem, item: Sample | Unreadable, limits: Limits, fetched: Finder) -> Picture:
    if isinstance(item, Unreadable):
        return Picture(row, None, item.reason, "", "", safe_text(item.image))
    if item.content is None and item.url:
        item = replace(item, content=fetched(item.url))
    jpeg, reason = None, ""
    try:
        view = View(item, limits)
        if row.sha256 not in (None, view.sha256):
            raise SampleError("the file changed since the audit")
        jpeg = encoded(view.upright)
    except SampleError as refusal:
        reason = str(refusal)
    caption = safe_text(item.caption or "", _LONGEST)
    return Picture(row, jpeg, safe_text(reason), caption, item.url or "", safe_text(item.image, _LONGEST))


def encoded(image: np.ndarray, side: int = SIDE) -> bytes:
    """JPEG, nothing but pixels, of an image uint8 (height, width, 3), its longer side at most `side`."""
    from PIL import Image

    small = Image.fromarray(image)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return out.getvalue()


def audited_inputs(audit: Audit, folder: Path) -> list[Path]:
    """The inputs that an audit names, here or beside its folder. Raises DatasetError where one is not found."""
    found = []
    for record in audit.inputs:
        places = [base / record.name for base in (Path(), folder.resolve().parent)]
        there = next((place for place in places if place.exists()), None)
        if there is None:
            raise DatasetError(
                f"{safe_text(record.name)}: the audited dataset is neither here nor beside {folder}: "
                "name it after the audit"
            )
        found.append(there)
    return found
