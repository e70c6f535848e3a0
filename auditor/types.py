"""The nouns of one image: rows, evidence, verdicts. Everything here is a value: frozen, comparable, free of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol


class Evidence(StrEnum):
    """Kinds of evidence. They are never averaged together."""

    DECLARED = "declared"  # the file or the manifest says so
    MATCHED = "matched"  # a watermark was decoded, a known generated image was recognised
    STATISTICAL = "statistical"  # a model with measured error rates
    PRIOR = "prior"  # host, file name, wording: stratifies and ranks, never decides


class Need(IntEnum):
    """What a detector has to be given, from cheap to dear. The pipeline provides just that, once a sample."""

    ROW = 0  # the manifest's row: URL, caption, columns
    TAGS = 1  # EXIF tags, from the file or from the manifest's copy of them
    FILE = 2  # the file's own bytes and metadata, as its maker left them
    PIXELS = 3  # the decoded image
    EMBEDDING = 4  # what the encoder makes of it


class Tier(StrEnum):
    """How strong a hit is."""

    A = "A"  # signed and valid
    B = "B"  # an explicit standard label
    C = "C"  # structured metadata only that generator writes
    D = "D"  # a name or token
    E = "E"  # a weak prior


class Claim(StrEnum):
    """What a hit says of the image."""

    SYNTHETIC = "synthetic"  # wholly or mainly generated
    EDITED = "edited"  # a photo or drawing with a generated part
    SUSPECTED = "suspected"  # somebody supposes so: kept and shown, counted nowhere
    LIKELY_SYNTHETIC = "likely-synthetic"  # by a model, at a stated false-positive rate
    LIKELY_REAL = "likely-real"  # by a model, at a stated false-negative rate


class SignalOutcome(StrEnum):
    """How one detector ended on one image."""

    HIT = "hit"  # found something; of a classifier: it claims likely synthetic
    NEGATIVE = "negative"  # looked and found nothing; of a classifier: any other answer
    ABSTAINED = "abstained"  # could not look
    FAILED = "failed"  # the detector raised, which is a bug of its own
    NOT_SAMPLED = "not-sampled"  # the row is not in the audit's sample, and is opened less far than it needs

    @property
    def has_looked(self) -> bool:
        """Whether there is an answer about the image."""
        return self in (SignalOutcome.HIT, SignalOutcome.NEGATIVE)


class VerdictKind(StrEnum):
    """What an audit concludes of one image."""

    SYNTHETIC = "synthetic"
    EDITED = "edited"
    LIKELY_SYNTHETIC = "likely-synthetic"
    LIKELY_REAL = "likely-real"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """What became of one row."""

    OK = "ok"
    NO_BYTES = "no-bytes"  # the manifest gives a URL and nothing else
    FAILED = "failed"  # the manifest itself says that the download failed
    UNREADABLE = "unreadable"  # an image is named or present and cannot be read


class Content(Protocol):
    """An image's bytes, unopened until asked."""

    def read(self, limit: int) -> bytes:
        """All bytes. Raises SampleError beyond `limit` bytes, or when they cannot be had."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset that can be looked at.

    key: the dataset's own, else the path below the input. source: domain or folder.
    image: POSIX path below the input, `a.tar::member`, `table.parquet#row`, or the URL.
    content is None where the manifest gives only a URL. declared: column and value that say whether it is synthetic;
    weight: those that say how much the row counts, where a column was named for that.
    stripped_by names a tool known to have re-encoded the image.
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


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One row of a dataset that cannot be looked at, and why."""

    key: str
    source: str
    image: str
    reason: str
    status: Status = Status.UNREADABLE


@dataclass(frozen=True, slots=True)
class Signal:
    """The result of one detector on one image.

    score: None where it did not look; 0 for a negative and above 0 for a hit, up to 1; of statistical evidence the
    probability of being synthetic, from 0 to 1. reason: a text for people, which no code reads.
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
    """What was concluded of one image, and the detector that decided it (None: nothing did)."""

    kind: VerdictKind
    decided_by: str | None = None
    p_synthetic: float | None = None


@dataclass(frozen=True, slots=True)
class Covariates:
    """Facts about one image that are no evidence: they stratify, control and break down.

    width, height in pixels as stored; quality of a JPEG, 1 to 100; year of capture or crawl; camera: what a camera
    wrote, in words;
    pwatermark: LAION's probability of a *stock-photo* watermark; opt_out: the file forbids data mining.
    caption_similarity: cosine of image and caption, by the encoder that was asked for. weight: what the row counts,
    where not all count the same.
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
    caption_similarity: float | None = None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of evidence: what the dataset says of it, what was seen, what was concluded.

    manifest_digest: over all that the manifest says of the row; part of the dataset's digest, and of nothing else.
    is_sampled: False for a row beyond the sample of a bounded audit. is_fetched: the image is not the dataset's own: it
    was fetched from its URL.
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
