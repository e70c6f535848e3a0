"""The estimate of an audit, from its evidence summed up once: from the classifier's scores, and from any labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from auditor import sentences
from auditor.aggregate import subgroups
from auditor.aggregate.scores import ScoreBins
from auditor.aggregate.summary import Summary
from auditor.annotation import tally
from auditor.annotation.file import Annotation
from auditor.annotation.two_phase import Prediction
from auditor.classifier import ClassifierDetector
from auditor.config import Config
from auditor.estimate import prevalence
from auditor.estimate.calibration import Calibration
from auditor.estimate.intervals import Interval
from auditor.estimate.prevalence import Scored, Stated
from auditor.estimate.score_distributions import Bins
from auditor.evidence_store.columns import stored
from auditor.results import Counts, Estimate, ShardSample, Subgroup
from auditor.safe_text import safe_text


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier with the calibration of its scores. bins: of its logits. stored: of the scores in evidence.
    has_verdicts: whether it says likely synthetic and likely real, by the bins' thresholds."""

    calibration: Calibration
    bins: Bins
    stored: ScoreBins
    has_verdicts: bool

    @classmethod
    def of(cls, detector: ClassifierDetector, calibration: Calibration) -> Model:
        """Stored scores are probabilities by the detector's own slope and intercept, so their bins are too."""

        def stored_score(logit: float) -> float:
            return stored(detector.probability(logit)) if math.isfinite(logit) else logit

        bins = Bins.of(calibration, detector.thresholds)
        _, high = detector.thresholds or (calibration.likely_real, calibration.likely_synthetic)
        stored_bins = replace(bins, edges=tuple(stored_score(edge) for edge in bins.edges))
        stored_ = ScoreBins(detector.id, stored_bins, stored_score(high))
        return cls(calibration, bins, stored_, has_verdicts=detector.thresholds is not None)


@dataclass(frozen=True)
class Estimator:
    """model: None without a calibrated classifier. config: of the audit."""

    summary: Summary
    model: Model | None
    config: Config

    @cached_property
    def from_scores(self) -> Estimate | None:
        """The estimate from the classifier's scores; None without them."""
        if not self._scored or not self.model:
            return None
        threshold = self.model.stored.likely_synthetic
        estimate = prevalence.estimate_prevalence(
            self.summary.evidence, self._scored, threshold if math.isfinite(threshold) else None
        )
        return estimate and self._with_context(estimate)

    def from_labels(self, annotations: Sequence[Annotation], *, multiple: float = 1.0) -> Estimate:
        """The estimate from labels of the summary's keys, or of some of them. multiple: as in Labelled.times. Raises
        LabelError."""
        if not self.summary.labels:
            raise ValueError("the summary was made without labels")
        labelled = self.summary.labels.labelled(annotations).times(multiple)
        return self._with_context(
            tally.estimate_from_labels(self.summary.evidence, labelled, self._prediction, self.from_scores)
        )

    def subgroups(self, estimate: Estimate | None) -> tuple[Subgroup, ...]:
        """The subgroups, with fractions that add up to the estimate of the dataset."""
        whole = Interval(estimate.point, estimate.low, estimate.high) if estimate else None
        return subgroups.estimated(self.summary.subgroups, self._scored, whole)

    @cached_property
    def _prediction(self) -> Prediction | None:
        """What the scores predict for the strata of labels, whatever the labels are; None without scores."""
        posterior = prevalence.posterior(self.summary.evidence, self._scored) if self._scored else None
        if not posterior or not self.model or not self.summary.scores or not self.summary.labels:
            return None
        unseen = self.summary.scores.unseen.total
        return self.summary.labels.predicted(posterior, unseen, has_verdicts=self.model.has_verdicts)

    @cached_property
    def _scored(self) -> Scored | None:
        if not self.summary.scores or not self.model:
            return None
        estimate = self.config.estimate
        stated = Stated(estimate.generators == "many", estimate.anchors == "representative")
        return Scored(self.summary.scores, self.model.calibration, self.model.bins, self.config.seed, stated)

    def _with_context(self, estimate: Estimate) -> Estimate:
        """The estimate with the assumptions about weights, unread shards and images that could not be fetched."""
        if weighted_by := self.config.scan.read.weight_col:
            text = f"training sees each row in proportion to its column '{safe_text(weighted_by, 40)}'"
            estimate = _assume(estimate, text)
        if self.summary.shards:
            estimate = _assume_random_shards(estimate, self.summary.shards)
        if self.config.sampling.fetch:
            estimate = _with_dead_links(estimate, self.summary.sample or self.summary.counts)
        return estimate


def _assume(estimate: Estimate, assumption: str) -> Estimate:
    """The estimate with one more assumption."""
    return replace(estimate, assumptions=(*estimate.assumptions, assumption))


def _assume_random_shards(estimate: Estimate, shards: ShardSample) -> Estimate:
    return _assume(
        estimate,
        f"the {shards.read:,} shards that were read are a random sample of the dataset's {shards.of:,}, and the others "
        "differ from them no more than they do from each other",
    )


def _with_dead_links(estimate: Estimate, sample: Counts) -> Estimate:
    """The estimate, which covers retrievable images only, with the range that unretrievable images would permit."""
    if not sample.failed:
        return estimate
    dead = sample.failed / (sample.ok + sample.failed + sample.unreadable)
    low, high = estimate.low * (1 - dead), estimate.high * (1 - dead) + dead
    return _assume(
        estimate,
        f"{sample.failed:,} of the sampled images ({sentences.percent(dead)}) could not be fetched, and the fraction "
        "is that of the others; if all missing images were real, or all synthetic, it would be "
        f"{sentences.span(low, high)}",
    )
