"""Sums up the marks of captions over parts of evidence: artefacts, prompts, the sample for diversity, and examples.

An image with several captions counts once: it has the marks of all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.aggregate.groups import GroupSums, shards_of
from auditor.caption_results import (
    ArtefactGroup,
    Artefacts,
    CaptionExample,
    Captions,
    FlagRate,
    HumanReference,
    Prompts,
)
from auditor.captions import bound, diversity, languages, marks, ranges, reference
from auditor.captions.excerpt import excerpt
from auditor.captions.patterns import ARTEFACTS, BY_ID, Kind, Pattern
from auditor.captions.sample import LowestRanks, ranks
from auditor.estimate.clusters import effective_sample_size
from auditor.estimate.intervals import clopper_pearson, effective_interval
from auditor.estimate.weights import NO_ROWS, WeightSums, n_eff_of_share
from auditor.evidence_store.distinct import DistinctImages
from auditor.types import Status, VerdictKind

_READ = pa.array([Status.OK.value, Status.NO_BYTES.value])
_UNDECIDED = pa.array([VerdictKind.LIKELY_SYNTHETIC.value, VerdictKind.LIKELY_REAL.value, VerdictKind.UNKNOWN.value])
_PROMPTS = (Kind.STRONG, Kind.CUE)
_EXAMPLES = 10
_MAX_GROUPS = 10
_MAX_SAMPLED = 2000  # characters of a caption in the sample


class _Row(NamedTuple):
    key: str
    source: str
    caption: str
    marks: int


class CaptionTally:
    """Sums over batches of evidence. seed: of the sample and the examples. human_captions: captions that people wrote,
    with the name of their file."""

    def __init__(self, seed: int, human_captions: Sequence[str] = (), name: str = "") -> None:
        self._seed, self._human_captions, self._name = seed, human_captions, name
        # If images are repeated: whether the image that a row counts has a caption; rows that count images with marks,
        # and all marks of these.
        self._has_caption: np.ndarray | None = None
        self._marked = self._marks = np.zeros(0, np.int64)
        self._images = self._empty = self._captions = self._file_names = 0
        self._all, self._hits, self._strong, self._weak = NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS
        self._patterns: Counter[int] = Counter()  # marks of images -> images
        self._flags = np.zeros((2, 2), int)  # outside and inside of the prompts: flagged, scored
        self._groups = {by: GroupSums(("n", "hits")) for by in ("source", "shard")}
        self._by_shard = [(0, 0)]
        self._sample: LowestRanks[str] = LowestRanks(reference.MAX_CAPTIONS if human_captions else diversity.SAMPLE)
        self._examples: dict[str, LowestRanks[_Row]] = defaultdict(lambda: LowestRanks(_EXAMPLES))

    def begin(self, parts: Sequence[Path], images: DistinctImages) -> None:
        """Called before the first batch: if images are repeated, collects the marks of all rows of each."""
        if images.counted_by is None:
            return
        self._has_caption = np.zeros(len(images.is_repeat), bool)
        first, rows, found = 0, [], []
        for part in parts:
            column = pq.read_table(part, columns=["caption_marks"], use_threads=False)["caption_marks"].combine_chunks()
            own, counted_by = marks.loaded(column), images.counted_by[first : first + len(column)]
            self._has_caption[counted_by[_is_valid(column)]] = True
            marked = np.flatnonzero(own)
            rows.append(counted_by[marked])
            found.append(own[marked])
            first += len(column)
        self._marked, image = np.unique(np.concatenate(rows), return_inverse=True)
        self._marks = np.zeros(len(self._marked), np.int64)
        np.bitwise_or.at(self._marks, image, np.concatenate(found))

    def _merged(self, own: np.ndarray, first: int) -> np.ndarray:
        """The marks of all captions of the images that rows count, int64 (rows,). own: of the rows' own captions."""
        if self._has_caption is None:
            return own
        has_caption = self._has_caption[first : first + len(own)]
        merged = np.where(has_caption, 0, marks.MISSING)
        start, stop = np.searchsorted(self._marked, [first, first + len(own)])
        merged[self._marked[start:stop] - first] = self._marks[start:stop]
        return merged

    def add(self, batch: pa.RecordBatch, images: DistinctImages, first: int) -> None:
        """Adds one batch of evidence. images: of its rows. first: the number of its first row."""
        column = {name: batch.column(name) for name in (*_COLUMNS, "status", "caption_marks")}
        own = np.where(_is_valid(column["caption_marks"]), marks.loaded(column["caption_marks"]), marks.MISSING)
        is_read, rank = np.asarray(pc.is_in(column["status"], _READ)), ranks(images.identity, self._seed)
        self._captions += int((is_read & (own != marks.MISSING)).sum())
        self._add_examples(column, own, is_read, rank)
        merged = self._merged(own, first)
        counted = is_read & ~images.is_repeat
        self._images += int(counted.sum())
        self._empty += int((counted & (merged == marks.MISSING)).sum())
        rows = np.flatnonzero(counted & (merged != marks.MISSING))
        if len(rows):
            taken = {name: column[name].take(pa.array(rows)) for name in _COLUMNS}
            self._add_images(taken, merged[rows], images.weights[rows], rank[rows])

    def _add_images(
        self, column: Mapping[str, pa.Array], found: np.ndarray, weights: np.ndarray, rank: np.ndarray
    ) -> None:
        """Adds images with a caption. found: their marks."""
        hit, strong = marks.has(found, *ARTEFACTS), marks.has(found, Kind.STRONG)
        like = marks.is_prompt_like(found)
        self._all += WeightSums.of(weights)
        self._hits += WeightSums.of(weights[hit])
        self._strong += WeightSums.of(weights[strong])
        self._weak += WeightSums.of(weights[like & ~strong])
        self._file_names += int(marks.has(found, Kind.FILE_NAME).sum())
        distinct, counts = np.unique(found[found != 0], return_counts=True)
        self._patterns.update(dict(zip(distinct.tolist(), counts.tolist(), strict=True)))
        scored = np.asarray(pc.is_in(column["verdict"], _UNDECIDED)) & _is_valid(column["p_synthetic"])
        flagged = scored & np.asarray(pc.equal(column["verdict"], VerdictKind.LIKELY_SYNTHETIC.value).fill_null(False))
        for side, rows in enumerate((~like, like)):
            self._flags[side] += (flagged & rows).sum(), (scored & rows).sum()
        sums = {"n": np.ones(len(found), np.int64), "hits": hit.astype(np.int64)}
        self._groups["source"].add(column["source"], sums)
        self._groups["shard"].add(shards_of(column["image"]), sums)
        has_own = np.flatnonzero(_is_valid(column["caption"]))
        self._sample.add(rank[has_own], _texts_of(column["caption"], has_own))

    def _add_examples(
        self, column: Mapping[str, pa.Array], own: np.ndarray, is_read: np.ndarray, rank: np.ndarray
    ) -> None:
        """Adds rows with artefacts and prompt-like rows to the examples of each of their patterns."""
        shown = is_read & (own != marks.MISSING) & (marks.has(own, *ARTEFACTS) | marks.is_prompt_like(own))
        rows = np.flatnonzero(shown)
        rank = rank[rows]
        for pattern in BY_ID.values():
            has_it = np.flatnonzero(own[rows] & marks.bits_of([pattern.id]))
            if len(has_it):
                self._examples[pattern.id].add(rank[has_it], _rows_of(column, rows[has_it], own))

    def end_of_shard(self) -> None:
        """Marks the end of a shard: the next batch belongs to another one."""
        self._by_shard.append((self._hits.rows, self._all.rows))

    # ---- the result

    def result(self, *, is_shard_sample: bool = False) -> Captions:
        """The block of an audit, without the declared writers. is_shard_sample: the shards are a random sample, so that
        their rows count as the effective number of independent ones."""
        per_image = self._captions / self._all.rows if self._all.rows else 1.0
        sample = self._sample.items[: diversity.SAMPLE]
        found = languages.languages(sample)
        is_english = languages.is_mostly_english(found)
        compared, not_compared = self._compared(is_english=is_english)
        return Captions(
            images=self._images,
            empty=self._empty,
            file_names=self._file_names,
            artefacts=self._artefacts(per_image, is_shard_sample) if self._all.total else None,
            prompts=self._prompts(is_shard_sample) if self._all.total else None,
            diversity=ranges.diversity_of(sample, is_english=is_english) if len(sample) >= diversity.BLOCK else None,
            languages=found,
            reference=compared,
            not_compared=not_compared,
        )

    def _compared(self, *, is_english: bool) -> tuple[HumanReference | None, str]:
        """The comparison with captions by people; or why there is none, '' if it was not asked for."""
        if not self._human_captions:
            return None, ""
        captions = self._sample.items
        if len(captions) < reference.MIN_CAPTIONS:
            return None, f"{len(captions):,} captions, and it takes {reference.MIN_CAPTIONS}"
        if not is_english:
            return None, "few captions are in English"
        return reference.compare(self._human_captions, captions, name=self._name, seed=self._seed), ""

    def _artefacts(self, per_image: float, is_shard_sample: bool) -> Artefacts:
        share, n_eff = self._share(self._hits, is_shard_sample)
        low, lower = bound.lower_bound(share * n_eff, n_eff, captions_per_image=per_image)
        kinds = _by_pattern(self._patterns, ARTEFACTS)
        writers: Counter[str] = Counter()
        for found, count in self._patterns.items():
            writers.update(
                {each.writer: count for each in marks.patterns(found) if each.kind in ARTEFACTS and each.writer}
            )
        return Artefacts(
            n=self._all.rows,
            hits=self._hits.rows,
            share=share,
            low=low,
            margin=bound.margin(per_image),
            lower=lower,
            by_kind={pattern.id: count for pattern, count in kinds},
            by_writer=dict(sorted(writers.items(), key=lambda item: (-item[1], item[0]))),
            groups=tuple(self._worst_groups(per_image)),
            examples=self._shown([pattern for pattern, _ in kinds], ARTEFACTS),
        )

    def _prompts(self, is_shard_sample: bool) -> Prompts:
        share, n_eff = self._share(self._strong, is_shard_sample)
        low, high = effective_interval(share, n_eff) if is_shard_sample else (share, share)
        strong = _by_pattern(self._patterns, (Kind.STRONG,))
        cues = _by_pattern(self._patterns, (Kind.CUE,))
        outside, inside = (_flag_rate(*map(int, counts)) for counts in self._flags)
        return Prompts(
            n=self._all.rows,
            strong=self._strong.rows,
            weak2=self._weak.rows,
            share=share,
            low=low,
            high=high,
            by_kind={pattern.id: count for pattern, count in strong},
            inside=inside,
            outside=outside,
            image_flag_ratio=inside.share / outside.share if inside.share and outside.share else None,
            examples=self._shown([pattern for pattern, _ in [*strong, *cues]], _PROMPTS),
        )

    def _share(self, positive: WeightSums, is_shard_sample: bool) -> tuple[float, float]:
        """The share by weight, and the effective number of images."""
        share = min(1.0, positive.total / self._all.total)
        n_eff = n_eff_of_share(positive, self._all)
        by_shard = np.diff(np.array(self._by_shard), axis=0)
        if is_shard_sample and len(by_shard) > 1:
            n_eff = min(n_eff, effective_sample_size(*by_shard.T).n_eff)
        return share, n_eff

    def _worst_groups(self, per_image: float) -> Iterator[ArtefactGroup]:
        """The sources and shards with artefacts, those with the highest bounds first."""
        for by, sums in self._groups.items():
            rows = sums.rows()
            if len(rows) < 2:
                continue
            found = [
                ArtefactGroup(by, value, n, hits, _bound_of_group(hits, n, per_image, len(rows)))
                for value, n, hits in rows
                if hits
            ]
            yield from sorted(found, key=lambda each: (-each.lower, -each.hits, each.value))[:_MAX_GROUPS]

    def _shown(self, patterns: Sequence[Pattern], kinds: tuple[Kind, ...]) -> tuple[CaptionExample, ...]:
        """Examples of the patterns in turn, the most frequent pattern first; a row is shown once."""
        in_turn = zip_longest(*(self._examples[pattern.id].items for pattern in patterns))
        rows = {row.key: row for turn in in_turn for row in turn if row is not None}
        return tuple(_example(row, kinds) for row in list(rows.values())[:_EXAMPLES])


_COLUMNS = ("key", "source", "image", "caption", "verdict", "p_synthetic")


def _is_valid(column: pa.Array) -> np.ndarray:
    valid: np.ndarray = np.asarray(column.is_valid())
    return valid


def _texts_of(captions: pa.Array, rows: np.ndarray) -> Callable[[np.ndarray], list[str]]:
    def texts(chosen: np.ndarray) -> list[str]:
        return [text[:_MAX_SAMPLED] for text in captions.take(pa.array(rows[chosen])).to_pylist()]

    return texts


def _rows_of(column: Mapping[str, pa.Array], rows: np.ndarray, own: np.ndarray) -> Callable[[np.ndarray], list[_Row]]:
    def items(chosen: np.ndarray) -> list[_Row]:
        taken = pa.array(rows[chosen])
        texts = (column[name].take(taken).to_pylist() for name in ("key", "source", "caption"))
        return [_Row(*cells) for cells in zip(*texts, own[rows[chosen]].tolist(), strict=True)]

    return items


def _by_pattern(found: Mapping[int, int], kinds: tuple[Kind, ...]) -> list[tuple[Pattern, int]]:
    """The patterns of these kinds with the number of images that have them, the most frequent first."""
    counts: Counter[str] = Counter()
    for bits, count in found.items():
        counts.update({each.id: count for each in marks.patterns(bits) if each.kind in kinds})
    return [(BY_ID[id], count) for id, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _bound_of_group(hits: int, n: int, per_image: float, groups: int) -> float:
    return bound.lower_bound(hits, n, captions_per_image=per_image, comparisons=groups)[1]


def _flag_rate(flagged: int, n: int) -> FlagRate:
    low, high = clopper_pearson(flagged, n) if n else (0.0, 1.0)
    return FlagRate(flagged, n, flagged / n if n else None, low, high)


def _example(row: _Row, kinds: tuple[Kind, ...]) -> CaptionExample:
    found = [pattern for pattern in marks.patterns(row.marks) if pattern.kind in kinds]
    what = ", ".join(pattern.what for pattern in found)
    return CaptionExample(row.key, row.source, what, excerpt(row.caption, found[0]))
