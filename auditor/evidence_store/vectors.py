"""Vectors on disk: float16 (rows, dimension), a row of evidence each; a row without one is NaN.

A part's vectors lie beside it, in the same order, and whose they are (the encoder's fingerprint) stands in the part's
footer; so do thumbnails (images/thumbnail_match.py), uint8, zeros where there is none. Both files are written before
the part, whole or not at all, and are mapped into memory, never read whole.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_1_0

from auditor.errors import EvidenceError

SUFFIX, THUMBNAILS = ".npy", ".thumbnails.npy"
BLOCK = 65_536  # rows that are looked at together
_HEADER = 128  # bytes; numpy leaves room in it for the number of rows to grow
_SHORT = 1e-3  # a vector shorter than this has no direction


@dataclass(frozen=True, slots=True)
class Vectors:
    """A file of vectors, unopened. thumbnails: pixels of each in the file beside it, 0 where there is none."""

    path: Path
    fingerprint: str
    rows: int
    dimension: int
    thumbnails: int = 0

    def open(self) -> np.ndarray:
        """float16 (rows, dimension), mapped. Raises EvidenceError for a file that is not what the footer says."""
        return opened(self.path, (self.rows, self.dimension), "float16")

    def open_thumbnails(self) -> np.ndarray | None:
        """uint8 (rows, pixels), mapped; None where there are none. Raises EvidenceError likewise."""
        if not self.thumbnails:
            return None
        return opened(pictures(self.path), (self.rows, self.thumbnails), "uint8")

    @property
    def files(self) -> tuple[Path, ...]:
        """Where they lie."""
        return (self.path, pictures(self.path)) if self.thumbnails else (self.path,)

    @property
    def is_whole(self) -> bool:
        """Whether the files are there and of the right length."""
        widths = (2 * self.dimension, self.thumbnails)
        return all(
            path.is_file() and path.stat().st_size == _HEADER + self.rows * width
            for path, width in zip(self.files, widths, strict=False)
        )


class MatrixWriter:
    """Writes a matrix batch by batch. Nothing of it is visible before `close`.

    kind: numpy's name of the type; missing: what fills the rows of what is not there.
    """

    def __init__(self, path: Path, kind: str, missing: float) -> None:
        self._path, self._kind, self._missing = path, kind, missing
        self._temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        self._file = self._temporary.open("wb")
        self._file.write(bytes(_HEADER))
        self._rows = self._width = 0  # the width is known with the first row that is there

    def write(self, rows: Sequence[np.ndarray | None]) -> None:
        """Append rows; None where there is nothing. Raises EvidenceError for one of another width."""
        known = [row for row in rows if row is not None]
        before, self._rows = self._rows, self._rows + len(rows)
        if not self._width:
            if not known:
                return
            self._width = len(known[0])
            self._file.write(np.full((before, self._width), self._missing, self._kind).tobytes())
        block = np.full((len(rows), self._width), self._missing, self._kind)
        for number, row in enumerate(rows):
            if row is not None:
                if len(row) != self._width:
                    raise EvidenceError(f"a vector of {len(row)} dimensions among others of {self._width}")
                block[number] = row
        self._file.write(block.tobytes())

    def write_all(self, matrix: np.ndarray) -> None:
        """Append rows that are all there, float or uint8 (n, width). Raises EvidenceError for another width."""
        if self._width not in (0, matrix.shape[1]):
            raise EvidenceError(f"vectors of {matrix.shape[1]} dimensions among others of {self._width}")
        self._width, self._rows = matrix.shape[1], self._rows + len(matrix)
        self._file.write(matrix.astype(self._kind).tobytes())

    def close(self) -> int:
        """Finish, sync and rename; the width, 0 where no row had anything and there is no file."""
        if not self._width:
            self.abandon()
            return 0
        self._file.seek(0)
        self._file.write(_header(self._kind, self._rows, self._width))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        return self._width

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class VectorWriter:
    """Writes what lies beside a part: vectors and thumbnails."""

    def __init__(self, part: Path, fingerprint: str) -> None:
        remove(part)
        self._fingerprint = fingerprint
        self._vectors = MatrixWriter(beside(part), "<f2", float("nan"))
        self._thumbnails = MatrixWriter(pictures(beside(part)), "|u1", 0)

    def write(self, vectors: Sequence[np.ndarray | None], thumbnails: Sequence[np.ndarray | None]) -> None:
        """Append a row each; see MatrixWriter."""
        self._vectors.write(vectors)
        self._thumbnails.write(thumbnails)

    def close(self) -> dict[str, Any] | None:
        """What the footer is to say, None where no row has a vector."""
        pixels, dimension = self._thumbnails.close(), self._vectors.close()
        if not dimension:
            return None
        return {"fingerprint": self._fingerprint, "dimension": dimension, "thumbnails": pixels}

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._vectors.abandon()
        self._thumbnails.abandon()


def beside(part: Path) -> Path:
    """Where the vectors of a part lie."""
    return part.with_suffix(SUFFIX)


def pictures(vectors: Path) -> Path:
    """Where the thumbnails lie that belong to a file of vectors."""
    return vectors.with_suffix(THUMBNAILS)


def remove(part: Path) -> None:
    """What lies beside a part that is gone or about to be written."""
    for path in (beside(part), pictures(beside(part))):
        path.unlink(missing_ok=True)


def described(part: Path, rows: int, footer: Mapping[str, Any] | None) -> Vectors | None:
    """The vectors that a part's footer speaks of; None where it has none. Raises KeyError for a footer that is odd."""
    if footer is None:
        return None
    return Vectors(beside(part), str(footer["fingerprint"]), rows, int(footer["dimension"]), int(footer["thumbnails"]))


def blocks(matrix: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row's number and float32 (n, dimension), a block at a time."""
    for start in range(0, len(matrix), BLOCK):
        yield start, np.asarray(matrix[start : start + BLOCK], np.float32)


def present(matrix: np.ndarray) -> np.ndarray:
    """bool (rows,): which rows have a vector."""
    return np.concatenate([np.isfinite(block[:, 0]) for _, block in blocks(matrix)] or [np.zeros(0, bool)])


def unit(matrix: np.ndarray, where: str, first: int = 0) -> np.ndarray:
    """float32 rows of unit length. Raises EvidenceError that names the first row which is NaN, infinite or zero.

    where, first: the file, and the number of the block's first row in it.
    """
    found = np.asarray(matrix, np.float32)
    length = np.linalg.norm(found, axis=1)
    odd = np.flatnonzero(~(np.isfinite(length) & (length > _SHORT)))
    if len(odd):
        what = "zero" if np.isfinite(length[odd[0]]) else "not finite"
        raise EvidenceError(f"{where}, row {first + int(odd[0])}: a vector that is {what}: it says nothing of an image")
    unitary: np.ndarray = found / length[:, None]
    return unitary


def opened(path: Path, shape: tuple[int, int], kind: str) -> np.ndarray:
    """A matrix, mapped. Raises EvidenceError for a file that holds another one."""
    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path}: no vectors in it ({error}): scan again") from error
    if found.shape != shape or found.dtype != kind:
        raise EvidenceError(f"{path}: {found.dtype} {found.shape}, not {kind} {shape}: scan again")
    return found


def _header(kind: str, rows: int, width: int) -> bytes:
    out = io.BytesIO()
    write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": (rows, width)})
    if len(out.getvalue()) != _HEADER:  # numpy's padding changed: a file with a gap would be misread
        raise EvidenceError(f"numpy writes headers of {len(out.getvalue())} bytes, {_HEADER} were expected")
    return out.getvalue()
