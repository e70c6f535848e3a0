"""The nouns of an audit. Everything here is a value: frozen, comparable, free of files and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol

SCHEMA = "auditor/1"
# Marks that only their makers can read, or that name no generator: every report lists them.
UNCHECKABLE = ("SynthID", "Amazon Titan and Nova", "Meta Content Seal", "Digimarc", "Stable Signature", "TrustMark")
OTHERS = "(others)"  # the stratum of all that are not listed


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
    LIKELY = "likely"  # a model thinks so, at a stated false-positive rate
    UNLIKELY = "unlikely"  # a model thinks that it is real, at a stated false-negative rate


class Label(StrEnum):
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
        """All bytes. Raises Refused beyond `limit` bytes, or when they cannot be had."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset that can be looked at.

    key: the dataset's own, else the path below the input. source: domain or folder.
    image: POSIX path below the input, `a.tar::member`, `table.parquet#row`, or the URL.
    content is None where the manifest gives only a URL. declared: column and value that say whether it is synthetic.
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
    """What one detector said of one image.

    score: None = could not look, 0 = looked and found nothing, above 0 = a hit; for statistical evidence the
    probability, and a hit where the claim says likely. reason: in words, for people.
    """

    detector: str
    evidence: Evidence
    tier: Tier | None = None
    score: float | None = None
    reason: str = ""
    claim: Claim | None = None
    generator: str | None = None

    @property
    def is_hit(self) -> bool:
        """Whether something was found."""
        is_scored = self.score is not None and self.score > 0
        return is_scored and (self.evidence is not Evidence.STATISTICAL or self.claim is Claim.LIKELY)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was concluded of one image, and the detector that decided it (None: nothing did)."""

    label: Label
    decided_by: str | None = None
    p_synthetic: float | None = None


@dataclass(frozen=True, slots=True)
class Covariates:
    """Facts about one image that are no evidence: they stratify, control and break down.

    width, height in pixels as stored; quality of a JPEG, 1 to 100; year of capture or crawl; camera: what a camera
    wrote, in words;
    pwatermark: LAION's probability of a *stock-photo* watermark; opt_out: the file forbids data mining.
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


@dataclass(frozen=True, slots=True)
class Row:
    """One row of evidence: what the dataset said, what was seen, what was concluded.

    said: a digest of all that the manifest said of it; part of the dataset's digest, and of nothing else.
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
    said: str = ""


# ---- the audit ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One input as it was read: its name (no absolute path), the reader, its rows."""

    name: str
    format: str
    rows: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by status, and how many keys occur more than once."""

    rows: int = 0
    ok: int = 0
    no_bytes: int = 0
    failed: int = 0
    unreadable: int = 0
    repeated_keys: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """For how many rows, and which share of all rows, a kind of evidence could have been seen at all."""

    could_look: int
    share: float


@dataclass(frozen=True, slots=True)
class DetectorTally:
    """One detector over the whole dataset. `failed`: rows on which it raised, which is a bug of ours.

    Of statistical ones also the rows by answer (or by reason for none), and in each tenth of the score.
    """

    evidence: Evidence
    could_look: int
    share: float
    hits: int
    failed: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)
    scores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Floor:
    """Share of the readable rows whose declared or matched evidence says synthetic: a floor, no estimate.

    Where every row was read the share is a fact, and low and high are that share; of a sample they are its exact 95 %
    interval. as_sample is the Clopper-Pearson interval in either case: what the same source would go on to give.
    All are None without a row that could be read.
    """

    count: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    as_sample: tuple[float, float] | None = None
    edited: int = 0
    generators: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Population:
    """Whether a mark is in a dataset although no single image shows it for certain.

    n: undecided images that were looked at. t: how far they lean towards the mark together. striking: images that
    lean further than one unmarked one in a thousand. p_value: of both, corrected for all tests made. share_low:
    one-sided 95 % lower bound on the marked share of those images.
    """

    detector: str
    generator: str
    n: int
    t: float
    striking: int
    p_value: float
    share_low: float


@dataclass(frozen=True, slots=True)
class Control:
    """Images whose truth is known: how many, how many were flagged, the rate that the calibration predicts for them
    (median and 95 % interval), and how probable their number was (two-sided). is_shift: too improbable."""

    name: str
    flagged: int
    n: int
    expected: tuple[float, float, float]
    p_value: float
    is_shift: bool


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The interval that an estimate would have if false positives were `factor` times as frequent."""

    factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The synthetic fraction, corrected for the detector's errors, with its interval and what it assumes.

    n: undecided images that the detector looked at, `flagged` of them with a score of `cutoff` or more; conditions they
    are in; controls: the detector on images of known truth.
    """

    point: float
    low: float
    high: float
    confidence: float
    method: str
    n: int
    calibration: str
    assumptions: tuple[str, ...] = ()
    detector: str | None = None
    flagged: int | None = None
    cutoff: float | None = None
    conditions: Mapping[str, int] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the dataset: rows, rows read, and the declared or matched share with its interval."""

    by: str
    value: str
    rows: int
    ok: int
    synthetic: int
    edited: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What was measured. Shares are fractions of 1. What was decided about it is a Decision."""

    inputs: tuple[InputRecord, ...]
    digests: Mapping[str, Any]
    config: Mapping[str, Any]
    seed: int
    counts: Counts
    coverage: Mapping[str, Coverage]
    detectors: Mapping[str, DetectorTally]
    floor: Floor
    estimate: Estimate | None = None
    strata: tuple[Stratum, ...] = ()
    population: tuple[Population, ...] = ()
    unreadable_reasons: Mapping[str, int] = field(default_factory=dict)
    contradictions: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    tool: Mapping[str, str] = field(default_factory=dict)
    schema: str = SCHEMA
