"""Matches images with reference indexes: the nearest image in each index, and whether it is a copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from auditor.embeddings.vector_source import VectorSource, encoded
from auditor.errors import IndexFileError, SampleError
from auditor.images.thumbnail_match import ncc_similarity
from auditor.images.view import ReferenceMatch, View
from auditor.similarity.near_duplicates import copies
from auditor.similarity.neighbours import use_threads
from auditor.similarity.reference_index import ReferenceIndex, reference_index

_NEAREST = 16


class Matchable(Protocol):
    """An image as matching needs it: its vector and its thumbnail."""

    @property
    def vector(self) -> np.ndarray | None:
        """float32 (dimension,) of the encoder."""

    @property
    def thumbnail(self) -> np.ndarray | None:
        """See thumbnail_match.thumbnail."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image that is not from an audit."""

    vector: np.ndarray
    thumbnail: np.ndarray


@dataclass(frozen=True, slots=True)
class ReferenceIndexes:
    """Folders of indexes; each process opens them on first use."""

    folders: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.folders)

    @property
    def opened(self) -> list[ReferenceIndex]:
        """The indexes. Raises IndexFileError."""
        return [reference_index(folder) for folder in self.folders]

    @property
    def have_vectors(self) -> bool:
        """Whether any index has vectors."""
        return any(index.metadata.fingerprint for index in self.opened)

    def record(self) -> dict[str, str]:
        """Name and digest of each index, in order."""
        return {f"{number}:{index.name}": index.digest for number, index in enumerate(self.opened)}

    @staticmethod
    def mark(record: Mapping[str, str]) -> str:
        """sha256 over the contents of indexes, independent of their names and order. record: from an audit, or
        `record()`."""
        return hashlib.sha256(json.dumps(sorted(record.values())).encode()).hexdigest()

    def verify(self) -> None:
        """Raises IndexFileError if a file of an index is damaged."""
        for index in self.opened:
            index.verify()

    def check(self, fingerprint: str) -> None:
        """Raises IndexFileError if an index's vectors are not from the dataset's encoder."""
        for index in self.opened:
            if index.metadata.fingerprint not in ("", fingerprint):
                raise IndexFileError(
                    f"{index.folder}: its vectors are from {index.metadata.fingerprint}, the dataset's from "
                    f"{fingerprint}: scan with the encoder of the index, or build the index again"
                )

    def match(self, views: Sequence[View]) -> None:
        """Sets each view's `exact_match`, and `reference_matches` if it has a vector, by the indexes."""
        use_threads(1)
        for view in views:
            view.exact_match = self._file(view)
        matchable = [view for view in views if view.vector is not None and view.thumbnail is not None]
        if matchable and self.have_vectors:
            for view, matches in zip(matchable, self.known(matchable), strict=True):
                view.reference_matches = matches

    def known(self, pictures: Sequence[Matchable]) -> list[tuple[ReferenceMatch, ...]]:
        """For each image the nearest one of each index with vectors. Each image has a vector and a thumbnail."""
        matches = [nearest(index, pictures) for index in self.opened if index.metadata.fingerprint and pictures]
        return [tuple(match for match in each if match) for each in zip(*matches, strict=True)] or [()] * len(pictures)

    def _file(self, view: View) -> ReferenceMatch | None:
        for digest in _digests(view):
            for index in self.opened:
                if index.knows(digest):
                    return ReferenceMatch(index.name, index.metadata.kind, "", 1.0, True)
        return None


def nearest(reference: ReferenceIndex, views: Sequence[Matchable]) -> list[ReferenceMatch | None]:
    """Each view's copy in an index, or else its nearest image. Each view has a vector and a thumbnail."""
    assert reference.index is not None
    assert reference.space is not None
    vectors = np.stack([view.vector for view in views])  # type: ignore[misc]
    pairs = reference.index.nearest(reference.space.transform(vectors), _NEAREST)
    thumbnails = reference.thumbnails

    def fetch(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        queries = np.stack([views[query].thumbnail for query in pairs.query[numbers]])
        return queries, np.asarray(thumbnails)[pairs.found[numbers]]

    is_copy = copies(pairs.cosine, fetch)[0] if thumbnails is not None else np.zeros(len(pairs), bool)
    matches: list[ReferenceMatch | None] = []
    for query in range(len(views)):
        candidates = np.flatnonzero(pairs.query == query)
        best = next((pair for pair in candidates if is_copy[pair]), candidates[0] if len(candidates) else None)
        if best is None:
            matches.append(None)
        else:
            matches.append(_match(reference, pairs.found[best], pairs.cosine[best], bool(is_copy[best])))
    return matches


def _match(reference: ReferenceIndex, row: int, cosine: float, is_copy: bool) -> ReferenceMatch:
    image = reference.images(np.array([row]))[0] if is_copy else ""
    return ReferenceMatch(reference.name, reference.metadata.kind, image, round(float(cosine), 3), is_copy)


def _digests(view: View) -> list[str]:
    """sha256 of the file, and of the original image if the manifest has it."""
    original = view.sample.row.get("sha256")
    digests = [original] if isinstance(original, str) else []
    try:
        return [*digests, view.sha256] if view.is_opened else digests
    except SampleError:
        return digests


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image of an index: its name there, the cosine, the thumbnails' similarity, and whether it is a copy."""

    image: str
    cosine: float
    ncc_similarity: float | None
    is_copy: bool


def neighbours(folder: Path, view: View, vectors: VectorSource, count: int) -> list[Neighbour]:
    """The images of an index that are nearest to one image. Raises IndexFileError for an index of digests or of another
    encoder, SampleError for an image that cannot be read."""
    reference = ReferenceIndex(folder)
    if reference.index is None or reference.space is None:
        raise IndexFileError(f"{folder}: an index of digests has no vectors to search")
    ReferenceIndexes((str(folder),)).check(vectors.fingerprint())
    (vector,) = encoded(vectors.encoder_of_images(), [view])
    if vector is None or view.thumbnail is None:
        raise IndexFileError("the encoder gives no vector for this image")
    pairs = reference.index.nearest(reference.space.transform(vector[None]), count)
    thumbnails, own = reference.thumbnails, view.thumbnail
    similarity = [ncc_similarity(own, thumbnails[row]) if thumbnails is not None else None for row in pairs.found]

    def fetch(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.stack([own] * len(numbers)), np.asarray(thumbnails)[pairs.found[numbers]]

    is_copy_of = copies(pairs.cosine, fetch)[0] if thumbnails is not None else np.zeros(len(pairs), bool)
    rows = zip(reference.images(pairs.found), pairs.cosine, similarity, is_copy_of, strict=True)
    return [Neighbour(image, float(cosine), score, bool(is_copy)) for image, cosine, score, is_copy in rows]
