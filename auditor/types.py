"""Data types of one image: rows, signals, verdicts. All are frozen, comparable values without open files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol


class Evidence(StrEnum):
    """Kinds of evidence. They are reported separately and never averaged."""

    DECLARED = "declared"  # metadata of the file or the manifest
    MATCHED = "matched"  # a decoded watermark, or a match in a reference index
    STATISTICAL = "statistical"  # a classifier with measured error rates
    PRIOR = "prior"  # a weak hint (host, file name, wording): it ranks rows but never decides one


class Need(IntEnum):
    """The input that a detector needs, from cheap to expensive. Each input is made once per image."""

    ROW = 0  # the manifest's row: URL, caption, columns
    TAGS = 1  # EXIF tags, from the file or from the manifest's copy of them
    FILE = 2  # the original bytes and metadata of the file
    PIXELS = 3  # the decoded image
    EMBEDDING = 4  # the encoder's vector of the image


class Tier(StrEnum):
    """The strength of a hit."""

    A = "A"  # a valid signature
    B = "B"  # an explicit standard label
    C = "C"  # structured metadata that only one generator writes
    D = "D"  # a name or token
    E = "E"  # a weak prior


class Claim(StrEnum):
    """What a hit claims about the image."""

    SYNTHETIC = "synthetic"  # wholly or mainly generated
    EDITED = "edited"  # a photo or drawing with a generated part
    SUSPECTED = "suspected"  # reported, not counted
    LIKELY_SYNTHETIC = "likely-synthetic"  # by a classifier, at a stated false-positive rate
    LIKELY_REAL = "likely-real"  # by a classifier, at a stated false-negative rate


class SignalOutcome(StrEnum):
    """The outcome of one detector on one image."""

    HIT = "hit"  # the detector found something; a classifier claims likely synthetic
    NEGATIVE = "negative"  # the detector found nothing; a classifier gives any other answer
    ABSTAINED = "abstained"  # the image could not be evaluated
    FAILED = "failed"  # the detector raised an exception, which is a bug
    NOT_SAMPLED = "not-sampled"  # the row is outside the sample and was not opened as far as the detector needs

    @property
    def has_looked(self) -> bool:
        """Whether the detector evaluated the image."""
        return self in (SignalOutcome.HIT, SignalOutcome.NEGATIVE)


class VerdictKind(StrEnum):
    """The audit's conclusion about one image."""

    SYNTHETIC = "synthetic"
    EDITED = "edited"
    LIKELY_SYNTHETIC = "likely-synthetic"
    LIKELY_REAL = "likely-real"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """Whether one row could be read."""

    OK = "ok"
    NO_BYTES = "no-bytes"  # the manifest only gives a URL
    FAILED = "failed"  # the download failed, according to the manifest or the fetch
    UNREADABLE = "unreadable"  # the image is named or present but cannot be read


class Content(Protocol):
    """The bytes of an image, which are read on request."""

    def read(self, limit: int) -> bytes:
        """All bytes. Raises SampleError beyond `limit` bytes, or when they are not available."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset that can be audited.

    key: the dataset's own key, or else the path below the input. source: domain or folder.
    image: POSIX path below the input, `a.tar::member`, `table.parquet#row`, or the URL.
    content: None if the manifest only gives a URL. declared: column and value that declare whether the image is
    synthetic. weight: column and value of the row weight, with --weight-col.
    stripped_by: name of a tool that is known to have re-encoded the image. text_beside: the text file of the same name,
    where the image is a file or an archive's member. note: a fact about how the image was found, for people.
    """

    key: str
    source: str
    image: str
    content: Content | None = None
    caption: str | None = None
    url: str | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    declared: tuple[str, str] | None = None
    weight: tuple[str, str] | None = None
    stripped_by: str | None = None
    text_beside: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One row of a dataset that cannot be read, and the reason."""

    key: str
    source: str
    image: str
    reason: str
    status: Status = Status.UNREADABLE


@dataclass(frozen=True, slots=True)
class Signal:
    """The result of one detector on one image.

    score: None if the image was not evaluated; 0 for a negative, above 0 and up to 1 for a hit. For a classifier, it is
    the probability of being synthetic. reason: a text for people; no code depends on it.
    """

    detector: str
    evidence: Evidence
    outcome: SignalOutcome
    tier: Tier | None = None
    score: float | None = None
    reason: str = ""
    claim: Claim | None = None
    generator: str | None = None

    @property
    def is_hit(self) -> bool:
        """Whether something was found."""
        return self.outcome is SignalOutcome.HIT


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion about one image, and the detector that decided it (None for no detector)."""

    kind: VerdictKind
    decided_by: str | None = None
    p_synthetic: float | None = None


@dataclass(frozen=True, slots=True)
class Covariates:
    """Properties of one image that are not evidence. They define conditions, controls and subgroups.

    width, height: pixels as stored. quality: of a JPEG, 1 to 100. year: of capture or crawl. camera: text that a camera
    wrote. pwatermark: LAION's probability of a *stock-photo* watermark. opt_out: the file forbids data mining.
    has_metadata: the file carries EXIF, XMP, IPTC, text or Content Credentials.
    caption_similarity: cosine of image and caption, by the chosen encoder. weight: row weight, with --weight-col.
    """

    format: str | None = None
    width: int | None = None
    height: int | None = None
    quality: int | None = None
    sha256: str | None = None
    camera: str | None = None
    year: int | None = None
    pwatermark: float | None = None
    opt_out: bool | None = None
    has_metadata: bool | None = None
    caption_similarity: float | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of evidence: the dataset's row, its signals and covariates, and the verdict.

    manifest_digest: of the whole manifest row; only the dataset's digest depends on it. is_sampled: False for a row
    outside the sample. is_fetched: the image was fetched from its URL.
    """

    key: str
    source: str
    image: str
    status: Status
    reason: str = ""
    caption: str | None = None
    verdict: Verdict | None = None
    signals: tuple[Signal, ...] = ()
    covariates: Covariates = Covariates()
    manifest_digest: str = ""
    is_sampled: bool = True
    is_fetched: bool = False
