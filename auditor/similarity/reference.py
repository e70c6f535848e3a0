"""References for diversity: an index, another audit's vectors, or the dataset's older images; without
near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from auditor.config import BEFORE
from auditor.errors import IndexFileError
from auditor.evidence_store.store import Store
from auditor.evidence_store.vectors import unit
from auditor.similarity.embedding_set import EmbeddingSet
from auditor.similarity.neighbours import self_join
from auditor.similarity.reference_index import ReferenceIndex, exists

POOL = 5000  # images from which draws are taken
_DUPLICATE_COSINE = 0.9  # in whitened space: near-duplicates in a reference count once


@dataclass(frozen=True, slots=True)
class TemporalReference:
    """The dataset's own images from before a year, which later ones are compared with. The year is that of the crawl if
    the manifest has it, else of the capture; images with neither are left out."""

    year: int

    @property
    def name(self) -> str:
        """The text of the option: before:YEAR."""
        return f"{BEFORE}{self.year}"

    def check(self, fingerprint: str) -> None:
        """Does nothing: its vectors are the dataset's own."""

    def sides(self, embeddings: EmbeddingSet, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 numbers of the distinct images from before the year, and of later ones. label: each image's cluster.

        An image with a copy from before the year counts as from before.
        """
        unknown = np.iinfo(np.int16).max
        first = np.full(len(embeddings), unknown, np.int16)
        np.minimum.at(first, label, np.where(embeddings.year > 0, embeddings.year, unknown))
        distinct = np.unique(label)
        years = first[distinct]
        return distinct[years < self.year], distinct[(years >= self.year) & (years < unknown)]


@dataclass(frozen=True)
class Reference:
    """A folder with an index, or an audit with vectors. Raises IndexFileError for any other folder."""

    folder: str

    @property
    def name(self) -> str:
        """The name of the folder."""
        return Path(self.folder).name

    @cached_property
    def _source(self) -> ReferenceIndex | EmbeddingSet:
        folder = Path(self.folder)
        if exists(folder):
            return ReferenceIndex(folder)
        embeddings = EmbeddingSet(Store(folder).undamaged_parts(with_vectors=True))
        if not len(embeddings):
            raise IndexFileError(f"{folder}: neither an index nor an audit with vectors")
        return embeddings

    @property
    def fingerprint(self) -> str:
        """The encoder's fingerprint; empty for an index of digests."""
        source = self._source
        return source.metadata.fingerprint if isinstance(source, ReferenceIndex) else source.fingerprint

    def check(self, fingerprint: str) -> None:
        """Raises IndexFileError if its vectors are not from this encoder."""
        if self.fingerprint != fingerprint:
            there = self.fingerprint or "none: it is an index of digests"
            raise IndexFileError(f"{self.folder}: its vectors are from {there}, the dataset's from {fingerprint}")

    def vectors(self, embeddings: EmbeddingSet, seed: int) -> np.ndarray:
        """float32 (at most POOL, dimension): drawn at random, without near-duplicates."""
        source = self._source
        size = source.metadata.rows if isinstance(source, ReferenceIndex) else len(source)
        drawn = np.sort(np.random.default_rng(seed).permutation(size)[:POOL])
        vectors = (
            unit(source.vectors[drawn], self.folder) if isinstance(source, ReferenceIndex) else source.vectors(drawn)
        )
        copied = [
            block.query[block.query > block.found]
            for block in self_join(embeddings.space.transform(vectors), 8, _DUPLICATE_COSINE)
        ]
        return np.delete(vectors, np.unique(np.concatenate(copied)), axis=0)


def parse(text: str) -> Reference | TemporalReference:
    """`before:2021` -> the dataset's own images from before that year; any other text is a folder."""
    return TemporalReference(int(text.removeprefix(BEFORE))) if text.startswith(BEFORE) else Reference(text)
