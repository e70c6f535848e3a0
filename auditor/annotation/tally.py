"""Joins people's labels with the evidence, and estimates the synthetic fraction from them.

Labels count for undecided rows: those without metadata, watermark or known-image evidence. Each verdict is a stratum,
and the labelled rows of a stratum must be a random sample of it: its rows with the lowest sampling ranks (`auditor
label` selects them in this way). Rows that were skipped count as unsure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from auditor.annotation.basis import LOOKS_ACCURACY, Basis, basis_of
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.strata import (
    UNDECIDED,
    UNKNOWN,
    LabelledStratum,
    Stratum,
    StratumCounts,
    by_name,
    collapse_strata,
    strata,
)
from auditor.annotation.two_phase import SEQUENTIAL_CONFIDENCE, Prediction, two_phase
from auditor.annotation.votes import Votes
from auditor.errors import LabelError
from auditor.estimate.counts import EvidenceCounts, EvidenceMasks
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import CONFIDENCE, Interval
from auditor.estimate.score_mixture import Posterior
from auditor.results import AlternativeEstimate, Estimate, LabelCounts, Labels
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.types import VerdictKind

RECOMMENDED_LABELS = 50  # with fewer labels the interval is wide
_MAX_SKIPPED_SHARE = 0.5  # of the rows drawn from a stratum; beyond it, the labelled rows are not a random sample
_MAX_KEYS = 3  # in an error message
METHOD = "two-phase stratified sample of labels"
ASSUMPTIONS = (
    "the labelled images have the lowest sampling ranks of their stratum, so they are a random sample of it",
    "an image labelled unsure counts as real for the lower end and as synthetic for the upper end",
    "metadata, watermarks and known-image matches are taken at face value",
)
_BASES = {
    Basis.PROVENANCE: "by a statement of origin, which is taken at face value",
    Basis.PAGE: "by page: an assumed 2 % of them are wrong in each direction, at most 7 %",
    Basis.DATE: "by date: an assumed 2 % of them are wrong in each direction, at most 7 %",
    Basis.LOOKS: f"by looks alone: in published studies people label {LOOKS_ACCURACY} of images correctly",
    Basis.UNSTATED: "without a stated basis: an assumed 2 % of them are wrong in each direction, at most 7 %",
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """The sums over all labels.

    counts: rows and labels by stratum, for reports. strata: the strata of the estimate, those of decided rows last.
    labels: labelled images. double_annotated: those that two people labelled, neither unsure. disagreements:
    double-annotated images with different labels. skipped: rows without a label among the labelled ones. annotators:
    number of people. by_basis: labels by basis. until_decided: labelling could stop as soon as the policy was decided.
    by_shard: each shard's part of each verdict, then of the rows that evidence shows to be synthetic, then of the other
    decided rows.
    """

    counts: Mapping[str, LabelCounts]
    strata: Sequence[LabelledStratum]
    labels: int
    double_annotated: int
    disagreements: int
    skipped: int
    annotators: int
    by_basis: Mapping[Basis, int]
    until_decided: bool
    by_shard: Sequence[Sequence[LabelledStratum]] = ()

    def times(self, multiple: float) -> Labelled:
        """With `multiple` times as many labels in the same proportions, at most all rows: a projection."""
        if multiple == 1:
            return self
        return replace(
            self,
            strata=[stratum.times(multiple) for stratum in self.strata],
            by_shard=[[stratum.times(multiple) for stratum in shard] for shard in self.by_shard],
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """The undecided row of a key."""

    stratum: Stratum
    weight: float
    shard: int
    rank: int


@dataclass(slots=True)
class _StratumRows:
    """All rows of a stratum: their counts without labels, their number by shard, and the lowest sampling ranks of each
    shard (up to the highest rank of a key)."""

    counts: StratumCounts = field(default_factory=StratumCounts)
    by_shard: Counter[int] = field(default_factory=Counter)
    ranks: list[tuple[int, np.ndarray]] = field(default_factory=list)

    def drawn(self, max_rank: int) -> Counter[int]:
        """The number of rows up to a rank, by shard."""
        drawn: Counter[int] = Counter()
        for shard, ranks in self.ranks:
            drawn[shard] += int(np.count_nonzero(ranks <= np.uint64(max_rank)))
        return drawn


class LabelJoin:
    """One pass over the evidence that finds the rows of some keys, labelled or to be labelled.

    keys: each key with the stratum that it was drawn from, '' if unknown. seed: of the audit; the sampling ranks depend
    on it.
    """

    def __init__(self, keys: Mapping[str, str], seed: int) -> None:
        import pandas as pd

        self._seed = seed
        self._keys = pd.Index(list(keys), dtype=object)
        self._drawn_from = list(keys.values())
        self._max_rank: dict[str, int] = defaultdict(int)  # by the stratum that keys were drawn from
        for key, stratum in keys.items():
            self._max_rank[stratum] = max(self._max_rank[stratum], sampling_rank(key, seed))
        self._strata: dict[Stratum, _StratumRows] = defaultdict(_StratumRows)
        self._rows: dict[str, list[_Row]] = defaultdict(list)
        self._changed: dict[str, str] = {}
        self._of_repeats: set[str] = set()  # keys of rows whose image another row counts
        self._sha256: dict[str, set[str | None]] = defaultdict(set)  # of the images of each key
        self._shard = 0
        self._decided: Counter[tuple[int, bool]] = Counter()  # decided rows by shard, and whether they are synthetic

    @classmethod
    def of(cls, annotations: Iterable[Annotation], seed: int) -> LabelJoin:
        """For the keys of these labels. Raises LabelError if a key was drawn from two strata."""
        return cls(drawn_from(annotations), seed)

    def add(
        self, column: Mapping[str, pa.Array], masks: EvidenceMasks, weights: np.ndarray, is_repeat: np.ndarray
    ) -> None:
        """Adds one batch. column: its columns by name. weights: float64 (rows,). is_repeat: rows whose image another
        row counts, bool (rows,); their labels are that row's."""
        verdict = column["verdict"].fill_null("").to_numpy(zero_copy_only=False)
        key = column["key"].to_numpy(zero_copy_only=False)
        sampled = masks.sampled
        undecided = np.where(sampled & np.isin(verdict, [kind.value for kind in UNDECIDED]), verdict, "")
        decided = sampled & np.isin(verdict, [VerdictKind.SYNTHETIC.value, VerdictKind.EDITED.value])
        synthetic = int(masks.confirmed_in_sample.sum())
        self._decided[self._shard, True] += synthetic
        self._decided[self._shard, False] += int(decided.sum()) - synthetic
        known = self._keys.get_indexer(key)
        number = np.where(is_repeat, -1, known)
        self._of_repeats.update(key[is_repeat & (known >= 0)])
        for row in np.flatnonzero(number >= 0):
            stratum = self._drawn_from[number[row]]
            self._sha256[key[row]].add(column["sha256"][int(row)].as_py())
            if stratum and stratum != undecided[row]:
                self._changed[key[row]] = f"{key[row]!r} ({stratum} then, {verdict[row] or 'not read'} now)"
        for stratum, rows in strata(undecided, weights):
            self._add_stratum(stratum, key[rows], number[rows], weights[rows])

    def _add_stratum(self, stratum: Stratum, key: np.ndarray, number: np.ndarray, weights: np.ndarray) -> None:
        """Adds rows of a stratum. number: index of each row's key, -1 for none."""
        all_rows, verdict = self._strata[stratum], stratum.label.value
        all_rows.counts.add_rows(weights)
        all_rows.by_shard[self._shard] += len(weights)
        for row in np.flatnonzero(number >= 0):
            if self._drawn_from[number[row]] in ("", verdict):
                rank = sampling_rank(key[row], self._seed)
                self._rows[key[row]].append(_Row(stratum, float(weights[row]), self._shard, rank))
        if max_rank := max(self._max_rank[verdict], self._max_rank[""]):
            ranks = sampling_ranks(key, self._seed)
            all_rows.ranks.append((self._shard, ranks[ranks <= np.uint64(max_rank)]))

    def end_of_shard(self) -> None:
        """Marks the end of a shard: the next batch belongs to another one."""
        self._shard += 1

    def labelled(self, annotations: Sequence[Annotation]) -> Labelled:
        """The sums over labels of these keys, or of some of them.

        Raises LabelError for labels of unknown rows, of rows whose verdict has changed since they were drawn, and of
        rows that are not a random sample.
        """
        by_key = grouped_by_key(annotations)
        self._refuse_unknown(annotations)
        votes = {key: Votes.of(group) for key, group in by_key.items()}
        labels = self._count(by_key, votes)
        named = by_name({stratum: counts for stratum, (counts, _) in labels.items()})
        _refuse_skipped(named)
        pairs = [{label for _, label in vote.definite} for vote in votes.values() if len(vote.definite) > 1]
        confirmed, others = (sum(self._decided[shard, kind] for shard in range(self._shard)) for kind in (True, False))
        decided = (
            LabelledStratum.of_counts(confirmed, confirmed, 0, verdict=None),
            LabelledStratum.of_counts(others, 0, others, verdict=None),
        )
        undecided = (
            stratum
            for verdict in range(len(UNDECIDED))
            for stratum in collapse_strata(verdict, [c for s, (c, _) in labels.items() if s.verdict == verdict])
        )
        return Labelled(
            counts={name: LabelCounts(counts.rows, *counts.by_label) for name, counts in named.items()},
            strata=[stratum for stratum in (*undecided, *decided) if stratum.size],
            labels=sum(counts.labelled for counts in named.values()),
            double_annotated=len(pairs),
            disagreements=sum(len(pair) > 1 for pair in pairs),
            skipped=sum(counts.skipped for counts in named.values()),
            annotators=len({annotation.labeller for annotation in annotations}),
            by_basis=dict(sorted(Counter(basis_of(annotation.how) for annotation in annotations).items())),
            until_decided=any(annotation.until_decided for annotation in annotations),
            by_shard=self._by_shard(labels),
        )

    def predicted(self, posterior: Posterior, unseen: float, *, has_verdicts: bool) -> Prediction:
        """What the classifier's scores predict for each verdict. unseen: the weight of the undecided rows without a
        score, which are all unknown. has_verdicts: as in Prediction.of."""
        unknown = sum(rows.counts.total_weight for stratum, rows in self._strata.items() if stratum.verdict == UNKNOWN)
        unscored = [0.0] * len(UNDECIDED)
        unscored[UNKNOWN] = min(1.0, unseen / unknown) if unknown else 0.0
        return Prediction.of(posterior, unscored, has_verdicts=has_verdicts)

    def _count(
        self, by_key: Mapping[str, Sequence[Annotation]], votes: Mapping[str, Votes]
    ) -> dict[Stratum, tuple[StratumCounts, np.ndarray]]:
        """The counts of each stratum, and its rows, synthetic, real and unsure labels by shard, int (shards, 4)."""
        max_rank: dict[Stratum, int] = defaultdict(int)
        max_rank_anywhere = max(
            (sampling_rank(key, self._seed) for key, group in by_key.items() if not _stratum(group)), default=0
        )
        counts = {
            stratum: StratumCounts(rows.counts.rows, rows.counts.total_weight, rows.counts.max_weight)
            for stratum, rows in self._strata.items()
        }
        shards = {stratum: np.zeros((self._shard, 4), int) for stratum in self._strata}
        for key in by_key:
            for row in self._rows[key]:
                counts[row.stratum].add_votes(votes[key], row.weight)
                shards[row.stratum][row.shard, 1 + list(HumanLabel).index(votes[key].consensus)] += 1
                max_rank[row.stratum] = max(max_rank[row.stratum], row.rank)
        for stratum, rows in self._strata.items():
            drawn = rows.drawn(max(max_rank[stratum], max_rank_anywhere))
            counts[stratum].skipped = drawn.total() - counts[stratum].labelled
            for shard, n in drawn.items():
                shards[stratum][shard, 3] = n - shards[stratum][shard, 1:3].sum()
            for shard, n in rows.by_shard.items():
                shards[stratum][shard, 0] = n
        return {stratum: (counts[stratum], shards[stratum]) for stratum in self._strata}

    def _by_shard(self, labels: Mapping[Stratum, tuple[StratumCounts, np.ndarray]]) -> list[list[LabelledStratum]]:
        """The strata of each shard; skipped rows are unsure."""
        totals = np.zeros((self._shard, len(UNDECIDED), 4), int)
        for stratum, (_, counts) in labels.items():
            totals[:, stratum.verdict] += counts
        by_shard = []
        for shard, verdicts in enumerate(totals.tolist()):
            synthetic, others = self._decided[shard, True], self._decided[shard, False]
            undecided = [LabelledStratum.of_counts(*counts) for counts in verdicts]
            decided = [(synthetic, synthetic, 0), (others, 0, others)]
            by_shard.append([*undecided, *(LabelledStratum.of_counts(*counts) for counts in decided)])
        return by_shard

    def _refuse_unknown(self, annotations: Sequence[Annotation]) -> None:
        repeats = [key for key in grouped_by_key(annotations) if key in self._of_repeats and key not in self._sha256]
        if repeats:
            raise LabelError(
                f"{len(repeats):,} labelled rows show the image of another row, which counts for both: "
                f"{_shorten(map(repr, repeats))}. Label the rows that auditor label draws"
            )
        refuse_others(annotations, self._sha256)
        changed = [self._changed[key] for key in grouped_by_key(annotations) if key in self._changed]
        if changed:
            raise LabelError(
                f"{len(changed)} labelled rows were drawn from another stratum or are decided now: "
                f"{_shorten(changed)}. The evidence has changed since, or several rows have the same key: draw a "
                "new sample (auditor label), with unique keys (--id-col)"
            )


def refuse_others(annotations: Sequence[Annotation], images: Mapping[str, Iterable[str | None]]) -> None:
    """Raises LabelError for labels of rows that an audit does not have, and of images that have changed since. images:
    of each labelled key of the audit, the SHA-256 of its images."""
    unknown = [key for key in grouped_by_key(annotations) if key not in images]
    if unknown:
        raise LabelError(
            f"labelled keys that are not in this audit ({len(unknown):,}): {_shorten(map(repr, unknown))}. "
            "Use the label file of this dataset, or remove those lines"
        )
    changed = [each.key for each in annotations if not any(map(each.is_of, images[each.key]))]
    if changed:
        raise LabelError(
            f"{len(changed):,} labels are of images that have changed since: {_shorten(map(repr, changed))}. Label "
            "these rows again (auditor label), into a new file"
        )


def _refuse_skipped(strata: Mapping[str, StratumCounts]) -> None:
    for name, counts in strata.items():
        if counts.skipped > max(1, _MAX_SKIPPED_SHARE * counts.drawn):
            raise LabelError(
                f"the {counts.labelled} labelled {name} rows are not a random sample: {counts.skipped} rows with "
                "a lower sampling rank have no label; label the rows that auditor label selects"
            )


def estimate_from_labels(
    evidence: EvidenceCounts,
    labelled: Labelled,
    prediction: Prediction | None = None,
    alternative: Estimate | None = None,
) -> Estimate:
    """The synthetic fraction of all readable images from labels. prediction: of the classifier, as a prior.
    alternative: the classifier's estimate, which is reported with it.

    Raises LabelError if the labels are too few: see two_phase.
    """
    fraction = evidence.whole(_of_undetermined(evidence, labelled, prediction))
    hint = f"the interval is wide with only {labelled.labels} labels; use {RECOMMENDED_LABELS} or more"
    return Estimate(
        point=fraction.point,
        low=fraction.low,
        high=fraction.high,
        confidence=CONFIDENCE,
        method=f"{METHOD}, until decided" if labelled.until_decided else METHOD,
        n=labelled.labels,
        calibration="labels on the dataset itself",
        assumptions=(
            *ASSUMPTIONS,
            *_assumptions(labelled),
            *([hint] if labelled.labels < RECOMMENDED_LABELS and not labelled.until_decided else []),
        ),
        labels=Labels(
            strata=labelled.counts,
            double_annotated=labelled.double_annotated,
            disagreements=labelled.disagreements,
            skipped=labelled.skipped,
            annotators=labelled.annotators,
            by_basis={basis.value: n for basis, n in labelled.by_basis.items()},
            until_decided=labelled.until_decided,
        ),
        alternatives=(AlternativeEstimate(alternative.method, alternative.point, alternative.low, alternative.high),)
        if alternative
        else (),
    )


def _of_undetermined(evidence: EvidenceCounts, labelled: Labelled, prediction: Prediction | None) -> Interval:
    """The synthetic fraction of the undetermined rows (EvidenceCounts)."""
    if not evidence.undetermined.total:
        return Interval(0.0, 0.0, 0.0)
    if not labelled.labels:
        raise LabelError("no undecided row of the audit has a label: label some rows (auditor label)")
    return two_phase(
        labelled.strata,
        prediction=prediction,
        design=evidence.design,
        by_shard=labelled.by_shard if isinstance(evidence.design, ClusterSample) else (),
        confidence=SEQUENTIAL_CONFIDENCE if labelled.until_decided else CONFIDENCE,
    )


def _assumptions(labelled: Labelled) -> tuple[str, ...]:
    """What is assumed about the labels of each basis, and about stopping."""
    by_basis = [f"{n:,} labels {_BASES[basis]}" for basis, n in labelled.by_basis.items()]
    double = (
        f"two people labelled {labelled.double_annotated} images and disagree on {labelled.disagreements}, which "
        "informs about their error rates; they err independently of each other"
    )
    until_decided = (
        f"labelling could stop after every label, so the interval has {100 * SEQUENTIAL_CONFIDENCE:.0f} % confidence "
        "at each look: in simulations of 20 mixtures per fraction none was decided wrongly: "
        "docs/explanation/estimate.md"
    )
    return (
        *by_basis,
        *([double] if labelled.double_annotated else []),
        *([until_decided] if labelled.until_decided else []),
    )


def drawn_from(annotations: Iterable[Annotation]) -> dict[str, str]:
    """Each labelled key with the stratum that it was drawn from, '' if unknown. Raises LabelError for a key of two."""
    return {key: _stratum(group) for key, group in grouped_by_key(annotations).items()}


def grouped_by_key(annotations: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    """The labels of each key."""
    by_key: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        by_key[annotation.key].append(annotation)
    return dict(by_key)


def _stratum(annotations: Sequence[Annotation]) -> str:
    strata = {annotation.stratum for annotation in annotations}
    if len(strata) > 1:
        names = ", ".join(sorted(strata))
        raise LabelError(f"{annotations[0].key!r} was drawn from two strata ({names}): draw a new sample")
    return strata.pop()


def _shorten(items: Iterable[str]) -> str:
    texts = list(items)
    return ", ".join(texts[:_MAX_KEYS]) + (", …" if len(texts) > _MAX_KEYS else "")
