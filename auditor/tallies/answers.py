"""What statistical detectors answered over the dataset, and how their scores are spread: one streaming tally."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from auditor.types import Claim, Evidence
from auditor.verdicts import rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

BINS = 10  # of the score, from 0 to 1
_MOST_REASONS = 5
_CLAIM_TEXT = {
    Claim.LIKELY_SYNTHETIC.value: "likely synthetic",
    Claim.LIKELY_REAL.value: "likely real",
    "": "cannot tell",
    Claim.SUSPECTED.value: "a chance by its own measure",
}


class AnswerTally:
    """Adds batches of signals up."""

    def __init__(self) -> None:
        self._claims: dict[str, Counter[str]] = defaultdict(Counter)
        self._abstentions: dict[str, Counter[str]] = defaultdict(Counter)
        self._bins: dict[str, np.ndarray] = {}

    def add(self, signals: pa.StructArray) -> None:
        """Signals of one batch of rows, whosoever's."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        mine = signals.filter(pc.equal(signals.field("evidence"), Evidence.STATISTICAL.value))
        for id in mine.field("detector").unique().to_pylist():
            own = mine.filter(pc.equal(mine.field("detector"), id))
            looked = pa.array(rows.looked(own))
            claims = own.field("claim").fill_null("").filter(looked).to_pylist()
            self._claims[id].update(_CLAIM_TEXT.get(claim, claim) for claim in claims)
            reasons = pc.replace_substring_regex(own.field("reason").filter(pc.invert(looked)), r"\d+", "…")
            self._abstentions[id].update(reasons.to_pylist())
            scores = own.field("score").filter(looked).to_numpy(zero_copy_only=False)
            self._bins[id] = self._bins.get(id, 0) + np.histogram(scores, BINS, (0.0, 1.0))[0]

    def answers(self, id: str) -> dict[str, int]:
        """Answer, or why there was none, → rows; the most frequent reasons, numbers in them left out."""
        reasons = sorted(self._abstentions[id].items(), key=lambda item: (-item[1], item[0]))
        claims = {text: self._claims[id][text] for text in _CLAIM_TEXT.values() if self._claims[id][text]}
        rest = sum(count for _, count in reasons[_MOST_REASONS:])
        return {**claims, **dict(reasons[:_MOST_REASONS]), **({"other reasons": rest} if rest else {})}

    def scores(self, id: str) -> tuple[int, ...]:
        """Rows in each of BINS equal parts of the score."""
        return tuple(int(count) for count in self._bins[id]) if id in self._bins else ()
