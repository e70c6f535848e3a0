"""One sample, opened and decoded at most once, under limits, for all detectors."""

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

_HEAVIEST = 1e12  # what a row may weigh: sums of squares stay numbers


@dataclass(frozen=True, slots=True)
class ReferenceMatch:
    """The nearest image of a reference index: the index and its kind; the image there and their cosine; whether it is a
    copy."""

    reference_index: str
    kind: str
    image: str
    cosine: float
    is_copy: bool


class View:
    """What has been computed from one sample so far. Properties raise Refused where the sample cannot give them."""

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
        self.is_sampled = is_sampled  # False: beyond the sample of a bounded audit, for which the depth is less
        self.is_fetched = is_fetched  # True: the manifest gives a URL, and the content is what was fetched from there
        self.encoding: Encoding | None = None  # set by the pipeline, in batches, where a detector needs it
        self.vector: np.ndarray | None = None  # likewise, where vectors are kept
        self.caption_similarity: float | None = None  # likewise, where an encoder of texts is at hand
        self.known: tuple[ReferenceMatch, ...] | None = None  # of each index what is nearest; None: nobody looked
        self.exact_match: ReferenceMatch | None = None
        self._memo: dict[str, Any] = {}

    @property
    def is_opened(self) -> bool:
        """Whether the image's file is looked into at all: it is there, and the audit goes deeper than rows."""
        return self.sample.content is not None and self.depth > Need.ROW

    @cached_property
    def data(self) -> bytes:
        """The file, whole."""
        if self.sample.content is None:
            raise SampleError("no image bytes: the manifest gives a URL only")
        return self.sample.content.read(self.limits.max_bytes)

    @cached_property
    def sha256(self) -> str:
        """Of the file's bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def container(self) -> Container:
        """The file's own metadata blocks."""
        return walk(self.data)

    @cached_property
    def metadata(self) -> Metadata:
        """What the file says of itself; for a stripped file, what the manifest's `exif` column kept of it."""
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
        """Why this file's metadata are not its maker's: the tool that re-encoded it, or None.

        A file whose hash is the original's, or that still says anything about itself, was left as it was.
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
    def weight(self) -> float | None:
        """What the row counts, where a column says so. Raises Refused for what is no such number."""
        if self.sample.weight is None:
            return None
        column, text = self.sample.weight
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if found != 0 and not 1 / _HEAVIEST <= found <= _HEAVIEST:
            problem = f"is {text[:40]!r}" if text else "is missing"
            raise SampleError(f"its weight (column '{column}') {problem}: it has to be 0, or from 1e-12 to 1e12")
        return found

    @cached_property
    def pixels(self) -> np.ndarray:
        """uint8 (height, width, channels) as stored: see decode.pixels."""
        return decode.pixels(self.data, self.limits)

    @cached_property
    def rgb(self) -> np.ndarray:
        """uint8 (height, width, 3) as stored, alpha on white."""
        return decode.rgb(self.pixels)

    @cached_property
    def upright(self) -> np.ndarray:
        """`rgb` turned as the file's EXIF orientation says: as people see it, and as models were trained."""
        return decode.upright(self.rgb, Metadata(self.container).exif.get("Orientation"))

    @cached_property
    def thumbnail(self) -> np.ndarray | None:
        """See thumbnail_match.thumbnail; None where the image is not decoded."""
        return thumbnail_match.thumbnail(self.upright) if self.unavailable_reason(Need.EMBEDDING) is None else None

    @cached_property
    def resized(self) -> str | None:
        """What the manifest says of a resizing: original size and present one, or None if it says nothing of one."""
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
        """compute(), called once a key."""
        if key not in self._memo:
            self._memo[key] = compute()
        return self._memo[key]

    def is_evaluable_in_sample(self, need: Need) -> bool:
        """False where the audit is sampled, this row is not in the sample, and it is opened less far than the need."""
        return self.is_sampled or min(need, Need.PIXELS) <= self.depth

    def unavailable_reason(self, need: Need) -> str | None:
        """Why a detector with this need cannot look, or None if it can."""
        if need is Need.ROW:
            return None
        if not self.is_evaluable_in_sample(need):
            return "not in the sample"
        if self.sample.content is None:
            return "no image bytes"
        if min(need, Need.PIXELS) > self.depth:
            return f"not opened so far: the audit's depth is {self.depth.name.lower()}"
        if need >= Need.PIXELS or not self.stripped:
            return None
        return None if need is Need.TAGS and self.exif_column is not None else self.stripped

    def covariates(self) -> Covariates:
        """Facts for strata and controls. Raises Refused with the header."""
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
            caption_similarity=self.caption_similarity,
            weight=self.weight,
        )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
