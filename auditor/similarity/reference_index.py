"""Reference indexes: known images that datasets are matched with.

An index is a folder. index.json describes it and names the current generation of files: rows-N.parquet (key, source,
image, sha256), vectors-N.npy, thumbnails-N.npy, space-N.npz and index-N.faiss; an index of digests has only rows and
hashes-N.npy. A generation is complete before index.json names it, so an interrupted change has no effect.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from auditor.embeddings.whitening import PcaWhitening, read
from auditor.errors import EvidenceError, IndexFileError, ModelError
from auditor.evidence_store import checksums
from auditor.evidence_store.vectors import opened
from auditor.similarity.neighbours import Index
from auditor.storage import files

SCHEMA = "auditor-index/1"
SYNTHETIC, REAL = "synthetic", "real"
KINDS = (SYNTHETIC, REAL)
FILE = "index.json"


@dataclass(frozen=True, slots=True)
class IndexMetadata:
    """The content of index.json. fingerprint: the encoder's, empty for an index of digests. pixels: of a thumbnail, 0
    without thumbnails. files: the generation's files, name -> sha256."""

    kind: str
    fingerprint: str
    dimension: int
    pixels: int
    rows: int
    hashes: int
    generation: int
    files: Mapping[str, str] = field(default_factory=dict)


class ReferenceIndex:
    """An existing index, memory-mapped. Raises IndexFileError if there is none, or it is damaged or of a newer
    version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.metadata = _read_metadata(folder)
        for name in self.metadata.files:
            if not (folder / name).is_file():
                raise IndexFileError(f"{folder}: {name} is missing; build the index again")
        self.index, self.space = self._index()

    def verify(self) -> None:
        """Raises IndexFileError if a file is not what was written."""
        for name, digest in self.metadata.files.items():
            if checksums.digest(self.folder / name) != digest:
                raise IndexFileError(f"{self.folder}: {name} is damaged; build the index again")

    @property
    def digest(self) -> str:
        """sha256 over its contents."""
        text = json.dumps([self.metadata.kind, self.metadata.fingerprint, sorted(self.metadata.files.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def vectors(self) -> np.ndarray:
        """float16 (rows, dimension), memory-mapped. Raises IndexFileError for an index of digests."""
        if not self.metadata.fingerprint:
            raise IndexFileError(f"{self.folder}: an index of digests has no vectors")
        return self._matrix("vectors", self.metadata.dimension, "float16")

    @property
    def thumbnails(self) -> np.ndarray | None:
        """uint8 (rows, pixels), memory-mapped; None if it has none."""
        return self._matrix("thumbnails", self.metadata.pixels, "uint8") if self.metadata.pixels else None

    def images(self, rows: np.ndarray) -> list[str]:
        """The images of these rows, by their names in their original input."""
        table = pq.read_table(self.path("rows", "parquet"), columns=["image"])
        names: list[str] = table["image"].take(rows).to_pylist()
        return names

    def knows(self, digest: str) -> bool:
        """Whether a file with this sha256 (hexadecimal) is in the index."""
        if not self.metadata.hashes:
            return False
        try:
            wanted = np.frombuffer(bytes.fromhex(digest), "S32")
        except ValueError:
            return False
        known = self._hashes
        at = int(np.searchsorted(known, wanted[0])) if len(wanted) == 1 else len(known)
        return at < len(known) and bool(known[at] == wanted[0])

    def path(self, name: str, suffix: str) -> Path:
        """A file of the current generation."""
        return self.folder / f"{name}-{self.metadata.generation}.{suffix}"

    @cached_property
    def _hashes(self) -> np.ndarray:
        path = self.path("hashes", "npy")
        try:
            hashes: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise IndexFileError(f"{path}: {error}; build the index again") from error
        if hashes.dtype != "S32" or len(hashes) != self.metadata.hashes:
            raise IndexFileError(f"{self.folder}: its digests do not match {FILE}; build the index again")
        return hashes

    def _matrix(self, name: str, width: int, kind: str) -> np.ndarray:
        try:
            return opened(self.path(name, "npy"), (self.metadata.rows, width), kind)
        except EvidenceError as error:
            raise IndexFileError(str(error).replace("scan again", "build the index again")) from error

    def _index(self) -> tuple[Index | None, PcaWhitening | None]:
        if not self.metadata.fingerprint:
            return None, None
        index = Index.read(self.path("index", "faiss"))
        try:
            _, space = read(self.path("space", "npz"))
        except ModelError as error:
            raise IndexFileError(f"{error}; build the index again") from error
        if (index.size, index.dimension) != (self.metadata.rows, space.components.shape[1]):
            raise IndexFileError(f"{self.folder}: its index has {index.size:,} of {self.metadata.rows:,} images")
        return index, space


def reference_index(folder: str) -> ReferenceIndex:
    """The index of a folder, opened once per process until it is built again."""
    return _reference_index(folder, files.stat_signature(files.join(folder, FILE)))


@lru_cache(maxsize=64)
def _reference_index(folder: str, version: str) -> ReferenceIndex:
    return ReferenceIndex(Path(folder))


def exists(folder: Path) -> bool:
    """Whether a folder contains an index."""
    return (folder / FILE).exists()


def _read_metadata(folder: Path) -> IndexMetadata:
    try:
        content: dict[str, Any] = json.loads((folder / FILE).read_bytes())
        schema = str(content.pop("schema"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise IndexFileError(f"{folder}: no index in this folder ({error}); `auditor index build` makes one") from error
    if schema != SCHEMA:
        newer = schema.startswith("auditor-index/")
        hint = "it was made by a newer version of auditor: update" if newer else f"not {SCHEMA}"
        raise IndexFileError(f"{folder}: schema {schema} cannot be read; {hint}")
    try:
        metadata = IndexMetadata(**content)
    except TypeError as error:
        raise IndexFileError(f"{folder}/{FILE}: {error}") from error
    if metadata.kind not in KINDS:
        raise IndexFileError(f"{folder}: kind must be one of {', '.join(KINDS)}, got {metadata.kind}")
    return metadata
