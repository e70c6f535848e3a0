"""Data types of an audit: its measurements. Values, as in types.py; a decision about them is in decision.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.caption_results import Captions
from auditor.config import Config
from auditor.types import Evidence

TOOL = "mad-auditor"
SCHEMA = "auditor/2"
# Watermarks that only their makers can decode, or that do not identify a generator; every report lists them.
UNCHECKABLE = ("SynthID", "Amazon Titan and Nova", "Meta Content Seal", "Digimarc", "Stable Signature", "TrustMark")
SUBGROUP_KINDS = ("source", "shard", "format", "size", "year")
OTHERS = "(others)"  # the subgroup that sums up all unlisted ones


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One input: its name (no absolute path), the id of its reader, and its number of rows."""

    name: str
    format: str
    rows: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """The files of the inputs by what they are; folders are not counted, except hidden ones, which are not entered.

    read: images, tables and archives. sidecars: text files of images. companions: files without images (README,
    checksums, scripts). passed_over: skipped files, reason -> files, the most frequent first.
    """

    read: int
    sidecars: int = 0
    companions: int = 0
    hidden: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """The number of skipped files."""
        return sum(self.passed_over.values())

    @property
    def files(self) -> int:
        """The number of all files."""
        return self.read + self.sidecars + self.companions + self.hidden + self.lost


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by status, the number of keys that occur more than once, and of rows whose image another row has: shares
    count it once."""

    rows: int = 0
    ok: int = 0
    no_bytes: int = 0
    failed: int = 0
    unreadable: int = 0
    repeated_keys: int = 0
    repeated_images: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """The number and share of rows that could be checked for a kind of evidence."""

    evaluable: int
    share: float


@dataclass(frozen=True, slots=True)
class MetadataCount:
    """Images whose files carry metadata of any kind, of those examined. Where metadata were stripped, finding none
    means nothing."""

    examined: int
    present: int


@dataclass(frozen=True, slots=True)
class DetectorTally:
    """One detector over the whole dataset. failed: rows on which it raised an exception, which is a bug.

    answers, scores: for classifiers, the rows by answer (or by reason for an abstention), and a histogram of the score
    with ten bins.
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
    """The share of the readable rows that metadata, watermarks or known-image matches show to be synthetic: a lower
    bound, not an estimate.

    If every row was examined, low and high equal the share; if evidence comes from a sample, they are its exact 95 %
    interval. source_interval: the 95 % interval for the source of the dataset, from which its rows are a sample. All
    are None without a readable row.
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
    """n rows of whole shards, or with unequal weights, are equivalent to n_eff = n / design_effect independent rows."""

    n: int
    n_eff: float
    design_effect: float


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight column; all shares are weighted by it. sample_size: of the readable rows."""

    column: str
    sample_size: EffectiveSampleSize


@dataclass(frozen=True, slots=True)
class ShardSample:
    """A cluster sample: `read` whole shards, drawn at random from `of`. The number of rows in the others is unknown.

    declared, flags: the effective sample sizes for the confirmed share and for the classifier's flags.
    """

    read: int
    of: int
    declared: EffectiveSampleSize
    flags: EffectiveSampleSize | None = None


@dataclass(frozen=True, slots=True)
class DatasetTest:
    """A dataset-level test for a watermark that no single image shows with certainty.

    n: undecided images that were examined. t: the pooled statistic. exceedances: images whose statistic exceeds the
    99.9 % quantile of unmarked images. p_value: of both, corrected for multiple tests. share_low: one-sided 95 % lower
    bound of the marked share of these images.
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
    """A check of the error rates on images with known ground truth: `flagged` of n were flagged.

    expected: the rate that the calibration predicts (median and 95 % interval). p_value: two-sided. is_shift: the count
    is too improbable, which is called a calibration shift.
    """

    name: str
    flagged: int
    n: int
    expected: tuple[float, float, float]
    p_value: float
    is_shift: bool


@dataclass(frozen=True, slots=True)
class FprScenario:
    """Sensitivity analysis: the interval of the estimate if the false-positive rate were multiplied by `factor`."""

    factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """A stratum: the number of its rows, and of rows with each label."""

    rows: int
    synthetic: int
    real: int
    unsure: int


@dataclass(frozen=True, slots=True)
class Labels:
    """People's labels, by stratum (verdict).

    double_annotated: images that two people labelled, neither unsure. disagreements: double-annotated images with
    different labels. skipped: rows without a label among the labelled ones; they count as unsure. annotators: number of
    people. by_basis: labels by their basis. until_decided: labelling could stop as soon as the policy was decided.
    """

    strata: Mapping[str, LabelCounts]
    double_annotated: int
    disagreements: int
    skipped: int
    annotators: int = 1
    by_basis: Mapping[str, int] = field(default_factory=dict)
    until_decided: bool = False


@dataclass(frozen=True, slots=True)
class AlternativeEstimate:
    """Another method's estimate of the same fraction."""

    method: str
    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The synthetic fraction (prevalence), corrected for the classifier's errors, with its interval and assumptions.

    n: undecided images that the classifier scored, `flagged` of them at or above `threshold`; conditions: their
    compression conditions; controls: checks on images with known ground truth. With labels, n is the number of labelled
    images, and alternatives has the classifier's estimate. asymptotic: for a sample, the interval that remains with
    infinitely many rows, because the error rates are uncertain.
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
class SubgroupEstimate:
    """The synthetic fraction of a subgroup, partially pooled over the subgroups of its kind
    (estimate/partial_pooling.py).

    fraction_without: the estimate for the dataset without the subgroup; None if nothing would be left.
    is_mostly_synthetic: more than half of its images are synthetic, at a false discovery rate of 5 % over all subgroups
    of its kind.
    """

    point: float
    low: float
    high: float
    fraction_without: float | None
    is_mostly_synthetic: bool


@dataclass(frozen=True, slots=True)
class Subgroup:
    """A part of the dataset: rows, readable rows (ok), and the confirmed share with its interval.

    scored: undecided images that the classifier scored, `flagged` of them as likely synthetic. estimate: None without
    scores.
    """

    by: str
    value: str
    rows: int
    ok: int
    synthetic: int
    edited: int
    share: float | None
    low: float | None
    high: float | None
    scored: int = 0
    flagged: int = 0
    estimate: SubgroupEstimate | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Near-duplicates of one image: their number, how many are declared or flagged, the source, and the first
    images."""

    size: int
    declared: int
    flagged: int
    source: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DuplicateShare:
    """The images of a group, of n, with a near-duplicate in the group, and the size of its largest cluster."""

    name: str
    n: int
    in_clusters: int
    share: float
    largest: int


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Near-duplicates among the n images that have a vector of the encoder `fingerprint`.

    is_verified: whether thumbnails confirmed the matches of vectors. unsearched: similar pairs that were not checked
    for crops, because there were too many. largest: the largest clusters, those with declared or flagged images first.
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
    """Caption similarity of a group's n images: the mean cosine, and its 5, 25, 50, 75 and 95 % quantiles."""

    name: str
    n: int
    mean: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One diversity metric, with the mean and the 99 % band of its null distribution, and its z-score."""

    name: str
    value: float
    expected: float
    low: float
    high: float
    z: float
    is_outside: bool


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """The metrics of one set of images compared with another, with n images of each per draw."""

    name: str
    n: int
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Diversity:
    """Effective dimension and diversity metrics of the `distinct` images that remain without near-duplicates.

    trace_ratio: the spread of declared and flagged images over that of the others (low, ratio, high). It helps to
    choose λ but is only indicative: flags have errors, and generators differ in more than their spread. not_compared:
    requested comparisons that had too few images, as texts.
    """

    fingerprint: str
    distinct: int
    dimension: float | None
    comparisons: tuple[MetricComparison, ...] = ()
    trace_ratio: tuple[float, float, float] | None = None
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Digests:
    """The sha256 of everything that an audit depends on.

    dataset: the rows as they were read. shards: the names of all shards, if only some were read. detectors: source and
    data files, by detector id. indexes: reference indexes, by name. calibration, labels, human_captions: the user's
    own. vectors: the encoder's fingerprint, and rows and digest of precomputed vectors.
    """

    dataset: str
    shards: str | None = None
    detectors: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, str | int] | None = None
    indexes: Mapping[str, str] = field(default_factory=dict)
    calibration: str | None = None
    labels: str | None = None
    human_captions: str | None = None

    @property
    def of_data(self) -> tuple[str, str | None]:
        """The digests that identify the dataset."""
        return self.dataset, self.shards


@dataclass(frozen=True, slots=True)
class Audit:
    """The measurements of an audit; shares are fractions of 1. The policy's conclusion is a Decision.

    sample: rows of the sample by status; None if every row was examined in full. shards: the sample of shards; None if
    every shard was read. weights: None without a weight column. inventory: None in audits of earlier versions.
    captions: None in audits of earlier versions, and if captions were left out. metadata: None in those of earlier
    versions.
    notes: facts about how images were found -> rows that could be read.
    """

    inputs: tuple[InputRecord, ...]
    digests: Digests
    config: Config
    counts: Counts
    coverage: Mapping[str, Coverage]
    detectors: Mapping[str, DetectorTally]
    confirmed: ConfirmedShare
    inventory: Inventory | None = None
    sample: Counts | None = None
    shards: ShardSample | None = None
    weights: Weights | None = None
    estimate: Estimate | None = None
    subgroups: tuple[Subgroup, ...] = ()
    dataset_tests: tuple[DatasetTest, ...] = ()
    unreadable_reasons: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    contradictions: int = 0
    extras: Mapping[str, Any] = field(default_factory=dict)
    near_duplicates: NearDuplicates | None = None
    diversity: Diversity | None = None
    caption_similarity: tuple[CaptionGroup, ...] = ()
    captions: Captions | None = None
    metadata: MetadataCount | None = None
    tool: Mapping[str, str] = field(default_factory=dict)
    schema: str = SCHEMA

    def _repr_html_(self) -> str:
        """What notebooks show: the first screen, with the decision by the default policy."""
        import auditor  # the public functions, when they are asked for: this module knows none of them

        return auditor.render(self, auditor.decide(self), "notebook")
