"""People's labels held against the evidence: one streaming tally, and the estimate that rests on them.

Labels count for the rows of an audit's rest: those that declared or matched evidence does not decide. Each verdict is
a stratum, and labels are worth something only if the labelled rows of a stratum are a random sample of it: its first
ones in the drawing order (`auditor label` draws them so). Rows that were skipped on the way count as "cannot tell".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.strata import UNDECIDED, Stratum, StratumCounts, collapse_strata, named, strata
from auditor.annotation.two_phase import LabelledStratum, labeller_error, two_phase, with_labeller_error
from auditor.errors import LabelError
from auditor.estimate.counts import EvidenceCounts, EvidenceMasks
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import Interval
from auditor.estimate.rogan_gladen import CONFIDENCE
from auditor.results import AlternativeEstimate, Estimate, LabelCounts, Labels
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.types import VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FEW = 300  # labels, below which the interval is wide whatever they say
_MAX_SKIPPED = 0.5  # of the rows drawn from a stratum: more is no random sample
_NAMED = 3  # keys in an error
METHOD = "two-phase stratified sample of labels"
ASSUMPTIONS = (
    "the labelled images are the first of each stratum in the drawing order, hence a random sample of it",
    "where nobody could tell, the image is taken as real for the lower end and as synthetic for the upper one",
    "images that declared or matched evidence decides are what it says, and count as they are",
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """counts: rows by stratum, for people. strata: what the estimate rests on. decided: further rows of the sample,
    which evidence that only it could show decides.

    labels: images that somebody labelled; pairs: those that two people did, neither unsure; disagreements: of those.
    skipped: rows without a label among the labelled ones. by_shard: each shard's part of the verdicts, in rows, and of
    the rows that evidence decides, those decided synthetic first.
    """

    counts: Mapping[str, LabelCounts]
    strata: Sequence[LabelledStratum]
    decided: int
    labels: int
    pairs: int
    disagreements: int
    skipped: int
    by_shard: Sequence[Sequence[LabelledStratum]] = ()


class LabelTally:
    """Adds batches of evidence up. seed: of the audit, which the drawing order depends on."""

    def __init__(self, answers: Iterable[Annotation], seed: int) -> None:
        import pandas as pd

        self._seed = seed
        by_key: dict[str, list[Annotation]] = defaultdict(list)
        for answer in answers:
            by_key[answer.key].append(answer)
        self._keys = pd.Index(list(by_key), dtype=object)
        self._drawn_from = [_stratum(found) for found in by_key.values()]
        self._truths = [_truth(found) for found in by_key.values()]
        pairs = [truths for found in by_key.values() if len(truths := _definite(found)) > 1]
        self._pairs, self._disagreements = len(pairs), sum(len(set(truths)) > 1 for truths in pairs)
        self._last_of: dict[str, int] = defaultdict(int)  # place of the last label that was drawn from a verdict
        for key, stratum in zip(by_key, self._drawn_from, strict=True):
            self._last_of[stratum] = max(self._last_of[stratum], sampling_rank(key, seed))
        self._strata: dict[Stratum, StratumCounts] = defaultdict(StratumCounts)
        self._last: dict[Stratum, int] = defaultdict(int)  # the same, of a stratum
        self._places: dict[Stratum, list[tuple[int, np.ndarray]]] = defaultdict(list)  # of rows up to there, by shard
        self._seen: set[int] = set()
        self._moved: list[str] = []
        self._decided = self._synthetic = 0
        self._ends = [self._so_far()]  # of shards

    def add(self, column: Mapping[str, pa.Array], masks: EvidenceMasks, weights: np.ndarray) -> None:
        """One batch: its columns by name, which rows count as what, and their weights, float64 (rows,)."""
        import numpy as np

        verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        key = column["key"].to_numpy(zero_copy_only=False)
        drawn = masks.sampled
        undecided = np.where(drawn & np.isin(verdict, [label.value for label in UNDECIDED]), verdict, "")
        self._decided += int((drawn & np.isin(verdict, [VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value])).sum())
        self._synthetic += int(masks.confirmed_in_sample.sum())
        number = self._keys.get_indexer(key)
        for row in np.flatnonzero(number >= 0):
            stratum = self._drawn_from[number[row]]
            self._seen.add(int(number[row]))
            if stratum and stratum != undecided[row]:
                self._moved.append(f"{key[row]!r} ({stratum} then, {verdict[row] or 'not read'} now)")
        for stratum, rows in strata(undecided, weights):
            self._count(stratum, key[rows], number[rows], weights[rows])

    def _count(self, stratum: Stratum, key: np.ndarray, number: np.ndarray, weights: np.ndarray) -> None:
        """Rows of a stratum; number: of the label of each, -1 for none."""
        import numpy as np

        counts, label = self._strata[stratum], stratum.label.value
        counts.add_rows(weights)
        for row in np.flatnonzero(number >= 0):
            if self._drawn_from[number[row]] in ("", label):
                counts.add_label(self._truths[number[row]], float(weights[row]))
                self._last[stratum] = max(self._last[stratum], sampling_rank(key[row], self._seed))
        if last := max(self._last_of[label], self._last_of[""]):
            found = sampling_ranks(key, self._seed)
            self._places[stratum].append((len(self._ends) - 1, found[found <= np.uint64(last)]))

    def end_of_shard(self) -> None:
        """What comes next is of another one."""
        self._ends.append(self._so_far())

    def _so_far(self) -> np.ndarray:
        """Of each verdict, then of rows decided synthetic and otherwise: rows, labelled synthetic, real and unsure, int
        (strata, 4)."""
        import numpy as np

        synthetic, others = self._synthetic, self._decided - self._synthetic
        decided = [[synthetic, synthetic, 0, 0], [others, 0, others, 0]]
        found = np.array([[0] * 4] * len(UNDECIDED) + decided)
        for stratum, counts in self._strata.items():
            found[stratum.verdict] += (counts.rows, *counts.by_truth)
        return found

    def _reached(self, stratum: Stratum) -> np.ndarray:
        """Rows up to the last label of a stratum, or of all rows where labels do not say what they were drawn from: int
        (shards,)."""
        import numpy as np

        last, found = np.uint64(max(self._last[stratum], self._last_of[""])), np.zeros(len(self._ends), int)
        for shard, places_of in self._places[stratum]:
            found[shard] += np.count_nonzero(places_of <= last)
        return found

    def _by_shard(self) -> list[list[LabelledStratum]]:
        """Of each shard; skipped rows are unsure."""
        import numpy as np

        each = np.diff(np.array(self._ends), axis=0)
        verdicts = each[:, : len(UNDECIDED)]
        verdicts[..., 3] = -verdicts[..., 1:3].sum(axis=2)
        for stratum in self._strata:
            verdicts[:, stratum.verdict, 3] += self._reached(stratum)[:-1]
        return [[LabelledStratum(*counts) for counts in strata] for strata in each.tolist()]

    def result(self) -> Labelled:
        """The sum. Raises LabelError for labels of unknown rows, of rows whose verdict has changed since they were
        drawn, and of rows that were not drawn in order."""
        self._refuse_unknown()
        for stratum, counts in self._strata.items():
            counts.skipped = int(self._reached(stratum).sum()) - counts.labels.total()
        found = named(self._strata)
        _refuse_skipped(found)
        verdicts = (
            [counts for stratum, counts in self._strata.items() if stratum.verdict == number] or [StratumCounts()]
            for number in range(len(UNDECIDED))
        )
        return Labelled(
            counts={name: LabelCounts(counts.rows, *counts.by_truth) for name, counts in found.items()},
            strata=[stratum for verdict in verdicts for stratum in collapse_strata(verdict)],
            decided=self._decided,
            labels=sum(counts.labels.total() for counts in found.values()),
            pairs=self._pairs,
            disagreements=self._disagreements,
            skipped=sum(counts.skipped for counts in found.values()),
            by_shard=self._by_shard(),
        )

    def _refuse_unknown(self) -> None:
        unknown = [str(key) for number, key in enumerate(self._keys) if number not in self._seen]
        if unknown:
            raise LabelError(
                f"no row of this audit has these labelled keys ({len(unknown):,}): {_few(map(repr, unknown))}. "
                "Give the labels of this dataset, or remove those lines"
            )
        if self._moved:
            raise LabelError(
                f"{len(self._moved)} labelled rows were drawn from another stratum or are decided by now: "
                f"{_few(self._moved)}. The evidence has changed since, or several rows have that key: draw anew "
                "(auditor label), from keys that are unique (--id-col)"
            )


def _refuse_skipped(strata: Mapping[str, StratumCounts]) -> None:
    for name, counts in strata.items():
        if counts.skipped > max(1, _MAX_SKIPPED * counts.drawn):
            raise LabelError(
                f"the {counts.labels.total()} labels of {name} rows are no random sample: {counts.skipped} rows that "
                "come before the last of them in the drawing order have none; label rows that auditor label draws"
            )


def estimate_from_labels(
    evidence: EvidenceCounts, labelled: Labelled, alternatives: Estimate | None = None
) -> Estimate:
    """The fraction of all readable images from labels alone; beside: what a model says, which is told with it.

    Raises LabelError where the labels tell too little: two_phase, labeller_error.
    """
    error = labeller_error(labelled.disagreements, labelled.pairs)
    found = evidence.whole(with_labeller_error(_of_undetermined(evidence, labelled), error))
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
            strata=labelled.counts,
            double_annotated=labelled.pairs,
            disagreements=labelled.disagreements,
            skipped=labelled.skipped,
        ),
        alternatives=(
            AlternativeEstimate(alternatives.method, alternatives.point, alternatives.low, alternatives.high),
        )
        if alternatives
        else (),
    )


def _of_undetermined(evidence: EvidenceCounts, labelled: Labelled) -> Interval:
    """The fraction of the rows that the census does not decide."""
    if not evidence.undetermined.total:
        return Interval(0.0, 0.0, 0.0)
    if not labelled.labels:
        raise LabelError("no undecided row of the audit is labelled: draw some and label them (auditor label)")
    confirmed = evidence.confirmed_in_sample.rows
    others = labelled.decided - confirmed
    strata = (
        *labelled.strata,
        LabelledStratum(confirmed, confirmed, 0, is_decided=True),
        LabelledStratum(others, 0, others, is_decided=True),
    )
    by_shard = labelled.by_shard if isinstance(evidence.design, ClusterSample) else ()
    return two_phase(
        [stratum for stratum in strata if stratum.size],
        design=evidence.design,
        by_shard=[[part for part, s in zip(parts, strata, strict=True) if s.size] for parts in by_shard],
    )


def _said_of_errors(labelled: Labelled, error: float) -> str:
    if not labelled.pairs:
        return "the labels are right: nobody labelled any of the images a second time"
    return (
        f"two people labelled {labelled.pairs} images and disagree on {labelled.disagreements}: each errs on "
        f"{100 * error:.1f} % at most, which the interval takes in"
    )


def _definite(answers: Sequence[Annotation]) -> list[HumanLabel]:
    return [answer.truth for answer in answers if answer.truth is not HumanLabel.UNSURE]


def _truth(answers: Sequence[Annotation]) -> HumanLabel:
    """What several labellers agree on; unsure where they do not, or one of them is."""
    truths = {answer.truth for answer in answers}
    return truths.pop() if len(truths) == 1 else HumanLabel.UNSURE


def _stratum(answers: Sequence[Annotation]) -> str:
    strata = {answer.stratum for answer in answers}
    if len(strata) > 1:
        raise LabelError(f"{answers[0].key!r} was drawn from two strata ({', '.join(sorted(strata))}): draw anew")
    return strata.pop()


def _few(items: Iterable[str]) -> str:
    named = list(items)
    return ", ".join(named[:_NAMED]) + (", …" if len(named) > _NAMED else "")
