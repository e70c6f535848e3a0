"""Streaming tallies of signals: coverage and hits of each detector, answers and score histograms of classifiers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.evidence_store import rows
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

    def add(self, column: Mapping[str, pa.Array], counted: np.ndarray) -> None:
        """Adds one batch. column: its columns by name. counted: rows that count as synthetic, bool (rows,)."""
        signals = column["signals"]
        flat = signals.flatten()
        if not len(flat):
            return
        row = np.asarray(pc.list_parent_indices(signals))
        detector, evidence, outcome, generator = (
            flat.field(name) for name in ("detector", "evidence", "outcome", "generator")
        )
        looked = rows.looked(flat)
        outside = pc.equal(outcome, SignalOutcome.NOT_SAMPLED.value)
        self._looked.update(value_counts(detector.filter(pa.array(looked))))
        self._outside.update(value_counts(detector.filter(outside)))
        self._hits.update(value_counts(detector.filter(pc.equal(outcome, SignalOutcome.HIT.value))))
        self._failed.update(value_counts(detector.filter(pc.equal(outcome, SignalOutcome.FAILED.value))))
        self._answers.add(flat.filter(pc.invert(outside)))
        for kind in Evidence:
            of_kind = np.asarray(pc.equal(evidence, kind.value))
            self._kinds[kind.value] += len(np.unique(row[of_kind & looked]))
            sampled = len(np.unique(row[of_kind & ~np.asarray(outside)]))
            self._kinds_outside[kind.value] += len(np.unique(row[of_kind])) - sampled
        if len(self._evidence) < len(set(detector.unique().to_pylist()) | set(self._evidence)):
            self._evidence.update(zip(detector.to_pylist(), evidence.to_pylist(), strict=True))
        decided = column["decided_by"].take(row)
        deciding = np.asarray(pc.equal(detector, decided).fill_null(False)) & counted[row]
        self.generators.update(value_counts(generator.filter(deciding).fill_null("not named")))

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
    """Sums over batches of signals of classifiers (statistical evidence)."""

    def __init__(self) -> None:
        self._claims: dict[str, Counter[str]] = defaultdict(Counter)
        self._abstentions: dict[str, Counter[str]] = defaultdict(Counter)
        self._bins: dict[str, np.ndarray] = {}

    def add(self, signals: pa.StructArray) -> None:
        """Adds the signals of one batch, of any detector."""
        statistical = signals.filter(pc.equal(signals.field("evidence"), Evidence.STATISTICAL.value))
        for id in statistical.field("detector").unique().to_pylist():
            own = statistical.filter(pc.equal(statistical.field("detector"), id))
            looked = pa.array(rows.looked(own))
            claims = own.field("claim").fill_null("").filter(looked).to_pylist()
            self._claims[id].update(_CLAIM_TEXT.get(claim, claim) for claim in claims)
            reasons = pc.replace_substring_regex(own.field("reason").filter(pc.invert(looked)), r"\d+", "…")
            self._abstentions[id].update(reasons.to_pylist())
            scores = own.field("score").filter(looked).to_numpy(zero_copy_only=False)
            self._bins[id] = self._bins.get(id, 0) + np.histogram(scores, BINS, (0.0, 1.0))[0]

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
