"""The nouns of a dataset: what an audit measured. Everything here is a value, as in types.py.

The nouns of a decision: what was made of an audit, by which assumptions. Values like those of types.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from auditor.config import Config
from auditor.types import Evidence

SCHEMA = "auditor/2"
# Marks that only their makers can read, or that name no generator: every report lists them.
UNCHECKABLE = ("SynthID", "Amazon Titan and Nova", "Meta Content Seal", "Digimarc", "Stable Signature", "TrustMark")
OTHERS = "(others)"  # the subgroup of all that are not listed


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

    evaluable: int
    share: float


@dataclass(frozen=True, slots=True)
class DetectorTally:
    """One detector over the whole dataset. `failed`: rows on which it raised, which is a bug of ours.

    Of statistical ones also the rows by answer (or by reason for none), and in each tenth of the score.
    """

    evidence: Evidence
    evaluable: int
    share: float
    hits: int
    failed: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)
    scores: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfirmedShare:
    """Share of the readable rows whose declared or matched evidence says synthetic: a floor, no estimate.

    Where every row was read the share is a fact, and low and high are that share; where some evidence could be seen in
    a sample only, they are its exact 95 % interval. as_sample is the interval in either case were the rows drawn from
    a larger source: what it would go on to give.
    All are None without a row that could be read.
    """

    count: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    source_interval: tuple[float, float] | None = None
    edited: int = 0
    generators: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EffectiveSampleSize:
    """n rows of whole shards, or of unequal weights, tell as much as `n_eff` equal rows that are drawn one by one:
    n / design_effect."""

    n: int
    n_eff: float
    design_effect: float


@dataclass(frozen=True, slots=True)
class Weights:
    """A column says how much each row counts, and shares are of that weight. sample_size: of the readable rows."""

    column: str
    sample_size: EffectiveSampleSize


@dataclass(frozen=True, slots=True)
class ShardSample:
    """Whole shards, drawn at random, `read` of `of`, and what their rows are worth for the declared share, and for the
    model's flags where it looked. How many rows the others have is not known."""

    read: int
    of: int
    declared: EffectiveSampleSize
    flags: EffectiveSampleSize | None = None


@dataclass(frozen=True, slots=True)
class DatasetTest:
    """Whether a mark is in a dataset although no single image shows it for certain.

    n: undecided images that were looked at. t: how far they lean towards the mark together. striking: images that
    lean further than one unmarked one in a thousand. p_value: of both, corrected for all tests made. share_low:
    one-sided 95 % lower bound on the marked share of those images.
    """

    detector: str
    generator: str
    n: int
    t: float
    exceedances: int
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
class FprScenario:
    """The interval that an estimate would have if false positives were `factor` times as frequent."""

    factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """A stratum: its rows, and those of them that people labelled."""

    rows: int
    synthetic: int
    real: int
    unsure: int


@dataclass(frozen=True, slots=True)
class Labels:
    """People's labels, by the verdict of the rows they are of.

    double_annotated: images that two people labelled, neither unsure, and disagreements: of those. skipped: rows among
    the labelled ones without a label, counted as unsure.
    """

    strata: Mapping[str, LabelCounts]
    double_annotated: int
    disagreements: int
    skipped: int


@dataclass(frozen=True, slots=True)
class AlternativeEstimate:
    """What another method says of the same fraction."""

    method: str
    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The synthetic fraction, corrected for the detector's errors, with its interval and what it assumes.

    n: undecided images that the detector looked at, `flagged` of them with a score of `cutoff` or more; conditions they
    are in; controls: the detector on images of known truth. With labels: n images that people labelled, and what the
    detector says, beside. at_best: of a sample, the ends that no number of rows brings closer, because the error rates
    are not known better.
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
    threshold: float | None = None
    conditions: Mapping[str, int] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()
    fpr_scenarios: tuple[FprScenario, ...] = ()
    labels: Labels | None = None
    alternatives: tuple[AlternativeEstimate, ...] = ()
    asymptotic: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Subgroup:
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
class Cluster:
    """Near copies of one picture: how many, how many of them are declared or flagged, the source and the images of
    the first ones."""

    size: int
    declared: int
    flagged: int
    source: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DuplicateShare:
    """Of a group's n images those that have a near copy in the group, and its largest cluster."""

    name: str
    n: int
    in_clusters: int
    share: float
    largest: int


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Near copies among the n images that have a vector of `fingerprint`.

    is_verified: whether thumbnails confirmed what the vectors said. unsearched: pairs that were alike enough and too
    many to be looked at for crops. largest: clusters, those with declared or flagged images first.
    """

    fingerprint: str
    n: int
    in_clusters: int
    share: float
    clusters: int
    is_verified: bool
    unsearched: int = 0
    largest: tuple[Cluster, ...] = ()
    groups: tuple[DuplicateShare, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptionGroup:
    """How well captions fit: of n images of a group the mean cosine, and its 5, 25, 50, 75 and 95 % quantiles."""

    name: str
    n: int
    mean: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of the panel, what chance gives instead (mean, 99 % band), and how many standard deviations apart."""

    name: str
    value: float
    expected: float
    low: float
    high: float
    z: float
    is_outside: bool


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """The panel of some images against others, at n images of either side a draw."""

    name: str
    n: int
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Diversity:
    """Of the `distinct` images that are left when near copies are gone: their effective dimension, and the panel.

    trace_ratio: the spread of declared and flagged images over that of the others (low, ratio, high), an aid for
    choosing λ and no measurement of it: flags are wrong at times, and generators differ in more than their spread.
    left_out: comparisons that were asked for and had too few images, in words.
    """

    fingerprint: str
    distinct: int
    dimension: float | None
    comparisons: tuple[MetricComparison, ...] = ()
    trace_ratio: tuple[float, float, float] | None = None
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Digests:
    """sha256 of what an audit rests on: the dataset as it was read; the names of all its shards, where some were read;
    source and data files of each detector, by id; what reference images are known, by name; calibration and labels of
    one's own. vectors: the encoder's fingerprint, and rows and digest of vectors that were made already."""

    dataset: str
    shards: str | None = None
    detectors: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, str | int] | None = None
    indexes: Mapping[str, str] = field(default_factory=dict)
    calibration: str | None = None
    labels: str | None = None

    @property
    def of_data(self) -> tuple[str, str | None]:
        """What tells whether a dataset is the same."""
        return self.dataset, self.shards


@dataclass(frozen=True, slots=True)
class Audit:
    """What was measured. Shares are fractions of 1. What was decided about it is a Decision.

    sample: rows of a bounded audit's sample, by status; None where every row was looked at in full. shards: those that
    were read, where others were not. weights: None where all rows count the same.
    """

    inputs: tuple[InputRecord, ...]
    digests: Digests
    config: Config
    counts: Counts
    coverage: Mapping[str, Coverage]
    detectors: Mapping[str, DetectorTally]
    confirmed: ConfirmedShare
    sample: Counts | None = None
    shards: ShardSample | None = None
    weights: Weights | None = None
    estimate: Estimate | None = None
    subgroups: tuple[Subgroup, ...] = ()
    dataset_tests: tuple[DatasetTest, ...] = ()
    unreadable_reasons: Mapping[str, int] = field(default_factory=dict)
    contradictions: int = 0
    extras: Mapping[str, Any] = field(default_factory=dict)
    near_duplicates: NearDuplicates | None = None
    diversity: Diversity | None = None
    captions: tuple[CaptionGroup, ...] = ()
    tool: Mapping[str, str] = field(default_factory=dict)
    schema: str = SCHEMA


class Outcome(StrEnum):
    """How a rule, or a whole policy, ends."""

    PASS = "pass"  # noqa: S105  no password
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    EXEMPT = "exempt"


class MadLevel(StrEnum):
    """Where the synthetic fraction's interval lies against the MAD limit (auditor/mad/criteria.py)."""

    SAFE = "safe"  # its upper end is below half of the limit at the conservative λ
    NEAR = "near"
    INCONCLUSIVE = "inconclusive"  # its upper end is above the limit, or there is no estimate
    OVER = "over"  # its lower end is above the limit


class MadCriterion(StrEnum):
    """Which criterion sets the limit."""

    DIVERSITY = "diversity"  # the tolerated loss of variance
    STABILITY = "stability"  # the cap


@dataclass(frozen=True, slots=True)
class MadLimits:
    """Each criterion's limit on the synthetic fraction, from 0 to 1.

    diversity_conservative: the same as diversity, at the lower end of the range of λ.
    """

    diversity: float
    diversity_conservative: float
    stability: float
    admissible: float
    half: float


@dataclass(frozen=True, slots=True)
class MadStatus:
    """Where the dataset stands against a MAD criterion, by which assumptions; limits: those of all criteria."""

    status: MadLevel
    criterion: MadCriterion
    limit: float
    lambda_: float
    lambda_range: tuple[float, float]
    delta: float
    reason: str
    advice: str = ""
    dimension: float = 100.0
    limits: MadLimits = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one rule of a policy ended, with the number it looked at."""

    id: str
    outcome: Outcome
    value: float | str | None
    limit: float | str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """How the policy ended, and the policy as plain values. exit_code is what the command line exits with.

    mad: where the dataset stands by the policy's assumptions; None where no image could be read.
    """

    outcome: Outcome
    exit_code: int
    reason: str
    rules: tuple[RuleResult, ...]
    policy: Mapping[str, Any] = field(default_factory=dict)
    mad: MadStatus | None = None
