"""Streaming tallies of signals: coverage and hits of each detector, answers and score histograms of classifiers."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.evidence_store import rows
from auditor.evidence_store.signal_encoding import SignalsOfRows
from auditor.results import Coverage, DetectorTally
from auditor.types import Claim, Evidence, SignalOutcome


class SignalTally:
    """Sums over batches of evidence. Shares refer to the rows that a detector had to examine, without unsampled
    ones."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._kinds_outside: Counter[str] = Counter()
        self._looked: Counter[str] = Counter()
        self._outside: Counter[str] = Counter()
        self._hits: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._evidence: dict[str, str] = {}
        self._answers = AnswerTally()
        self.generators: Counter[str] = Counter()

    def add(self, signals: SignalsOfRows, decided_by: pa.Array, counted: np.ndarray) -> None:
        """Adds one batch. decided_by: the detector that decided each row. counted: rows that count as synthetic, bool
        (rows,)."""
        flat = signals.lists.flatten()
        if not len(flat):
            return
        of_list = np.asarray(pc.list_parent_indices(signals.lists))
        rows_of_list = signals.counts(np.ones(len(signals.of_row), bool))
        n = rows_of_list[of_list]
        detector, evidence, outcome, generator = (
            flat.field(name) for name in ("detector", "evidence", "outcome", "generator")
        )
        looked = rows.looked(flat)
        outside = np.asarray(pc.equal(outcome, SignalOutcome.NOT_SAMPLED.value))
        self._looked.update(weighted_counts(detector, n * looked))
        self._outside.update(weighted_counts(detector, n * outside))
        self._hits.update(weighted_counts(detector, n * rows.hits(flat)))
        self._failed.update(weighted_counts(detector, n * np.asarray(pc.equal(outcome, SignalOutcome.FAILED.value))))
        self._answers.add(flat.filter(pa.array(~outside)), n[~outside])
        for kind in Evidence:
            of_kind = np.asarray(pc.equal(evidence, kind.value))
            self._kinds[kind.value] += int(rows_of_list[np.unique(of_list[of_kind & looked])].sum())
            of_any, sampled = np.unique(of_list[of_kind]), np.unique(of_list[of_kind & ~outside])
            self._kinds_outside[kind.value] += int(rows_of_list[of_any].sum() - rows_of_list[sampled].sum())
        if len(self._evidence) < len(set(detector.unique().to_pylist()) | set(self._evidence)):
            self._evidence.update(zip(detector.to_pylist(), evidence.to_pylist(), strict=True))
        # Rows with the same signals have the same verdict, by the same detector.
        decided = decided_by.take(pa.array(signals.first_row)).take(pa.array(of_list))
        deciding = np.asarray(pc.equal(detector, decided).fill_null(False))
        named = generator.fill_null("not named")
        self.generators.update(weighted_counts(named, signals.counts(counted)[of_list] * deciding))

    def coverage(self, rows: int) -> dict[str, Coverage]:
        """Kind of evidence → the rows that could be checked for it."""
        kinds = [kind.value for kind in Evidence]
        return {
            kind: Coverage(self._kinds[kind], _share(self._kinds[kind], rows - self._kinds_outside[kind]))
            for kind in kinds
        }

    def detectors(self, rows: int) -> dict[str, DetectorTally]:
        """Detector → the rows that it examined, and its hits."""
        return {
            id: DetectorTally(
                evidence=Evidence(kind),
                evaluable=self._looked[id],
                share=_share(self._looked[id], rows - self._outside[id]),
                hits=self._hits[id],
                failed=self._failed[id],
                answers=self._answers.answers(id) if kind == Evidence.STATISTICAL else {},
                scores=self._answers.scores(id),
            )
            for id, kind in sorted(self._evidence.items())
        }


def _share(count: int, n: int) -> float:
    return count / n if n else 0.0


def weighted_counts(array: pa.Array, weights: np.ndarray) -> dict[str, int]:
    """Value → the sum of its weights, of those that are not 0. weights: int64, one per value."""
    values = array.dictionary_encode()
    sums = np.bincount(np.asarray(values.indices), weights, len(values.dictionary)).astype(np.int64)
    return {value: n for value, n in zip(values.dictionary.to_pylist(), sums.tolist(), strict=True) if n}


def value_counts(array: pa.Array) -> dict[str, int]:
    """Value → number of occurrences."""
    return {entry["values"]: entry["counts"] for entry in array.value_counts().to_pylist()}


BINS = 10  # of the score histogram, from 0 to 1
_MAX_REASONS = 5
_CLAIM_TEXT = {
    Claim.LIKELY_SYNTHETIC.value: "likely synthetic",
    Claim.LIKELY_REAL.value: "likely real",
    "": "cannot tell",
    Claim.SUSPECTED.value: "uncalibrated score",
}


class AnswerTally:
    """Sums over batches of signals of classifiers."""

    def __init__(self) -> None:
        self._claims: dict[str, Counter[str]] = defaultdict(Counter)
        self._abstentions: dict[str, Counter[str]] = defaultdict(Counter)
        self._bins: dict[str, np.ndarray] = {}

    def add(self, signals: pa.StructArray, n: np.ndarray) -> None:
        """Adds the signals of one batch, of any detector. n: the number of rows with each, int64."""
        is_statistical = np.asarray(pc.equal(signals.field("evidence"), Evidence.STATISTICAL.value))
        statistical, n = signals.filter(pa.array(is_statistical)), n[is_statistical]
        for id in statistical.field("detector").unique().to_pylist():
            is_own = np.asarray(pc.equal(statistical.field("detector"), id))
            own, rows_with = statistical.filter(pa.array(is_own)), n[is_own]
            looked = rows.looked(own)
            claims = weighted_counts(own.field("claim").fill_null(""), rows_with * looked)
            self._claims[id].update({_CLAIM_TEXT.get(claim, claim): count for claim, count in claims.items()})
            reasons = pc.replace_substring_regex(own.field("reason").fill_null(""), r"\d+", "…")
            self._abstentions[id].update(weighted_counts(reasons, rows_with * ~looked))
            scores = own.field("score").filter(pa.array(looked)).to_numpy(zero_copy_only=False)
            counts = np.histogram(scores, BINS, (0.0, 1.0), weights=rows_with[looked])[0]
            self._bins[id] = self._bins.get(id, 0) + counts

    def answers(self, id: str) -> dict[str, int]:
        """Answer, or reason for an abstention → rows. Only the most frequent reasons are listed, with "…" for
        digits."""
        reasons = sorted(self._abstentions[id].items(), key=lambda item: (-item[1], item[0]))
        claims = {text: self._claims[id][text] for text in _CLAIM_TEXT.values() if self._claims[id][text]}
        rest = sum(count for _, count in reasons[_MAX_REASONS:])
        return {**claims, **dict(reasons[:_MAX_REASONS]), **({"other reasons": rest} if rest else {})}

    def scores(self, id: str) -> tuple[int, ...]:
        """The number of rows in each of the BINS bins of the score."""
        return tuple(int(count) for count in self._bins[id]) if id in self._bins else ()
