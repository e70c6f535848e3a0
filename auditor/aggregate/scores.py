"""Streaming tally of a classifier's scores, on undecided images and on controls.

Undecided images: readable images (of the sample, if there is one) without metadata, watermark or known-image evidence.
The estimate is computed from their flags. Controls: images that are declared synthetic, and known-real images (with
camera settings in the file, or crawled before 2021, when no generator made photorealistic images). They check the error
rates on this dataset.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.estimate.counts import ScoreCounts
from auditor.estimate.score_distributions import Bins
from auditor.estimate.weights import NO_ROWS, WeightSums, n_eff_of_share
from auditor.evidence_store.signal_encoding import SignalsOfRows
from auditor.images.conditions import conditions
from auditor.types import Evidence, SignalOutcome, VerdictKind

_FIRST_YEAR = 2021  # the first year of crawls that may contain photorealistic generated images


@dataclass(frozen=True, slots=True)
class ScoreBins:
    """Bins for the stored scores of a detector, which are probabilities. likely_synthetic: the score from which an
    image is."""

    detector: str
    bins: Bins
    likely_synthetic: float


class ScoreTally:
    """Sums over batches of evidence. A row is flagged if its score is likely synthetic."""

    def __init__(self, score_bins: ScoreBins) -> None:
        self._detector = score_bins.detector
        self._bins = score_bins.bins
        self._threshold = score_bins.likely_synthetic
        self._counts = np.zeros(len(self._bins))
        self._by_condition: dict[str, WeightSums] = defaultdict(WeightSums)
        self._flagged = self._scored = self._unseen = NO_ROWS
        self._synthetic, self._real = Counter[str](), Counter[str]()
        self._anchors = np.zeros((2, len(self._bins)))

    def add(
        self, column: Mapping[str, pa.Array], signals: SignalsOfRows, readable: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Adds one batch. column: its columns by name. readable: bool (rows,). weights: float64 (rows,).

        Returns each row's bin, int64 (rows,): the number of bins for an undecided row without a score, and -1 for rows
        that are not undecided.
        """
        if not readable.any():
            return np.full(len(readable), -1)
        score = self._scores(signals.lists)[signals.of_row]
        scored = readable & ~np.isnan(score)
        flagged = scored & (score >= self._threshold)
        verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        decided = (verdict == VerdictKind.SYNTHETIC.value) | (verdict == VerdictKind.EDITED.value)
        undecided = readable & ~decided & np.asarray(column["sampled"])
        self._add_scored(self._conditions(column), weights, undecided & scored)
        bins = np.full(len(readable), -1)
        bins[undecided] = len(self._bins)
        bins[undecided & scored] = self._bins.of_scores(score[undecided & scored])
        self._counts += np.bincount(bins[undecided], weights[undecided], len(self._bins) + 1)[: len(self._bins)]
        self._flagged += WeightSums.of(weights[undecided & flagged])
        self._unseen += WeightSums.of(weights[undecided & ~scored])
        year = column["year"].fill_null(9999).to_numpy(zero_copy_only=False)
        camera = np.asarray(column["camera"].is_valid())
        declared = self._declared(signals.lists)[signals.of_row]
        for control, anchors, rows in (
            (self._real, self._anchors[0], undecided & (camera | (year < _FIRST_YEAR))),
            (self._synthetic, self._anchors[1], (verdict == VerdictKind.SYNTHETIC.value) & declared),
        ):
            control.update(flagged=int((rows & flagged).sum()), n=int((rows & scored).sum()))
            anchors += self._bins.counts(score[rows & scored], np.ones(int((rows & scored).sum())))
        return bins

    def _add_scored(self, conditions: np.ndarray, weights: np.ndarray, scored: np.ndarray) -> None:
        """Adds the undecided rows that were scored; all arguments are (rows,)."""
        import pandas as pd

        number, names = pd.factorize(conditions[scored].astype(object))
        rows = np.bincount(number, minlength=len(names)).tolist()
        totals, squares = (np.bincount(number, weights[scored] ** power, len(names)).tolist() for power in (1, 2))
        for name, *sums in zip(names.tolist(), rows, totals, squares, strict=True):
            self._by_condition[name] += WeightSums(*sums)
        self._scored += WeightSums.of(weights[scored])

    @property
    def so_far(self) -> tuple[int, int]:
        """The undecided rows so far that were flagged, and those that were scored."""
        return self._flagged.rows, self._scored.rows

    def result(self) -> ScoreCounts:
        """The sums."""
        return ScoreCounts(
            by_condition=dict(sorted(self._by_condition.items())),
            bins=tuple(self._counts.tolist()),
            flagged=self._flagged,
            n_eff=n_eff_of_share(self._flagged, self._scored),
            unseen=self._unseen,
            synthetic=(self._synthetic["flagged"], self._synthetic["n"]),
            real=(self._real["flagged"], self._real["n"]),
            anchors=(tuple(self._anchors[0].tolist()), tuple(self._anchors[1].tolist())),
        )

    def _scores(self, signals: pa.ListArray) -> np.ndarray:
        """The classifier's score in each list; NaN without one."""
        scores = np.full(len(signals), np.nan)
        flat = signals.flatten()
        if len(flat):
            own = np.asarray(pc.equal(flat.field("detector"), self._detector))
            parents = np.asarray(pc.list_parent_indices(signals))
            scores[parents[own]] = flat.field("score").to_numpy(zero_copy_only=False)[own]
        return scores

    @staticmethod
    def _conditions(column: Mapping[str, pa.Array]) -> np.ndarray:
        width, height, quality = (
            column[name].fill_null(0).to_numpy(zero_copy_only=False) for name in ("width", "height", "quality")
        )
        format = column["format"].fill_null("").to_numpy(zero_copy_only=False)
        return conditions(format, np.maximum(width, height), quality)

    @staticmethod
    def _declared(signals: pa.ListArray) -> np.ndarray:
        """Which lists have a hit of declared evidence, bool (lists,)."""
        declared = np.zeros(len(signals), bool)
        flat = signals.flatten()
        if len(flat):
            is_declared = pc.equal(flat.field("evidence"), Evidence.DECLARED.value)
            hit = pc.and_(is_declared, pc.equal(flat.field("outcome"), SignalOutcome.HIT.value))
            declared[np.asarray(pc.list_parent_indices(signals))[np.asarray(hit)]] = True
        return declared
