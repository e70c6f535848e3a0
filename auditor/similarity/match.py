"""Which images of a dataset are in reference indexes: the nearest in each, and whether it is a copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditor.embeddings.vector_source import VectorSource, encoded
from auditor.errors import IndexFileError, SampleError
from auditor.images.thumbnail_match import ncc_similarity
from auditor.images.view import ReferenceMatch, View
from auditor.similarity.near_duplicates import copies
from auditor.similarity.neighbours import use_threads
from auditor.similarity.reference_index import ReferenceIndex, reference_index

if TYPE_CHECKING:
    import numpy as np

_NEAREST = 16


class Seen(Protocol):
    """What an image is recognised by: its vector and its thumbnail."""

    @property
    def vector(self) -> np.ndarray | None:
        """In the encoder's dimensions."""

    @property
    def thumbnail(self) -> np.ndarray | None:
        """See thumbnail_match.thumbnail."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image outside of an audit."""

    vector: np.ndarray
    thumbnail: np.ndarray


@dataclass(frozen=True, slots=True)
class ReferenceIndexes:
    """Folders of indexes, opened in each process that looks into them."""

    folders: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.folders)

    @property
    def opened(self) -> list[ReferenceIndex]:
        """Raises IndexFileError."""
        return [reference_index(folder) for folder in self.folders]

    @property
    def have_vectors(self) -> bool:
        """Whether there is anything to compare vectors with."""
        return any(one.facts.fingerprint for one in self.opened)

    def record(self) -> dict[str, str]:
        """Name and digest of each, in order."""
        return {f"{number}:{one.name}": one.digest for number, one in enumerate(self.opened)}

    @staticmethod
    def mark(record: Mapping[str, str]) -> str:
        """sha256 over what indexes hold, whatever their names and their order; record: of an audit, or `record()`."""
        return hashlib.sha256(json.dumps(sorted(record.values())).encode()).hexdigest()

    def check(self, fingerprint: str) -> None:
        """Raises IndexFileError where an index's vectors are of another encoder than the dataset's."""
        for one in self.opened:
            if one.facts.fingerprint not in ("", fingerprint):
                raise IndexFileError(
                    f"{one.folder}: its vectors are of {one.facts.fingerprint}, the dataset's of {fingerprint}: scan "
                    "with the encoder that the index was made with, or make it again"
                )

    def match(self, views: Sequence[View]) -> None:
        """Notes in each view what the indexes know of it: `known_file`, and `known` where it has a vector."""
        use_threads(1)
        for view in views:
            view.exact_match = self._file(view)
        seen = [view for view in views if view.vector is not None and view.thumbnail is not None]
        if seen and self.have_vectors:
            for view, known in zip(seen, self.known(seen), strict=True):
                view.reference_matches = known

    def known(self, pictures: Sequence[Seen]) -> list[tuple[ReferenceMatch, ...]]:
        """Of each index with vectors what is nearest to each image; each has a vector and a thumbnail."""
        found = [nearest(one, pictures) for one in self.opened if one.facts.fingerprint and pictures]
        return [tuple(known for known in each if known) for each in zip(*found, strict=True)] or [()] * len(pictures)

    def _file(self, view: View) -> ReferenceMatch | None:
        for digest in _digests(view):
            for one in self.opened:
                if one.knows(digest):
                    return ReferenceMatch(one.name, one.facts.kind, "", 1.0, True)
        return None


def nearest(one: ReferenceIndex, views: Sequence[Seen]) -> list[ReferenceMatch | None]:
    """The copy of each view in an index, or else its nearest image there. Each view has a vector and a thumbnail."""
    import numpy as np

    assert one.index is not None
    assert one.space is not None
    pairs = one.index.nearest(one.space.of(np.stack([view.vector for view in views])), _NEAREST)  # type: ignore[misc]
    pictures = one.thumbnails

    def fetch(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mine = np.stack([views[query].thumbnail for query in pairs.query[numbers]])
        return mine, np.asarray(pictures)[pairs.found[numbers]]

    are = copies(pairs.cosine, fetch)[0] if pictures is not None else np.zeros(len(pairs), bool)
    found: list[ReferenceMatch | None] = []
    for query in range(len(views)):
        mine = np.flatnonzero(pairs.query == query)
        best = next((pair for pair in mine if are[pair]), mine[0] if len(mine) else None)
        found.append(None if best is None else _recognised(one, pairs.found[best], pairs.cosine[best], bool(are[best])))
    return found


def _recognised(one: ReferenceIndex, row: int, cosine: float, is_copy: bool) -> ReferenceMatch:
    import numpy as np

    image = one.images(np.array([row]))[0] if is_copy else ""
    return ReferenceMatch(one.name, one.facts.kind, image, round(float(cosine), 3), is_copy)


def _digests(view: View) -> list[str]:
    """sha256 of the file, and of the original as the manifest gives it."""
    said = view.sample.row.get("sha256")
    found = [said] if isinstance(said, str) else []
    try:
        return [*found, view.sha256] if view.is_opened else found
    except SampleError:
        return found


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image of an index: its name there, the cosine, how alike the thumbnails are, and whether it is a copy."""

    image: str
    cosine: float
    ncc_similarity: float | None
    is_copy: bool


def neighbours(folder: Path, view: View, vectors: VectorSource, count: int) -> list[Neighbour]:
    """The nearest images of an index to one. Raises IndexFileError for an index of digests or of another encoder,
    SampleError for an image that cannot be read."""
    import numpy as np

    one = ReferenceIndex(folder)
    if one.index is None or one.space is None:
        raise IndexFileError(f"{folder}: an index of digests has no vectors to search")
    ReferenceIndexes((str(folder),)).check(vectors.fingerprint())
    (vector,) = encoded(vectors.encoder_of_images(), [view])
    if vector is None or view.thumbnail is None:
        raise IndexFileError("the encoder gives no vector for this image")
    pairs = one.index.nearest(one.space.of(vector[None]), count)
    pictures, mine = one.thumbnails, view.thumbnail
    alike = [ncc_similarity(mine, pictures[row]) if pictures is not None else None for row in pairs.found]

    def fetch(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.stack([mine] * len(numbers)), np.asarray(pictures)[pairs.found[numbers]]

    are = copies(pairs.cosine, fetch)[0] if pictures is not None else np.zeros(len(pairs), bool)
    rows = zip(one.images(pairs.found), pairs.cosine, alike, are, strict=True)
    return [Neighbour(image, float(cosine), score, bool(is_copy)) for image, cosine, score, is_copy in rows]
