"""Embeddings in which neighbours are told apart: centred, turned to their main axes, weighed, cut to the first of them.

An encoder's vectors share most of their length (two pictures that have nothing in common have a cosine of 0.8), so
raw cosines say little. After centring and whitening (Jégou & Chum, "Negative evidences and co-occurrences in image
retrieval: the benefit of PCA and whitening", ECCV 2012) different pictures lie at 0, and fewer numbers are enough. A
fitted space belongs to an encoder; the embedded one's ships beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.embeddings.embedded_encoder import EMBEDDED
from auditor.errors import ModelError
from auditor.evidence_store.vectors import blocks

if TYPE_CHECKING:
    import numpy as np

AXES = 128
LEAST = 1000  # vectors that a space is fitted on; with fewer, chance decides the axes
SAMPLE = 50_000  # and no more
_RIDGE = 0.1  # of the mean variance, added to each axis': the last axes are mostly noise
_SHIPPED = EMBEDDED / "space.npz"


@dataclass(frozen=True, slots=True, eq=False)
class PcaWhitening:
    """mean: float32 (dimension,). axes: float32 (dimension, AXES), each divided by its spread."""

    mean: np.ndarray
    axes: np.ndarray

    def of(self, vectors: np.ndarray) -> np.ndarray:
        """float32 (n, axes), of unit length, for float (n, dimension)."""
        import numpy as np

        found = (np.asarray(vectors, np.float32) - self.mean) @ self.axes
        length = np.linalg.norm(found, axis=1, keepdims=True)
        unit: np.ndarray = np.ascontiguousarray(found / np.maximum(length, 1e-12), np.float32)
        return unit

    def transform_blocks(self, vectors: np.ndarray) -> np.ndarray:
        """As `of`, a block at a time."""
        import numpy as np

        found = np.empty((len(vectors), self.axes.shape[1]), np.float32)
        for start, block in blocks(vectors):
            found[start : start + len(block)] = self.of(block)
        return found


def fitted(sample: np.ndarray) -> PcaWhitening:
    """The space of float (n, dimension) vectors; with fewer than LEAST of them centred alone."""
    import numpy as np

    vectors = np.asarray(sample, np.float32)
    mean = vectors.mean(axis=0)
    if len(vectors) < LEAST:
        return PcaWhitening(mean, np.eye(len(mean), dtype=np.float32))
    variance, axes = np.linalg.eigh(np.cov((vectors - mean).T.astype(np.float64)))
    variance, axes = variance[::-1][:AXES], axes[:, ::-1][:, :AXES]
    spread = np.sqrt(np.maximum(variance, 0) + _RIDGE * max(float(variance.sum()) / len(mean), 1e-12))
    return PcaWhitening(mean, (axes / spread).astype(np.float32))


def space_for(fingerprint: str, sample: np.ndarray) -> PcaWhitening:
    """The encoder's own space where it ships, else one that is fitted on the sample."""
    own = shipped()
    return own[1] if own and own[0] == fingerprint else fitted(sample)


@cache
def shipped() -> tuple[str, PcaWhitening] | None:
    """The embedded encoder's fingerprint and space; None where the model comes without. Raises ModelError."""
    if not _SHIPPED.exists():
        return None
    return read(_SHIPPED)


def read(path: Path) -> tuple[str, PcaWhitening]:
    """The fingerprint and the space in a file. Raises ModelError for anything else."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as known:
            found = (
                str(known["fingerprint"]),
                PcaWhitening(known["mean"].astype(np.float32), known["axes"].astype(np.float32)),
            )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: no space in it ({error})") from error
    return found


def write(path: Path, fingerprint: str, space: PcaWhitening) -> None:
    """What `read` reads; float16, which costs no neighbour."""
    import numpy as np

    np.savez(path, fingerprint=fingerprint, mean=space.mean.astype(np.float16), axes=space.components.astype(np.float16))
