"""All images of an audit that have a vector, over its parts of evidence: vectors and thumbnails on disk, numbers in
memory (nine bytes an image)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.embeddings.whitening import SAMPLE, PcaWhitening, space_for
from auditor.errors import EvidenceError
from auditor.evidence_store.store import Part
from auditor.evidence_store.vectors import Vectors, present, unit
from auditor.types import VerdictKind

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

OTHER, DECLARED, FLAGGED = 0, 1, 2
GROUPS = {DECLARED: "declared or matched", FLAGGED: "flagged by a model", OTHER: "others"}
_OF = {VerdictKind.SYNTHETIC: DECLARED, VerdictKind.EDITED: DECLARED, VerdictKind.LIKELY_SYNTHETIC: FLAGGED}


def groups(verdicts: pa.ChunkedArray) -> np.ndarray:
    """uint8 (n,): OTHER, DECLARED or FLAGGED."""
    import numpy as np

    found: np.ndarray = verdicts.to_pandas().map(_OF).fillna(OTHER).to_numpy(np.uint8)
    return found


class EmbeddingSet:
    """Images are numbered through, in the order of the parts. Raises EvidenceError for vectors of two encoders."""

    def __init__(self, parts: Sequence[Part]) -> None:
        import numpy as np

        self._parts = [part for part in parts if part.vectors]
        self._files = [part.vectors for part in self._parts if part.vectors]
        prints = sorted({file.fingerprint for file in self._files})
        if len(prints) > 1:
            raise EvidenceError(f"vectors of different encoders cannot be compared: {', '.join(prints)}")
        self.fingerprint = prints[0] if prints else ""
        rows = [np.flatnonzero(present(file.open())).astype(np.int32) for file in self._files]
        self._row = np.concatenate(rows or [np.zeros(0, np.int32)])
        self._first = np.cumsum([0, *(len(found) for found in rows)])

    def __len__(self) -> int:
        """How many images have a vector."""
        return len(self._row)

    @property
    def paths(self) -> list[Path]:
        """The parts that have vectors."""
        return [part.path for part in self._parts]

    @property
    def has_thumbnails(self) -> bool:
        """Whether every image could have one."""
        return bool(self._files) and all(file.thumbnails for file in self._files)

    @cached_property
    def space(self) -> PcaWhitening:
        """In which neighbours are looked for."""
        import numpy as np

        return space_for(self.fingerprint, self.vectors(np.arange(len(self))[:: max(1, len(self) // SAMPLE)]))

    @cached_property
    def group(self) -> np.ndarray:
        """uint8 (n,): OTHER, DECLARED or FLAGGED."""
        import numpy as np

        return np.concatenate([np.zeros(0, np.uint8), *map(groups, self._each("verdict"))])

    @cached_property
    def year(self) -> np.ndarray:
        """int16 (n,): of the crawl, or else of the capture; 0 where neither is known."""
        import numpy as np

        years = (column.fill_null(0).to_numpy().astype(np.int16) for column in self._each("year"))
        return np.concatenate([np.zeros(0, np.int16), *years])

    def vectors(self, numbers: np.ndarray) -> np.ndarray:
        """float32 (n, dimension) of unit length, of images by ascending number."""
        import numpy as np

        found = [unit(file.open()[rows], str(file.path)) for file, rows in self._rows(numbers)]
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)

    def thumbnails(self, numbers: np.ndarray) -> np.ndarray:
        """uint8 (n, pixels), of images by number; zeros for one without."""
        import numpy as np

        order, back = np.unique(numbers, return_inverse=True)
        pictures = ((file.open_thumbnails(), rows) for file, rows in self._rows(order))
        found: np.ndarray = np.concatenate([pixels[rows] for pixels, rows in pictures if pixels is not None])[back]
        return found

    def compact(self, scratch: Path | None = None) -> np.ndarray:
        """float32 (n, axes) of unit length: every image in `space`; in a file, mapped, where a folder is given."""
        import numpy as np

        shape = len(self), self.space.components.shape[1]
        found: np.ndarray = (
            np.memmap(scratch / "compact", "f4", "w+", shape=shape) if scratch else np.empty(shape, "f4")
        )
        for at, file in enumerate(self._files):
            found[self._of(at)] = self.space.transform_blocks(file.open()[self._row[self._of(at)]])
        return found

    def columns(self, numbers: np.ndarray, names: Sequence[str]) -> Mapping[str, list[str]]:
        """Columns of evidence, of images by ascending number."""
        import pyarrow.parquet as pq

        found: dict[str, list[str]] = {name: [] for name in names}
        for part, rows in self._places(numbers):
            table = pq.read_table(part.path, columns=list(names)).take(rows)
            for name in names:
                found[name] += table[name].to_pylist()
        return found

    def _each(self, name: str) -> Iterator[pa.ChunkedArray]:
        """A column of evidence, part by part, of the images that have a vector."""
        import pyarrow.parquet as pq

        for number, part in enumerate(self._parts):
            yield pq.read_table(part.path, columns=[name])[name].take(self._row[self._of(number)])

    def _of(self, part: int) -> slice:
        return slice(int(self._first[part]), int(self._first[part + 1]))

    def _places(self, numbers: np.ndarray) -> Iterator[tuple[Part, np.ndarray]]:
        import numpy as np

        cuts = np.searchsorted(numbers, self._first)
        for at, part in enumerate(self._parts):
            mine = numbers[cuts[at] : cuts[at + 1]]
            if len(mine):
                yield part, self._row[mine]

    def _rows(self, numbers: np.ndarray) -> Iterator[tuple[Vectors, np.ndarray]]:
        for part, rows in self._places(numbers):
            if part.vectors:
                yield part.vectors, rows
