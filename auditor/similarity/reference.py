"""What a dataset's images are held against: an index, the vectors of another audit, or its own older part; without near
copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.config import BEFORE
from auditor.errors import IndexFileError
from auditor.evidence_store.store import Store
from auditor.evidence_store.vectors import unit
from auditor.similarity.embedding_set import EmbeddingSet
from auditor.similarity.neighbours import self_join
from auditor.similarity.reference_index import ReferenceIndex, exists

if TYPE_CHECKING:
    import numpy as np

POOL = 5000  # images that draws are taken from
_SAME = 0.9  # cosine in the encoder's space: near copies among a reference count once


@dataclass(frozen=True, slots=True)
class TemporalReference:
    """The dataset's own images of before a year; those since are held against them. The year is the crawl's where the
    manifest has one, else that of the capture; images without either are on neither side."""

    year: int

    @property
    def name(self) -> str:
        """As it is asked for."""
        return f"{BEFORE}{self.year}"

    def check(self, fingerprint: str) -> None:
        """Nothing: its vectors are the dataset's."""

    def sides(self, corpus: EmbeddingSet, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 numbers of the distinct images of before the year, and of those since; label: each image's cluster.

        What has a copy of before the year is of before it, and its later copies are nothing new.
        """
        import numpy as np

        unknown = np.iinfo(np.int16).max
        first = np.full(len(corpus), unknown, np.int16)
        np.minimum.at(first, label, np.where(corpus.year > 0, corpus.year, unknown))
        distinct = np.unique(label)
        years = first[distinct]
        return distinct[years < self.year], distinct[(years >= self.year) & (years < unknown)]


@dataclass(frozen=True)
class Reference:
    """A folder that is an index or an audit with vectors. Raises IndexFileError for any other."""

    folder: str

    @property
    def name(self) -> str:
        """Without the folders above."""
        return Path(self.folder).name

    @cached_property
    def _source(self) -> ReferenceIndex | EmbeddingSet:
        folder = Path(self.folder)
        if exists(folder):
            return ReferenceIndex(folder)
        found = EmbeddingSet(list(Store(folder).parts()))
        if not len(found):
            raise IndexFileError(f"{folder}: neither an index nor an audit with vectors")
        return found

    @property
    def fingerprint(self) -> str:
        """The encoder's; empty for an index of digests."""
        source = self._source
        return source.metadata.fingerprint if isinstance(source, ReferenceIndex) else source.fingerprint

    def check(self, fingerprint: str) -> None:
        """Raises IndexFileError where its vectors cannot be compared with those of this encoder."""
        if self.fingerprint != fingerprint:
            there = self.fingerprint or "none: it is an index of digests"
            raise IndexFileError(f"{self.folder}: its vectors are of {there}, the dataset's of {fingerprint}")

    def vectors(self, corpus: EmbeddingSet, seed: int) -> np.ndarray:
        """float32 (at most POOL, dimension): drawn at random, of near copies one."""
        import numpy as np

        source = self._source
        size = source.metadata.rows if isinstance(source, ReferenceIndex) else len(source)
        drawn = np.sort(np.random.default_rng(seed).permutation(size)[:POOL])
        found = (
            unit(source.vectors[drawn], self.folder) if isinstance(source, ReferenceIndex) else source.vectors(drawn)
        )
        copied = [block.query[block.query > block.found] for block in self_join(corpus.space.transform(found), 8, _SAME)]
        return np.delete(found, np.unique(np.concatenate(copied)), axis=0)


def parse(text: str) -> Reference | TemporalReference:
    """`before:2021` -> the dataset's own images of before that year; anything else is a folder."""
    return TemporalReference(int(text.removeprefix(BEFORE))) if text.startswith(BEFORE) else Reference(text)
