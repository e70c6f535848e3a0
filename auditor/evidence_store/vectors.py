"""Vectors on disk: float16 (vectors, dimension), of the rows of evidence that have one.

The vectors of a part are in a file beside it, in the order of its rows, whose column `vector` numbers them. The part's
footer holds the encoder's fingerprint. Thumbnails (images/thumbnail_match.py) of the same rows are stored likewise, as
uint8, with zeros for rows without one. Both files are written before the part, completely or not at all. They are
memory-mapped, never read as a whole.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_1_0

from auditor.errors import EvidenceError
from auditor.storage.atomic import SUFFIX as TEMPORARY
from auditor.storage.atomic import naming

SUFFIX, THUMBNAILS = ".npy", ".thumbnails.npy"
BLOCK = 65_536  # rows that are processed together
_HEADER = 128  # bytes; numpy pads it, so that the number of rows can grow
_MIN_NORM = 1e-3  # the direction of a shorter vector is undefined


@dataclass(frozen=True, slots=True)
class Vectors:
    """A file of vectors, not yet opened. rows: the number of vectors. thumbnails: pixels per thumbnail in the second
    file; 0 if there is none."""

    path: Path
    fingerprint: str
    rows: int
    dimension: int
    thumbnails: int = 0

    def open(self) -> np.ndarray:
        """float16 (rows, dimension), memory-mapped. Raises EvidenceError if the file does not match the footer."""
        return opened(self.path, (self.rows, self.dimension), "float16")

    def open_thumbnails(self) -> np.ndarray | None:
        """uint8 (rows, pixels), memory-mapped; None if there are none. Raises EvidenceError likewise."""
        if not self.thumbnails:
            return None
        return opened(pictures(self.path), (self.rows, self.thumbnails), "uint8")

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths of the files."""
        return (self.path, pictures(self.path)) if self.thumbnails else (self.path,)

    @property
    def is_whole(self) -> bool:
        """Whether the files exist and have the right length."""
        widths = (2 * self.dimension, self.thumbnails)
        return all(
            path.is_file() and path.stat().st_size == _HEADER + self.rows * width
            for path, width in zip(self.files, widths, strict=False)
        )


class MatrixWriter:
    """Writes a matrix in batches. The file becomes visible with `close`.

    kind: numpy's name of the type. missing: the value in rows that have none.
    """

    def __init__(self, path: Path, kind: str, missing: float) -> None:
        self._path, self._kind, self._missing = path, kind, missing
        self._temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
        self._file = self._temporary.open("wb")
        self._rows = self._width = 0  # the first row that is not None sets the width
        self._write(bytes(_HEADER))

    def write(self, rows: Sequence[np.ndarray | None]) -> None:
        """Append rows; None for missing ones. Raises EvidenceError for a row of another width."""
        existing = [row for row in rows if row is not None]
        before, self._rows = self._rows, self._rows + len(rows)
        if not self._width:
            if not existing:
                return
            self._width = len(existing[0])
            self._write(np.full((before, self._width), self._missing, self._kind).tobytes())
        block = np.full((len(rows), self._width), self._missing, self._kind)
        for number, row in enumerate(rows):
            if row is not None:
                if len(row) != self._width:
                    raise EvidenceError(f"a vector of {len(row)} dimensions among others of {self._width}")
                block[number] = row
        self._write(block.tobytes())

    def write_all(self, matrix: np.ndarray) -> None:
        """Append rows without missing ones: float or uint8 (n, width). Raises EvidenceError for another width."""
        if self._width not in (0, matrix.shape[1]):
            raise EvidenceError(f"vectors of {matrix.shape[1]} dimensions among others of {self._width}")
        self._width, self._rows = matrix.shape[1], self._rows + len(matrix)
        self._write(matrix.astype(self._kind).tobytes())

    def _write(self, data: bytes) -> None:
        with naming(self._path):
            self._file.write(data)

    def close(self) -> int:
        """Finish, sync and rename. Returns the width; 0 if all rows were missing and there is no file."""
        if not self._width:
            self.abandon()
            return 0
        with naming(self._path):
            self._file.seek(0)
            self._file.write(_header(self._kind, self._rows, self._width))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        os.replace(self._temporary, self._path)
        return self._width

    def abandon(self) -> None:
        """Remove the temporary file."""
        with suppress(OSError):  # closing writes what is buffered, for which a full disk has no space
            self._file.close()
        self._temporary.unlink(missing_ok=True)


class VectorWriter:
    """Writes the vectors and thumbnails of a part. fingerprint: of the encoder; it is not asked before there is a
    vector, because it may take a model to be loaded."""

    count = 0

    def __init__(self, part: Path, fingerprint: Callable[[], str]) -> None:
        remove(part)
        self._fingerprint = fingerprint
        self._vectors = MatrixWriter(beside(part), "<f2", float("nan"))
        self._thumbnails = MatrixWriter(pictures(beside(part)), "|u1", 0)

    def write(self, vectors: Sequence[np.ndarray | None], thumbnails: Sequence[np.ndarray | None]) -> list[int | None]:
        """Append the vectors of some rows, and the thumbnails of rows with a vector. Returns the number of each row's
        vector; None without one. Raises EvidenceError as MatrixWriter.write does."""
        numbers: list[int | None] = [None] * len(vectors)
        for row, vector in enumerate(vectors):
            if vector is not None:
                numbers[row] = self.count
                self.count += 1
        self._vectors.write([vector for vector in vectors if vector is not None])
        pairs = zip(vectors, thumbnails, strict=True)
        self._thumbnails.write([thumbnail for vector, thumbnail in pairs if vector is not None])
        return numbers

    def close(self) -> dict[str, Any] | None:
        """Finish both files. Returns the entry for the footer; None if no row has a vector."""
        pixels, dimension = self._thumbnails.close(), self._vectors.close()
        if not dimension:
            return None
        return {
            "fingerprint": self._fingerprint(),
            "count": self.count,
            "dimension": dimension,
            "thumbnails": pixels,
        }

    def abandon(self) -> None:
        """Remove the temporary files."""
        self._vectors.abandon()
        self._thumbnails.abandon()


def beside(part: Path) -> Path:
    """The path of a part's vectors."""
    return part.with_suffix(SUFFIX)


def pictures(vectors: Path) -> Path:
    """The path of the thumbnails that belong to a file of vectors."""
    return vectors.with_suffix(THUMBNAILS)


def remove(part: Path) -> None:
    """Remove the vectors and thumbnails of a part."""
    for path in (beside(part), pictures(beside(part))):
        path.unlink(missing_ok=True)


def vectors_of(part: Path, footer: Mapping[str, Any] | None) -> Vectors | None:
    """The vectors that a part's footer describes; None if it has none. Raises KeyError for an incomplete footer."""
    if footer is None:
        return None
    count, dimension, thumbnails = (int(footer[name]) for name in ("count", "dimension", "thumbnails"))
    return Vectors(beside(part), str(footer["fingerprint"]), count, dimension, thumbnails)


def blocks(matrix: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of the matrix: the number of the first row, and float32 (n, dimension)."""
    for start in range(0, len(matrix), BLOCK):
        yield start, np.asarray(matrix[start : start + BLOCK], np.float32)


def unit(matrix: np.ndarray, where: str, first: int = 0) -> np.ndarray:
    """float32 rows scaled to unit length. Raises EvidenceError, naming the first row that is NaN, infinite or zero.

    where, first: the file, and the number of the block's first row in it.
    """
    rows = np.asarray(matrix, np.float32)
    length = np.linalg.norm(rows, axis=1)
    odd = np.flatnonzero(~(np.isfinite(length) & (length > _MIN_NORM)))
    if len(odd):
        what = "zero" if np.isfinite(length[odd[0]]) else "not finite"
        raise EvidenceError(f"{where}, row {first + int(odd[0])}: a vector that is {what}")
    unitary: np.ndarray = rows / length[:, None]
    return unitary


def opened(path: Path, shape: tuple[int, int], kind: str) -> np.ndarray:
    """A memory-mapped matrix. Raises EvidenceError if the file has another shape or type."""
    try:
        matrix: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path}: cannot be read as vectors ({error}): scan again") from error
    if matrix.shape != shape or matrix.dtype != kind:
        raise EvidenceError(f"{path}: must be {kind} {shape}, got {matrix.dtype} {matrix.shape}: scan again")
    return matrix


def _header(kind: str, rows: int, width: int) -> bytes:
    out = io.BytesIO()
    write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": (rows, width)})
    if len(out.getvalue()) != _HEADER:  # a change of numpy's padding would make the file unreadable
        raise EvidenceError(f"numpy's header must be {_HEADER} bytes, got {len(out.getvalue())}")
    return out.getvalue()
