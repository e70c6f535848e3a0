"""Reopens rows of an audited dataset as small images for annotation: decoded safely, upright, without metadata."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from auditor.annotation.app import context
from auditor.annotation.sample import AnnotationItem
from auditor.config import Limits, ReadOptions
from auditor.errors import DatasetError, SampleError
from auditor.evidence_store.columns import as_stored
from auditor.evidence_store.selection import pick
from auditor.evidence_store.store import Store
from auditor.images.view import View
from auditor.readers import Inputs, are_there, choose
from auditor.results import Audit
from auditor.safe_text import safe_text
from auditor.types import Content, Sample, Unreadable

SIDE = 1024  # pixels on the longer side
_JPEG_QUALITY = 95
Finder = Callable[[str], Content | None]  # URL -> the fetched image, if there is one


@dataclass(frozen=True, slots=True)
class AnnotationImage:
    """An image to label: JPEG bytes, or the reason why there are none. context: texts that are shown on request."""

    item: AnnotationItem
    jpeg: bytes | None
    reason: str
    context: Mapping[str, str]


class ImageStore:
    """Images on disk, numbered in the order of the items."""

    def __init__(self, folder: Path, items: Sequence[AnnotationItem]) -> None:
        self.folder = folder
        self._numbers = {item.key: number for number, item in enumerate(items)}
        self._images: dict[int, AnnotationImage] = {}

    def add(self, image: AnnotationImage) -> None:
        """Stores an image."""
        number = self._numbers[image.item.key]
        if image.jpeg is not None:
            (self.folder / self.name(number)).write_bytes(image.jpeg)
        self._images[number] = replace(image, jpeg=None)

    def name(self, number: int) -> str:
        """The name of an image's file; it does not depend on the image."""
        return f"{number + 1:04}.jpg"

    def jpeg(self, number: int) -> bytes | None:
        """The JPEG bytes of an image; None if there are none."""
        try:
            return (self.folder / self.name(number)).read_bytes()
        except FileNotFoundError:
            return None

    @property
    def missing(self) -> list[int]:
        """The numbers of the items without an image."""
        return sorted(number for number, image in self._images.items() if image.reason)

    def reason(self, number: int) -> str:
        """Why an item has no image; '' if it has one."""
        return self._images[number].reason

    def context(self, number: int) -> Mapping[str, str]:
        """What the dataset says about an image (context.py)."""
        return self._images[number].context


def annotation_images(
    items: Sequence[AnnotationItem], audit: Audit, inputs: Inputs, *, read: ReadOptions, fetched: Finder
) -> Iterator[AnnotationImage]:
    """The images of the items, in the dataset's order. The dataset may have been moved since the audit.

    Raises DatasetError if the inputs are not the audited ones, and the errors of choosing a reader.
    """
    names = [record.name for record in audit.inputs]
    shards = [shard for input, reader in choose(inputs, read, names=names) for shard in reader.shards(input)]
    by_row_ref = {item.row_ref: item for item in items}
    wanted: dict[str, set[int]] = {}
    for item in items:
        wanted.setdefault(item.row_ref.shard, set()).add(item.row_ref.number)
    limits = audit.config.scan.limits
    for row_ref, row in pick(shards, wanted):
        item = by_row_ref.pop(row_ref)
        if as_stored(row.key) != item.key:
            raise DatasetError(_changed_message(item))
        yield _annotation_image(item, row, limits, fetched)
    if by_row_ref:
        raise DatasetError(_changed_message(next(iter(by_row_ref.values()))))


def _changed_message(item: AnnotationItem) -> str:
    return (
        f"{safe_text(item.key)} is not at its position in the audit: this is another dataset, it changed, or it was "
        "read with other options; give the audited dataset, or scan again"
    )


def _annotation_image(
    item: AnnotationItem, row: Sample | Unreadable, limits: Limits, fetched: Finder
) -> AnnotationImage:
    if isinstance(row, Unreadable):
        return AnnotationImage(item, None, row.reason, context.of_unreadable(row))
    if row.content is None and row.url:
        row = replace(row, content=fetched(row.url))
    jpeg, reason, metadata = None, "", None
    try:
        view = View(row, limits)
        if item.sha256 not in (None, view.sha256):
            raise SampleError("the file changed since the audit")
        metadata = view.metadata
        jpeg = encode_jpeg(view.upright)
    except SampleError as error:
        reason = str(error)
    return AnnotationImage(item, jpeg, safe_text(reason), context.of_row(row, metadata))


def encode_jpeg(image: np.ndarray, side: int = SIDE) -> bytes:
    """An image, uint8 (height, width, 3), as JPEG without metadata; its longer side is reduced to at most `side`."""
    small = Image.fromarray(image)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    return out.getvalue()


def audited_inputs(audit: Audit, folder: Path) -> list[str] | list[Path]:
    """The inputs of an audit: where they were when it was scanned or, if they are not there any more, those of the same
    names in the current folder or next to the audit's. Raises DatasetError if one is not found."""
    recorded = Store(folder).dataset()
    if are_there(recorded):
        return recorded
    paths = []
    for record in audit.inputs:
        candidates = [base / record.name for base in (Path(), folder.resolve().parent)]
        path = next((candidate for candidate in candidates if candidate.exists()), None)
        if path is None:
            raise DatasetError(
                f"{safe_text(record.name)}: the audited dataset is neither where it was scanned, nor in the current "
                f"folder, nor next to {folder}: "
                "give its path after the audit's"
            )
        paths.append(path)
    return paths
