"""What a dataset's images are held against: a bank, or the vectors of another audit, without near copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.embedding.vectors import unit
from auditor.errors import IndexFileError
from auditor.similarity.banks import Bank, exists
from auditor.similarity.corpus import Corpus
from auditor.similarity.index import self_join
from auditor.verdicts.store import Store

if TYPE_CHECKING:
    import numpy as np

POOL = 5000  # images that draws are taken from
_SAME = 0.9  # cosine in the encoder's space: near copies among a reference count once


@dataclass(frozen=True)
class Reference:
    """A folder that is a bank or an audit with vectors. Raises IndexFileError for any other."""

    folder: str

    @property
    def name(self) -> str:
        """Without the folders above."""
        return Path(self.folder).name

    @cached_property
    def _source(self) -> Bank | Corpus:
        folder = Path(self.folder)
        if exists(folder):
            return Bank(folder)
        found = Corpus(list(Store(folder).parts()))
        if not len(found):
            raise IndexFileError(f"{folder}: neither a bank nor an audit with vectors")
        return found

    @property
    def fingerprint(self) -> str:
        """The encoder's; empty for a bank of digests."""
        source = self._source
        return source.facts.fingerprint if isinstance(source, Bank) else source.fingerprint

    def check(self, fingerprint: str) -> None:
        """Raises IndexFileError where its vectors cannot be compared with those of this encoder."""
        if self.fingerprint != fingerprint:
            there = self.fingerprint or "none: it is a bank of digests"
            raise IndexFileError(f"{self.folder}: its vectors are of {there}, the dataset's of {fingerprint}")

    def vectors(self, corpus: Corpus, seed: int) -> np.ndarray:
        """float32 (at most POOL, dimension): drawn at random, of near copies one."""
        import numpy as np

        source = self._source
        size = source.facts.rows if isinstance(source, Bank) else len(source)
        drawn = np.sort(np.random.default_rng(seed).permutation(size)[:POOL])
        found = unit(source.vectors[drawn], self.folder) if isinstance(source, Bank) else source.vectors(drawn)
        copied = [block.query[block.query > block.found] for block in self_join(corpus.space.of(found), 8, _SAME)]
        return np.delete(found, np.unique(np.concatenate(copied)), axis=0)
