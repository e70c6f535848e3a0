"""People's labels held against the evidence: one streaming tally, and the estimate that rests on them.

Labels count for the rows of an audit's rest: those that declared or matched evidence does not decide. Each verdict is
a stratum, and labels are worth something only if the labelled rows of a stratum are a random sample of it: its first
ones in the drawing order (`auditor label` draws them so). Rows that were passed over on the way count as "cannot tell".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import LabelError
from auditor.estimate.intervals import Interval
from auditor.estimate.known import Known
from auditor.estimate.melded import CONFIDENCE
from auditor.labels.labelfile import Answer, Truth
from auditor.labels.strata import UNDECIDED, Counted, Stratum, strata, weighed
from auditor.labels.two_phase import LabelledStratum, labeller_error, two_phase, with_labeller_error
from auditor.results import Beside, Estimate, LabelCounts, Labels
from auditor.sampling.drawing import place, places
from auditor.types import VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FEW = 300  # labels, below which the interval is wide whatever they say
_MOST_PASSED_OVER = 0.5  # of the rows drawn from a stratum: more is no random sample
_NAMED = 3  # keys in an error
METHOD = "two-phase stratified sample of labels"
ASSUMPTIONS = (
    "the labelled images are the first of each stratum in the drawing order, hence a random sample of it",
    "where nobody could tell, the image is taken as real for the lower end and as synthetic for the upper one",
    "images that declared or matched evidence decides are what it says, and count as they are",
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """strata: by name. decided: further rows of the sample, which evidence that only it could show decides.

    pairs: images that two people labelled, neither unsure; disagreements: of those. passed_over: rows without a label
    among the labelled ones. by_shard: each shard's part of the strata, in their order, and of the rows that evidence
    decides, those decided synthetic first. weighed: the strata by what their rows weigh, where they do not count the
    same.
    """

    strata: Mapping[str, LabelledStratum]
    decided: int
    pairs: int
    disagreements: int
    passed_over: int
    by_shard: Sequence[Sequence[LabelledStratum]] = ()
    weighed: Sequence[LabelledStratum] = ()

    @property
    def labels(self) -> int:
        """Images that somebody labelled."""
        return int(sum(stratum.labelled for stratum in self.strata.values())) - self.passed_over


class LabelTally:
    """Adds batches of evidence up. seed: of the audit, which the drawing order depends on. is_weighted: rows count what
    their weight says."""

    def __init__(self, answers: Iterable[Answer], seed: int, *, is_weighted: bool = False) -> None:
        import pandas as pd

        self._seed = seed
        self._is_weighted = is_weighted
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
        self._strata: dict[Stratum, Counted] = defaultdict(Counted)
        if not is_weighted:
            self._strata.update({Stratum(number): Counted() for number in range(len(UNDECIDED))})
        self._seen: set[int] = set()
        self._moved: list[str] = []
        self._decided = self._synthetic = 0
        self._ends = [self._so_far()]  # of shards

    def add(
        self,
        column: Mapping[str, pa.Array],
        indicators: Mapping[str, np.ndarray],
        weights: np.ndarray | None = None,
    ) -> None:
        """One batch: its columns by name, which rows count as what (known.indicators), and what they weigh."""
        import numpy as np

        verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        key = column["key"].to_numpy(zero_copy_only=False)
        drawn = indicators["drawn"]
        undecided = np.where(drawn & np.isin(verdict, [label.value for label in UNDECIDED]), verdict, "")
        self._decided += int((drawn & np.isin(verdict, [VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value])).sum())
        self._synthetic += int(indicators["found"].sum())
        number = self._keys.get_indexer(key)
        for row in np.flatnonzero(number >= 0):
            stratum = self._drawn_from[number[row]]
            self._seen.add(int(number[row]))
            if stratum and stratum != undecided[row]:
                self._moved.append(f"{key[row]!r} ({stratum} then, {verdict[row] or 'not read'} now)")
        for stratum, rows in strata(undecided, weights):
            self._count(stratum, key[rows], number[rows], np.ones(len(rows)) if weights is None else weights[rows])

    def _count(self, stratum: Stratum, key: np.ndarray, number: np.ndarray, weights: np.ndarray) -> None:
        """Rows of a stratum; number: of the label of each, -1 for none."""
        import numpy as np

        seen, label = self._strata[stratum], stratum.label.value
        seen.add(weights)
        for row in np.flatnonzero(number >= 0):
            if self._drawn_from[number[row]] in ("", label):
                seen.say(self._truths[number[row]], float(weights[row]), place(key[row], self._seed))
        if last := max(self._last.get(label, 0), self._last.get("", 0)):
            found = places(key, self._seed)
            early = found[found <= np.uint64(last)]
            if self._is_weighted:
                seen.places.append(early)
            else:
                seen.reached += len(early)

    def end_of_shard(self) -> None:
        """What comes next is of another one."""
        self._ends.append(self._so_far())

    def _so_far(self) -> list[tuple[float, ...]]:
        """Of each verdict's stratum, then of rows decided synthetic and otherwise: rows, labelled synthetic, real, and
        unsure or passed over. Of rows with weights no shards are drawn."""
        if self._is_weighted:
            return []
        found = [self._strata[Stratum(number)].stratum for number in range(len(UNDECIDED))]
        others = self._decided - self._synthetic
        return [
            *((stratum.size, stratum.synthetic, stratum.real, stratum.unsure) for stratum in found),
            (self._synthetic, self._synthetic, 0, 0),
            (others, 0, others, 0),
        ]

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
        found = {stratum.name: self._strata[stratum] for stratum in sorted(self._strata)}
        for name, seen in found.items():
            n, left_out = seen.found.total(), seen.passed_over
            if left_out > max(1, _MOST_PASSED_OVER * (n + left_out)):
                raise LabelError(
                    f"the {n} labels of {name} rows are no random sample: {left_out} rows that come before the last of "
                    "them in the drawing order have none; label rows that auditor label draws"
                )
        return Labelled(
            strata={name: seen.stratum for name, seen in found.items()},
            decided=self._decided,
            pairs=self._pairs,
            disagreements=self._disagreements,
            passed_over=sum(seen.passed_over for seen in found.values()),
            by_shard=[] if self._is_weighted else self._by_shard(),
            weighed=list(self._weighed()) if self._is_weighted else [],
        )

    def _weighed(self) -> Iterator[LabelledStratum]:
        for number in range(len(UNDECIDED)):
            yield from weighed([seen for stratum, seen in self._strata.items() if stratum.verdict == number])

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
            strata={
                name: LabelCounts(int(s.size), int(s.synthetic), int(s.real), int(s.unsure))
                for name, s in labelled.strata.items()
            },
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
    strata = (*(labelled.weighed or labelled.strata.values()), *decided)
    if not labelled.labels:
        raise LabelError("no undecided row of the audit is labelled: draw some and label them (auditor label)")
    held = [number for number, stratum in enumerate(strata) if stratum.size]
    by_shard = labelled.by_shard if known.effective is not None else ()
    return two_phase(
        [strata[number] for number in held],
        population=None if labelled.weighed else round(known.drawn + known.outside),
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
