"""Vectors on disk: float16 (rows, dimension), a row of evidence each; a row without one is NaN.

A part's vectors lie beside it, in the same order, and whose they are (the encoder's fingerprint) stands in the part's
footer. The file is written before the part, whole or not at all, and is mapped into memory, never read whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import EvidenceError

if TYPE_CHECKING:
    import numpy as np

SUFFIX = ".npy"
BLOCK = 65_536  # rows that are looked at together
_HEADER = 128  # bytes; numpy leaves room in it for the number of rows to grow
_SHORT = 1e-3  # a vector shorter than this has no direction


@dataclass(frozen=True, slots=True)
class Vectors:
    """A file of vectors, unopened."""

    path: Path
    fingerprint: str
    rows: int
    dimension: int

    def open(self) -> np.ndarray:
        """float16 (rows, dimension), mapped. Raises EvidenceError for a file that is not what the footer says."""
        import numpy as np

        try:
            found: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise EvidenceError(f"{self.path}: no vectors in it ({error}): scan again") from error
        if found.shape != (self.rows, self.dimension) or found.dtype != np.float16:
            raise EvidenceError(
                f"{self.path}: {found.dtype} {found.shape}, not float16 {(self.rows, self.dimension)}: scan again"
            )
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the file is there and of the right length."""
        return self.path.is_file() and self.path.stat().st_size == _HEADER + 2 * self.rows * self.dimension


class VectorWriter:
    """Writes a file of vectors batch by batch. Nothing of it is visible before `close`."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._temporary = path.with_suffix(f".{os.getpid()}.vectors.tmp")
        self._file = self._temporary.open("wb")
        self._file.write(bytes(_HEADER))
        self._waiting = 0  # rows without a vector before the first one that has one, whose length is not known yet
        self._rows = self._dimension = 0

    def write(self, vectors: Sequence[np.ndarray | None]) -> None:
        """Append a row each; None where there is no vector. Raises EvidenceError for one of another dimension."""
        import numpy as np

        known = [vector for vector in vectors if vector is not None]
        self._rows += len(vectors)
        if not self._dimension:
            if not known:
                self._waiting += len(vectors)
                return
            self._dimension = len(known[0])
            self._file.write(np.full((self._waiting, self._dimension), np.nan, np.float16).tobytes())
        block = np.full((len(vectors), self._dimension), np.nan, np.float16)
        for row, vector in enumerate(vectors):
            if vector is not None:
                if len(vector) != self._dimension:
                    raise EvidenceError(f"a vector of {len(vector)} dimensions among others of {self._dimension}")
                block[row] = vector
        self._file.write(block.tobytes())

    def close(self) -> dict[str, Any] | None:
        """Finish, sync and rename; what the footer is to say of it, None where no row has a vector."""
        if not self._dimension:
            self.abandon()
            return None
        self._file.seek(0)
        self._file.write(_header(self._rows, self._dimension))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        return {"fingerprint": self._fingerprint, "dimension": self._dimension}

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def beside(part: Path) -> Path:
    """Where the vectors of a part lie."""
    return part.with_suffix(SUFFIX)


def described(part: Path, rows: int, facts: Mapping[str, Any] | None) -> Vectors | None:
    """The vectors that a part's footer speaks of; None where it has none. Raises KeyError for a footer that is odd."""
    if facts is None:
        return None
    return Vectors(beside(part), str(facts["fingerprint"]), rows, int(facts["dimension"]))


def blocks(matrix: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row's number and float32 (n, dimension), a block at a time."""
    import numpy as np

    for start in range(0, len(matrix), BLOCK):
        yield start, np.asarray(matrix[start : start + BLOCK], np.float32)


def present(matrix: np.ndarray) -> np.ndarray:
    """bool (rows,): which rows have a vector."""
    import numpy as np

    return np.concatenate([np.isfinite(block[:, 0]) for _, block in blocks(matrix)] or [np.zeros(0, bool)])


def unit(matrix: np.ndarray, where: str, first: int = 0) -> np.ndarray:
    """float32 rows of unit length. Raises EvidenceError that names the first row which is NaN, infinite or zero.

    where, first: the file, and the number of the block's first row in it.
    """
    import numpy as np

    found = np.asarray(matrix, np.float32)
    length = np.linalg.norm(found, axis=1)
    odd = np.flatnonzero(~(np.isfinite(length) & (length > _SHORT)))
    if len(odd):
        what = "zero" if np.isfinite(length[odd[0]]) else "not finite"
        raise EvidenceError(f"{where}, row {first + int(odd[0])}: a vector that is {what}: it says nothing of an image")
    unitary: np.ndarray = found / length[:, None]
    return unitary


def _header(rows: int, dimension: int) -> bytes:
    import io

    from numpy.lib.format import write_array_header_1_0

    out = io.BytesIO()
    write_array_header_1_0(out, {"descr": "<f2", "fortran_order": False, "shape": (rows, dimension)})
    if len(out.getvalue()) != _HEADER:  # numpy's padding changed: a file with a gap would be misread
        raise EvidenceError(f"numpy writes headers of {len(out.getvalue())} bytes, {_HEADER} were expected")
    return out.getvalue()
