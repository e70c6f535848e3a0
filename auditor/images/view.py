"""The view of a sample for detectors: opened and decoded under limits, at most once for all of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.config import Limits
from auditor.errors import SampleError
from auditor.images import covariates, decode, thumbnail_match
from auditor.images.containers import Container, walk
from auditor.images.decode import Header
from auditor.images.metadata import Metadata
from auditor.types import Covariates, Need, Sample

if TYPE_CHECKING:
    from auditor.embeddings.embedded_encoder import Encoding

_MAX_WEIGHT = 1e12  # of a row, so that sums of squares stay finite


@dataclass(frozen=True, slots=True)
class ReferenceMatch:
    """The nearest image in a reference index: the index's name and kind, the image, the cosine, and whether it is a
    copy."""

    reference_index: str
    kind: str
    image: str
    cosine: float
    is_copy: bool


class View:
    """One sample and all that was computed from it. Properties raise SampleError if the sample lacks what they need."""

    def __init__(
        self,
        sample: Sample,
        limits: Limits = Limits(),
        depth: Need = Need.PIXELS,
        *,
        is_sampled: bool = True,
        is_fetched: bool = False,
    ) -> None:
        self.sample = sample
        self.limits = limits
        self.depth = depth
        self.is_sampled = is_sampled  # False: not in the sample of a sampled audit; depth is then lower
        self.is_fetched = is_fetched  # True: the content was fetched from the URL in the manifest
        self.encoding: Encoding | None = None  # set by the pipeline, in batches, if a detector needs it
        self.vector: np.ndarray | None = None  # likewise, if vectors are kept
        self.caption_similarity: float | None = None  # likewise, if there is a text encoder
        self.reference_matches: tuple[ReferenceMatch, ...] | None = None  # one per index; None: not searched
        self.exact_match: ReferenceMatch | None = None  # by sha256
        self.overdue: str | None = None  # why it is no longer examined: a step took too long
        self._memo: dict[str, Any] = {}

    @property
    def is_opened(self) -> bool:
        """Whether the image's file is opened: it exists, and the audit's depth is more than rows."""
        return self.sample.content is not None and self.depth > Need.ROW

    @cached_property
    def data(self) -> bytes:
        """The bytes of the file."""
        if self.sample.content is None:
            raise SampleError("no image bytes: the manifest only has a URL")
        return self.sample.content.read(self.limits.max_bytes)

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the file's bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def container(self) -> Container:
        """The file's own metadata blocks."""
        return walk(self.data)

    @property
    def held_bytes(self) -> int:
        """The bytes of the file and of its metadata, decompressed, that are held in memory."""
        blocks = (block for block in self.container.blocks if block.data is not self.data)
        return len(self.data) + sum(len(block.data) + len(block.text) for block in blocks)

    @cached_property
    def metadata(self) -> Metadata:
        """The file's metadata; for a stripped file, the EXIF tags kept in the manifest's `exif` column."""
        if self.stripped and (column := self.exif_column) is not None:
            return Metadata.from_exif_column(column)
        return Metadata(self.container)

    @property
    def exif_column(self) -> str | None:
        """img2dataset's copy of the original's EXIF tags."""
        column = self.sample.row.get("exif")
        return column if isinstance(column, str) else None

    @cached_property
    def stripped(self) -> str | None:
        """Why the original metadata are gone: the tool that re-encoded the file. None if they may be intact.

        A file that has the original's hash, or any metadata, was not re-encoded.
        """
        tool = self.sample.stripped_by
        if tool is None or not Metadata(self.container).is_bare:
            return None
        original = self.sample.row.get("sha256")
        return None if original == self.sha256 else f"re-encoded by {tool}: the original's metadata are gone"

    @cached_property
    def header(self) -> Header:
        """Format, size and mode."""
        return decode.header(self.data, self.limits)

    @property
    def no_pixels(self) -> str | None:
        """Why an image cannot be decoded here although it is one; None if it can, or if it is none."""
        try:
            return self.header.no_pixels
        except SampleError:
            return None

    @property
    def weight(self) -> float | None:
        """The row's weight, if a column gives it. Raises SampleError for an invalid weight."""
        if self.sample.weight is None:
            return None
        column, text = self.sample.weight
        try:
            weight = float(text)
        except ValueError:
            weight = math.nan
        if weight != 0 and not 1 / _MAX_WEIGHT <= weight <= _MAX_WEIGHT:
            problem = f"is {text[:40]!r}" if text else "is missing"
            raise SampleError(f"its weight (column '{column}') {problem}: it has to be 0, or from 1e-12 to 1e12")
        return weight

    @cached_property
    def pixels(self) -> np.ndarray:
        """uint8 (height, width, channels) as stored: see decode.pixels."""
        return decode.pixels(self.data, self.limits)

    @cached_property
    def rgb(self) -> np.ndarray:
        """uint8 (height, width, 3) as stored, alpha composited on white."""
        return decode.rgb(self.pixels)

    @cached_property
    def upright(self) -> np.ndarray:
        """`rgb` rotated by the file's EXIF orientation: as people see it, and as models were trained."""
        return decode.upright(self.rgb, Metadata(self.container).exif.get("Orientation"))

    def for_thumbnail(self, least_side: int) -> np.ndarray:
        """`upright`, or a reduced version of it with sides of at least `least_side` pixels. For thumbnails only:
        detectors get other pixels."""
        reduced = decode.rgb(decode.pixels(self.data, self.limits, least_side=least_side))
        return decode.upright(reduced, Metadata(self.container).exif.get("Orientation"))

    @cached_property
    def thumbnail(self) -> np.ndarray | None:
        """See thumbnail_match.thumbnail; None if the image is not decoded."""
        return thumbnail_match.thumbnail(self.upright) if self.unavailable_reason(Need.EMBEDDING) is None else None

    @cached_property
    def resized(self) -> str | None:
        """The resizing that the manifest implies, with the original and the present size; None if there was none."""
        row = self.sample.row
        try:
            original = int(row["original_width"]), int(row["original_height"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        present = self.header.width, self.header.height
        if original in (present, (0, 0)):
            return None
        return f"resized from {original[0]} × {original[1]} to {present[0]} × {present[1]}"

    def memoize(self, key: str, compute: Callable[[], Any]) -> Any:
        """The result of compute(), which is called once per key."""
        if key not in self._memo:
            self._memo[key] = compute()
        return self._memo[key]

    def is_evaluable_in_sample(self, need: Need) -> bool:
        """False if the row is not in the audit's sample and is opened less far than the need."""
        return self.is_sampled or min(need, Need.PIXELS) <= self.depth

    def unavailable_reason(self, need: Need) -> str | None:
        """Why a detector with this need cannot examine the image; None if it can."""
        if need is Need.ROW:
            return None
        if self.overdue:
            return self.overdue
        if not self.is_evaluable_in_sample(need):
            return "not in the sample"
        if self.sample.content is None:
            return "no image bytes"
        if min(need, Need.PIXELS) > self.depth:
            return f"not opened so far: the audit's depth is {self.depth.name.lower()}"
        if need >= Need.PIXELS:
            return self.no_pixels
        if not self.stripped:
            return None
        return None if need is Need.TAGS and self.exif_column is not None else self.stripped

    def covariates(self) -> Covariates:
        """The covariates, for strata and controls. Raises SampleError as the header does."""
        row = self.sample.row
        pwatermark = covariates.pwatermark(row)
        if not self.is_opened:
            return Covariates(year=covariates.year(None, row), pwatermark=_finite(pwatermark), weight=self.weight)
        return Covariates(
            format=self.header.format,
            width=self.header.width,
            height=self.header.height,
            quality=self.header.quality,
            sha256=self.sha256,
            camera=covariates.camera(self.metadata),
            year=covariates.year(self.metadata, row),
            pwatermark=_finite(pwatermark),
            opt_out=covariates.opt_out(self.metadata),
            has_metadata=self.metadata.is_present,
            caption_similarity=self.caption_similarity,
            weight=self.weight,
        )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
