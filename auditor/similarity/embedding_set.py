"""The vectors and thumbnails of an audit's images, on disk in its parts of evidence; 13 bytes of memory per image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.embeddings.whitening import SAMPLE, PcaWhitening, space_for
from auditor.errors import EvidenceError
from auditor.evidence_store.distinct import distinct_images
from auditor.evidence_store.store import Part
from auditor.evidence_store.vectors import Vectors, unit
from auditor.types import VerdictKind

OTHER, DECLARED, FLAGGED = 0, 1, 2
GROUPS = {DECLARED: "confirmed synthetic", FLAGGED: "flagged by the classifier", OTHER: "others"}
_GROUP_OF_VERDICT = {
    VerdictKind.SYNTHETIC: DECLARED,
    VerdictKind.EDITED: DECLARED,
    VerdictKind.LIKELY_SYNTHETIC: FLAGGED,
}


def groups(verdicts: pa.ChunkedArray) -> np.ndarray:
    """uint8 (n,): OTHER, DECLARED or FLAGGED."""
    numbers: np.ndarray = verdicts.to_pandas().map(_GROUP_OF_VERDICT).fillna(OTHER).to_numpy(np.uint8)
    return numbers


class EmbeddingSet:
    """Distinct images with a vector, numbered in the order of the parts. Raises EvidenceError for vectors of two
    encoders."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = [part for part in parts if part.vectors]
        self._files = [part.vectors for part in self._parts if part.vectors]
        fingerprints = sorted({file.fingerprint for file in self._files})
        if len(fingerprints) > 1:
            raise EvidenceError(f"vectors of different encoders cannot be compared: {', '.join(fingerprints)}")
        self.fingerprint = fingerprints[0] if fingerprints else ""
        images, first, rows, numbers = distinct_images(self.paths, having="vector"), 0, [], []
        for part in self._parts:
            number = pq.read_table(part.path, columns=["vector"])["vector"].fill_null(-1).to_numpy()
            own = np.flatnonzero(number >= 0)
            rows.append(own[~images.is_repeat[first : first + len(own)]].astype(np.int32))
            numbers.append(number[rows[-1]])
            first += len(own)
        self._row, self._number = (np.concatenate([np.zeros(0, np.int32), *each]) for each in (rows, numbers))
        self._first = np.cumsum([0, *(len(numbers) for numbers in rows)])

    def __len__(self) -> int:
        """The number of images with a vector."""
        return len(self._row)

    @property
    def paths(self) -> list[Path]:
        """The parts that have vectors."""
        return [part.path for part in self._parts]

    @property
    def has_thumbnails(self) -> bool:
        """Whether all parts have thumbnails."""
        return bool(self._files) and all(file.thumbnails for file in self._files)

    @cached_property
    def space(self) -> PcaWhitening:
        """The whitened space in which neighbours are searched."""
        return space_for(self.fingerprint, self.vectors(np.arange(len(self))[:: max(1, len(self) // SAMPLE)]))

    @cached_property
    def group(self) -> np.ndarray:
        """uint8 (n,): OTHER, DECLARED or FLAGGED."""
        return np.concatenate([np.zeros(0, np.uint8), *map(groups, self._each("verdict"))])

    @cached_property
    def year(self) -> np.ndarray:
        """int16 (n,): the year of the crawl, else of the capture; 0 if both are unknown."""
        years = (column.fill_null(0).to_numpy().astype(np.int16) for column in self._each("year"))
        return np.concatenate([np.zeros(0, np.int16), *years])

    def vectors(self, numbers: np.ndarray) -> np.ndarray:
        """float32 (n, dimension) of unit length, of images by ascending number."""
        vectors = [unit(file.open()[its], str(file.path)) for file, its in self._stored(numbers)]
        return np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32)

    def thumbnails(self, numbers: np.ndarray) -> np.ndarray:
        """uint8 (n, pixels), of images by number; zeros for an image without a thumbnail."""
        order, back = np.unique(numbers, return_inverse=True)
        files = ((file.open_thumbnails(), its) for file, its in self._stored(order))
        thumbnails: np.ndarray = np.concatenate([pixels[its] for pixels, its in files if pixels is not None])[back]
        return thumbnails

    def whitened(self, scratch: Path | None = None) -> np.ndarray:
        """float32 (n, components) of unit length: every image in `space`; memory-mapped in a file if a folder is
        given."""
        shape = len(self), self.space.components.shape[1]
        whitened: np.ndarray = (
            np.memmap(scratch / "whitened", "f4", "w+", shape=shape) if scratch else np.empty(shape, "f4")
        )
        for at, file in enumerate(self._files):
            whitened[self._slice(at)] = self.space.transform_blocks(file.open()[self._number[self._slice(at)]])
        return whitened

    def columns(self, numbers: np.ndarray, names: Sequence[str]) -> Mapping[str, list[str]]:
        """Columns of evidence, of images by ascending number."""
        columns: dict[str, list[str]] = {name: [] for name in names}
        for part, images in self._in_parts(numbers):
            table = pq.read_table(part.path, columns=list(names)).take(self._row[images])
            for name in names:
                columns[name] += table[name].to_pylist()
        return columns

    def _each(self, name: str) -> Iterator[pa.ChunkedArray]:
        """A column of evidence, part by part, for the images with a vector."""
        for number, part in enumerate(self._parts):
            yield pq.read_table(part.path, columns=[name])[name].take(self._row[self._slice(number)])

    def _slice(self, part: int) -> slice:
        return slice(int(self._first[part]), int(self._first[part + 1]))

    def _in_parts(self, numbers: np.ndarray) -> Iterator[tuple[Part, np.ndarray]]:
        """Each part with the images that are in it, by their numbers, which ascend."""
        cuts = np.searchsorted(numbers, self._first)
        for at, part in enumerate(self._parts):
            in_part = numbers[cuts[at] : cuts[at + 1]]
            if len(in_part):
                yield part, in_part

    def _stored(self, numbers: np.ndarray) -> Iterator[tuple[Vectors, np.ndarray]]:
        """Each file of vectors with the rows of images in it."""
        for part, images in self._in_parts(numbers):
            if part.vectors:
                yield part.vectors, self._number[images]
