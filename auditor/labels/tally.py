"""People's labels held against the evidence: one streaming tally, and the estimate that rests on them.

Labels count for the rows of an audit's rest: those that declared or matched evidence does not decide. Each verdict is
a stratum, and labels are worth something only if the labelled rows of a stratum are a random sample of it: its first
ones in the drawing order (`auditor label` draws them so). Rows that were passed over on the way count as "cannot tell".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import LabelError
from auditor.estimate.intervals import Interval
from auditor.estimate.known import Known
from auditor.estimate.melded import CONFIDENCE
from auditor.labels.labelfile import Answer, Truth
from auditor.labels.two_phase import LabelledStratum, labeller_error, two_phase, with_labeller_error
from auditor.results import Beside, Estimate, LabelCounts, Labels
from auditor.sampling.drawing import place, places
from auditor.types import Label

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FEW = 300  # labels, below which the interval is wide whatever they say
_MOST_PASSED_OVER = 0.5  # of the rows drawn from a stratum: more is no random sample
_NAMED = 3  # keys in an error
METHOD = "two-phase stratified sample of labels"
ASSUMPTIONS = (
    "the labelled images are the first of each verdict in the drawing order, hence a random sample of it",
    "where nobody could tell, the image is taken as real for the lower end and as synthetic for the upper one",
    "images that declared or matched evidence decides are what it says, and count as they are",
)
_UNDECIDED = (Label.LIKELY_SYNTHETIC, Label.UNKNOWN, Label.LIKELY_REAL)


@dataclass(frozen=True, slots=True)
class Labelled:
    """strata: by verdict. decided: further rows of the sample, which evidence that only it could show decides.

    pairs: images that two people labelled, neither unsure; disagreements: of those. passed_over: rows without a label
    among the labelled ones. by_shard: each shard's part of the strata, in their order, and of the rows that evidence
    decides, those decided synthetic first.
    """

    strata: Mapping[str, LabelledStratum]
    decided: int
    pairs: int
    disagreements: int
    passed_over: int
    by_shard: Sequence[Sequence[LabelledStratum]] = ()

    @property
    def labels(self) -> int:
        """Images that somebody labelled."""
        return sum(stratum.labelled for stratum in self.strata.values()) - self.passed_over


class LabelTally:
    """Adds batches of evidence up. seed: of the audit, which the drawing order depends on."""

    def __init__(self, answers: Iterable[Answer], seed: int) -> None:
        import pandas as pd

        self._seed = seed
        by_key: dict[str, list[Answer]] = defaultdict(list)
        for answer in answers:
            by_key[answer.key].append(answer)
        self._keys = pd.Index(list(by_key), dtype=object)
        self._drawn_from = [_stratum(found) for found in by_key.values()]
        self._truths = [_truth(found) for found in by_key.values()]
        pairs = [truths for found in by_key.values() if len(truths := _definite(found)) > 1]
        self._pairs, self._disagreements = len(pairs), sum(len(set(truths)) > 1 for truths in pairs)
        self._last: dict[str, int] = {}
        for key, stratum in zip(by_key, self._drawn_from, strict=True):
            self._last[stratum] = max(self._last.get(stratum, 0), place(key, seed))
        self._sizes: Counter[str] = Counter()
        self._reached: Counter[str] = Counter()
        self._found: dict[str, Counter[Truth]] = defaultdict(Counter)
        self._seen: set[int] = set()
        self._moved: list[str] = []
        self._synthetic = 0
        self._ends = [self._so_far()]  # of shards

    def add(self, column: Mapping[str, pa.Array], indicators: Mapping[str, np.ndarray]) -> None:
        """One batch: its columns by name, and which rows count as what (known.indicators)."""
        import numpy as np

        verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        key = column["key"].to_numpy(zero_copy_only=False)
        undecided = indicators["drawn"] & np.isin(verdict, [label.value for label in _UNDECIDED])
        self._sizes.update(verdict[indicators["drawn"]].tolist())
        self._synthetic += int(indicators["found"].sum())
        number = self._keys.get_indexer(key)
        for row in np.flatnonzero(number >= 0):
            stratum, truth = self._drawn_from[number[row]], self._truths[number[row]]
            self._seen.add(int(number[row]))
            if stratum and stratum != (verdict[row] if undecided[row] else ""):
                self._moved.append(f"{key[row]!r} ({stratum} then, {verdict[row] or 'not read'} now)")
            elif undecided[row]:
                self._found[verdict[row]][truth] += 1
        for label in _UNDECIDED:
            mine = undecided & (verdict == label.value)
            last = max(self._last.get(label.value, 0), self._last.get("", 0))
            if last and mine.any():
                self._reached[label.value] += int((places(key[mine], self._seed) <= np.uint64(last)).sum())

    def end_of_shard(self) -> None:
        """What comes next is of another one."""
        self._ends.append(self._so_far())

    def _so_far(self) -> list[tuple[int, int, int, int]]:
        """Of each stratum, then of rows decided synthetic and otherwise: rows, labelled synthetic, real, and unsure or
        passed over."""
        found = []
        for stratum in (label.value for label in _UNDECIDED):
            truths = self._found[stratum]
            synthetic, real = truths[Truth.SYNTHETIC], truths[Truth.REAL]
            found.append((self._sizes[stratum], synthetic, real, self._reached[stratum] - synthetic - real))
        others = self._sizes[Label.SYNTHETIC] + self._sizes[Label.EDITED] - self._synthetic
        return [*found, (self._synthetic, self._synthetic, 0, 0), (others, 0, others, 0)]

    def _by_shard(self) -> list[list[LabelledStratum]]:
        import numpy as np

        each = np.diff(np.array(self._ends), axis=0).tolist()
        return [[LabelledStratum(*counts) for counts in strata] for strata in each]

    def result(self) -> Labelled:
        """The sum. Raises LabelError for labels of unknown rows, of rows whose verdict has changed since they were
        drawn, and of rows that were not drawn in order."""
        self._refuse_unknown()
        if self._moved:
            raise LabelError(
                f"{len(self._moved)} labelled rows were drawn from another stratum or are decided by now: "
                f"{_few(self._moved)}. The evidence has changed since, or several rows have that key: draw anew "
                "(auditor label), from keys that are unique (--id-col)"
            )
        strata, passed_over = {}, 0
        for stratum in (label.value for label in _UNDECIDED):
            found, size = self._found[stratum], self._sizes[stratum]
            left_out = self._reached[stratum] - found.total()
            if left_out > max(1, _MOST_PASSED_OVER * self._reached[stratum]):
                raise LabelError(
                    f"the {found.total()} labels of {stratum} rows are no random sample: {left_out} rows that come "
                    "before the last of them in the drawing order have none; label rows that auditor label draws"
                )
            passed_over += left_out
            unsure = found[Truth.UNSURE] + left_out
            strata[stratum] = LabelledStratum(size, found[Truth.SYNTHETIC], found[Truth.REAL], unsure)
        decided = self._sizes[Label.SYNTHETIC] + self._sizes[Label.EDITED]
        return Labelled(strata, decided, self._pairs, self._disagreements, passed_over, self._by_shard())

    def _refuse_unknown(self) -> None:
        unknown = [str(key) for number, key in enumerate(self._keys) if number not in self._seen]
        if unknown:
            raise LabelError(
                f"no row of this audit has these labelled keys ({len(unknown):,}): {_few(map(repr, unknown))}. "
                "Give the labels of this dataset, or remove those lines"
            )


def estimated(known: Known, labelled: Labelled, beside: Estimate | None = None) -> Estimate:
    """The fraction of all readable images from labels alone; beside: what a model says, which is told with it.

    Raises LabelError where the labels tell too little: two_phase, labeller_error.
    """
    error = labeller_error(labelled.disagreements, labelled.pairs)
    found = known.whole(with_labeller_error(_of_rest(known, labelled), error))
    few = [f"{labelled.labels} labels are few: with {FEW} or more the interval narrows"] * (labelled.labels < FEW)
    return Estimate(
        point=found.point,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
        method=METHOD,
        n=labelled.labels,
        calibration="labels on the dataset itself",
        assumptions=(*ASSUMPTIONS, _said_of_errors(labelled, error), *few),
        labels=Labels(
            strata={name: LabelCounts(s.size, s.synthetic, s.real, s.unsure) for name, s in labelled.strata.items()},
            pairs=labelled.pairs,
            disagreements=labelled.disagreements,
            passed_over=labelled.passed_over,
        ),
        beside=(Beside(beside.method, beside.point, beside.low, beside.high),) if beside else (),
    )


def _of_rest(known: Known, labelled: Labelled) -> Interval:
    """The fraction of the rows that the census does not decide."""
    if not known.rest:
        return Interval(0.0, 0.0, 0.0)
    decided = (
        LabelledStratum(known.found, known.found, 0, is_decided=True),
        LabelledStratum(labelled.decided - known.found, 0, labelled.decided - known.found, is_decided=True),
    )
    strata = (*labelled.strata.values(), *decided)
    if not labelled.labels:
        raise LabelError("no undecided row of the audit is labelled: draw some and label them (auditor label)")
    held = [number for number, stratum in enumerate(strata) if stratum.size]
    by_shard = labelled.by_shard if known.effective is not None else ()
    return two_phase(
        [strata[number] for number in held],
        population=known.drawn + known.outside,
        by_shard=[[parts[number] for number in held] for parts in by_shard],
        unread=known.unread,
    )


def _said_of_errors(labelled: Labelled, error: float) -> str:
    if not labelled.pairs:
        return "the labels are right: nobody labelled any of the images a second time"
    return (
        f"two people labelled {labelled.pairs} images and disagree on {labelled.disagreements}: each errs on "
        f"{100 * error:.1f} % at most, which the interval takes in"
    )


def _definite(answers: Sequence[Answer]) -> list[Truth]:
    return [answer.truth for answer in answers if answer.truth is not Truth.UNSURE]


def _truth(answers: Sequence[Answer]) -> Truth:
    """What several labellers agree on; unsure where they do not, or one of them is."""
    truths = {answer.truth for answer in answers}
    return truths.pop() if len(truths) == 1 else Truth.UNSURE


def _stratum(answers: Sequence[Answer]) -> str:
    strata = {answer.stratum for answer in answers}
    if len(strata) > 1:
        raise LabelError(f"{answers[0].key!r} was drawn from two strata ({', '.join(sorted(strata))}): draw anew")
    return strata.pop()


def _few(items: Iterable[str]) -> str:
    named = list(items)
    return ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
