"""What each detector, and each kind of evidence, could see and found over the dataset: one streaming tally."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.results import Coverage, DetectorTally
from auditor.tallies.answers import AnswerTally
from auditor.types import Evidence, SignalOutcome
from auditor.verdicts import rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class SignalTally:
    """Adds batches of evidence up. Shares are of the rows that a detector was meant to look at: not those beyond a
    sample."""

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
        """One batch: its columns by name, and which rows count as synthetic."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

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
            mine = np.asarray(pc.equal(evidence, kind.value))
            self._kinds[kind.value] += len(np.unique(row[mine & looked]))
            sampled = len(np.unique(row[mine & ~np.asarray(outside)]))
            self._kinds_outside[kind.value] += len(np.unique(row[mine])) - sampled
        if len(self._evidence) < len(set(detector.unique().to_pylist()) | set(self._evidence)):
            self._evidence.update(zip(detector.to_pylist(), evidence.to_pylist(), strict=True))
        decided = column["decided_by"].take(row)
        deciding = np.asarray(pc.equal(detector, decided).fill_null(False)) & counted[row]
        self.generators.update(value_counts(generator.filter(deciding).fill_null("not named")))

    def coverage(self, rows: int) -> dict[str, Coverage]:
        """Kind of evidence → for how many rows it could have been seen."""
        kinds = [kind.value for kind in Evidence]
        return {
            kind: Coverage(self._kinds[kind], _share(self._kinds[kind], rows - self._kinds_outside[kind]))
            for kind in kinds
        }

    def detectors(self, rows: int) -> dict[str, DetectorTally]:
        """Detector → what it could look at and what it found."""
        return {
            id: DetectorTally(
                evidence=Evidence(kind),
                could_look=self._looked[id],
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
    """Value → how often it occurs."""
    return {entry["values"]: entry["counts"] for entry in array.value_counts().to_pylist()}
