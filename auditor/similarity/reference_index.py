"""Reference indexes: images that are known, to be recognised in datasets.

An index is a folder. index.json says what it is and which generation of files holds: rows-N.parquet (key, source,
image, sha256), vectors-N.npy, thumbnails-N.npy, space-N.npz and index-N.faiss, or, of an index of digests alone, rows
and hashes-N.npy. A generation is written whole before index.json names it, so a change that is interrupted changes
nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.embeddings.whitening import PcaWhitening, read
from auditor.errors import EvidenceError, IndexFileError, ModelError
from auditor.evidence_store.vectors import opened
from auditor.similarity.neighbours import Index

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SCHEMA = "auditor-index/1"
SYNTHETIC, REAL = "synthetic", "real"
KINDS = (SYNTHETIC, REAL)
FILE = "index.json"


@dataclass(frozen=True, slots=True)
class IndexMetadata:
    """What index.json says. fingerprint: the encoder's, empty for an index of digests alone; pixels of a thumbnail, 0
    for none; files: name -> sha256 of each of the generation's."""

    kind: str
    fingerprint: str
    dimension: int
    pixels: int
    rows: int
    hashes: int
    generation: int
    files: Mapping[str, str] = field(default_factory=dict)


class ReferenceIndex:
    """An existing index, its files mapped. Raises IndexFileError for what is none, damaged, or of a newer version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.metadata = _facts(folder)
        for name in self.metadata.files:
            if not (folder / name).is_file():
                raise IndexFileError(f"{folder}: {name} is gone; build the index again")
        self.index, self.space = self._index()

    @property
    def digest(self) -> str:
        """Over all that is in it."""
        text = json.dumps([self.metadata.kind, self.metadata.fingerprint, sorted(self.metadata.files.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def vectors(self) -> np.ndarray:
        """float16 (rows, dimension), mapped. Raises IndexFileError for an index of digests."""
        if not self.metadata.fingerprint:
            raise IndexFileError(f"{self.folder}: an index of digests has no vectors")
        return self._matrix("vectors", self.metadata.dimension, "float16")

    @property
    def thumbnails(self) -> np.ndarray | None:
        """uint8 (rows, pixels), mapped; None where it has none."""
        return self._matrix("thumbnails", self.metadata.pixels, "uint8") if self.metadata.pixels else None

    def images(self, rows: np.ndarray) -> list[str]:
        """These rows' images, as the input that they came from named them."""
        import pyarrow.parquet as pq

        found: list[str] = (
            pq.read_table(self.path("rows", "parquet"), columns=["image"])["image"].take(rows).to_pylist()
        )
        return found

    def knows(self, digest: str) -> bool:
        """Whether a file of that sha256 (hexadecimal) is in it."""
        import numpy as np

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
        """A file of the generation that holds."""
        return self.folder / f"{name}-{self.metadata.generation}.{suffix}"

    @property
    def _hashes(self) -> np.ndarray:
        found = _mapped(self.path("hashes", "npy"))
        if found.dtype != "S32" or len(found) != self.metadata.hashes:
            raise IndexFileError(f"{self.folder}: its digests are not those that {FILE} speaks of; build it again")
        return found

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
            raise IndexFileError(f"{self.folder}: its index holds {index.size:,} of {self.metadata.rows:,} images")
        return index, space


@cache
def reference_index(folder: str) -> ReferenceIndex:
    """Opened once a process."""
    return ReferenceIndex(Path(folder))


def exists(folder: Path) -> bool:
    """Whether there is an index in a folder."""
    return (folder / FILE).exists()


def _facts(folder: Path) -> IndexMetadata:
    try:
        content: dict[str, Any] = json.loads((folder / FILE).read_bytes())
        schema = str(content.pop("schema"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise IndexFileError(f"{folder}: no index there ({error}); `auditor index build` makes one") from error
    if schema != SCHEMA:
        newer = schema.startswith("auditor-index/")
        hint = "it was made by a newer version of auditor: update" if newer else f"not {SCHEMA}"
        raise IndexFileError(f"{folder}: an index of schema {schema}; {hint}")
    try:
        found = IndexMetadata(**content)
    except TypeError as error:
        raise IndexFileError(f"{folder}/{FILE}: {error}") from error
    if found.kind not in KINDS:
        raise IndexFileError(f"{folder}: of kind {found.kind}; there are: {', '.join(KINDS)}")
    return found


@lru_cache(maxsize=4)
def _column(path: Path, name: str) -> pa.ChunkedArray:
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=[name])[name]


@cache
def _mapped(path: Path) -> np.ndarray:
    import numpy as np

    try:
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise IndexFileError(f"{path}: {error}; build the index again") from error
    return found
