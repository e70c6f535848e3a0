"""Making indexes, and adding to them: from datasets, from audits that kept vectors, from lists of digests."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.embeddings.whitening import PcaWhitening, write
from auditor.errors import IndexFileError
from auditor.evidence_store.store import Part, Store, write_atomically
from auditor.evidence_store.vectors import MatrixWriter, blocks
from auditor.similarity.embedding_set import DECLARED, EmbeddingSet
from auditor.similarity.neighbours import FLAT, Index
from auditor.similarity.reference_index import FILE, KINDS, SCHEMA, IndexMetadata, ReferenceIndex, exists

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BUILDING = "building"  # evidence of what is being added
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_OURS = re.compile(
    r"(?:rows-(?=\d+\.parquet)|index-(?=\d+\.faiss)|space-(?=\d+\.npz)|(?:vectors|thumbnails|hashes)-(?=\d+\.npy))"
    r"(\d+)\.\w+(?:\.\d+\.tmp)?"
)
_GROWN = 4  # times the size that its space was fitted at: the axes are fitted anew


def add_parts(folder: Path, parts: Iterable[Part], kind: str, *, declared_only: bool = False) -> IndexMetadata:
    """Adds the images of evidence that have a vector; the index is made where there is none. A file that is in it (by
    sha256) is not added again, so that the same addition twice is one.

    declared_only: those that declared or matched evidence calls synthetic. Raises IndexFileError where there are none,
    or the index's kind or encoder is another one.
    """
    import numpy as np

    corpus = EmbeddingSet(list(parts))
    wanted = np.flatnonzero(corpus.group == DECLARED) if declared_only else np.arange(len(corpus))
    if not len(wanted):
        which = "that is declared or matched" if declared_only else "with a vector"
        raise IndexFileError(f"nothing to add: no image {which}")
    before = _before(folder, kind, corpus.fingerprint)
    rows = corpus.columns(wanted, ["key", "source", "image", "sha256"])
    new = _new(rows["sha256"], before)
    if before and not new:
        return before.metadata
    wanted = wanted[new]
    with _generation(folder, before) as made:
        made.rows({name: [values[place] for place in new] for name, values in rows.items()})
        made.vectors(corpus, wanted)
        return made.finish(kind, corpus.fingerprint)


def add_digests(folder: Path, lists: Iterable[Path], kind: str) -> IndexMetadata:
    """Adds sha256 digests: from text files, one a line, or a table's column `sha256`. Raises IndexFileError."""
    found = [digest for path in lists for digest in _digests(path)]
    if not found:
        raise IndexFileError("nothing to add: no digest in those files")
    before = _before(folder, kind, "")
    found = [found[place] for place in _new(found, before)]
    if before and not found:
        return before.metadata
    with _generation(folder, before) as made:
        made.rows({"key": found, "source": [""] * len(found), "image": [""] * len(found), "sha256": found})
        return made.finish(kind, "")


def staging_folder(folder: Path) -> Path:
    """Where evidence is gathered of what is to be added; kept if that is interrupted."""
    return folder / _BUILDING


def clear_staging(folder: Path) -> None:
    """That evidence is in the index now."""
    shutil.rmtree(staging_folder(folder), ignore_errors=True)


def _before(folder: Path, kind: str, fingerprint: str) -> ReferenceIndex | None:
    if kind not in KINDS:
        raise IndexFileError(f"no kind '{kind}'; there are: {', '.join(KINDS)}")
    if fingerprint.startswith("given:unnamed"):
        raise IndexFileError("an index has to know what made its vectors: name it with --embeddings-model")
    if not exists(folder):
        strange = [path.name for path in folder.glob("*") if path.name != _BUILDING and not _OURS.fullmatch(path.name)]
        if strange:
            raise IndexFileError(f"{folder} holds {strange[0]}, which is none of an index's: name a folder of its own")
        return None
    reference_index = ReferenceIndex(folder)
    if reference_index.metadata.kind != kind:
        raise IndexFileError(f"{folder} is an index of {reference_index.metadata.kind} images, these are {kind}")
    if reference_index.metadata.fingerprint != fingerprint:
        there, here = (known or "digests alone" for known in (reference_index.metadata.fingerprint, fingerprint))
        raise IndexFileError(f"{folder} holds {there}, these are {here}: they cannot be compared, make another index")
    return reference_index


def _new(digests: Sequence[str | None], before: ReferenceIndex | None) -> list[int]:
    """The places of those that are not in the index yet, each once; a row without a digest is always new."""
    seen: set[str | None] = set()
    found = []
    for place, digest in enumerate(digests):
        is_there = digest and (digest in seen or (before and before.knows(digest)))
        if not is_there:
            found.append(place)
        seen.add(digest)
    return found


@contextmanager
def _generation(folder: Path, before: ReferenceIndex | None) -> Iterator[_Generation]:
    """The next one; what is left of an interrupted one, and the one before, is removed."""
    made = _Generation(folder, before)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder, before.metadata.generation if before else 0)
    yield made
    _sweep(folder, made.number)


def _sweep(folder: Path, keep: int) -> None:
    """Files of every generation but one."""
    for path in folder.iterdir():
        found = _OURS.fullmatch(path.name)
        if found and int(found[1]) != keep:
            path.unlink()


class _Generation:
    """Files of the generation after `before`; nothing names them until `finish`."""

    def __init__(self, folder: Path, before: ReferenceIndex | None) -> None:
        self.folder, self.before = folder, before
        self.number = before.metadata.generation + 1 if before else 1
        self._facts: dict[str, int] = {"dimension": 0, "pixels": 0, "hashes": 0}
        self._written: list[Path] = []

    def rows(self, added: Any) -> None:
        """The table of rows, and the digests among them, sorted."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = ("key", "source", "image", "sha256")
        table = pa.table({name: pa.array(added[name], pa.string()) for name in names})
        if self.before:
            table = pa.concat_tables([pq.read_table(self.before.path("rows", "parquet")), table])
        pq.write_table(table, self._path("rows", "parquet"), compression="zstd")
        digests = {digest.lower() for digest in table["sha256"].to_pylist() if digest}
        known = np.sort(np.array([bytes.fromhex(digest) for digest in digests], "S32"))
        np.save(self._path("hashes", "npy"), known)
        self._facts |= {"rows": table.num_rows, "hashes": len(known)}

    def vectors(self, corpus: EmbeddingSet, wanted: np.ndarray) -> None:
        """Vectors and thumbnails after those that were there, the space, and the index over all of them."""
        import numpy as np

        self._facts["dimension"] = self._matrix("vectors", "<f2", self._blocks(corpus.vectors, wanted, "vectors"))
        if corpus.has_thumbnails and (not self.before or self.before.thumbnails is not None):
            found = self._blocks(corpus.thumbnails, wanted, "thumbnails")
            self._facts["pixels"] = self._matrix("thumbnails", "|u1", found)
        every = np.load(self.folder / f"vectors-{self.number}.npy", mmap_mode="r")
        space = self._space(corpus.fingerprint, every)
        write(self._path("space", "npz"), corpus.fingerprint, space)
        Index.build(space.transform_blocks(every), flat=FLAT).write(self._path("index", "faiss"))

    def finish(self, kind: str, fingerprint: str) -> IndexMetadata:
        """Sync all, then let index.json name them."""
        for path in self._written:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        files = {path.name: _digest(path) for path in self._written}
        facts = IndexMetadata(kind=kind, fingerprint=fingerprint, generation=self.number, files=files, **self._facts)
        text = json.dumps({"schema": SCHEMA, **asdict(facts)}, indent=2, sort_keys=True) + "\n"
        write_atomically(self.folder / FILE, text.encode())
        return facts

    def _space(self, fingerprint: str, every: np.ndarray) -> PcaWhitening:
        from auditor.embeddings.whitening import LEAST, SAMPLE, space_for

        known = self.before and self.before.space
        if known and self.before and (self.before.metadata.rows >= LEAST and len(every) < _GROWN * self.before.metadata.rows):
            return known
        import numpy as np

        return space_for(fingerprint, np.asarray(every[:: max(1, len(every) // SAMPLE)], np.float32))

    def _blocks(self, fetch: Any, wanted: np.ndarray, name: str) -> Iterator[np.ndarray]:
        old = getattr(self.before, name) if self.before else None
        if old is not None:
            yield from (block for _, block in blocks(old))
        for start in range(0, len(wanted), 65_536):
            yield fetch(wanted[start : start + 65_536])

    def _matrix(self, name: str, kind: str, found: Iterator[np.ndarray]) -> int:
        path = self._path(name, "npy")
        writer = MatrixWriter(path, kind, 0)
        try:
            for block in found:
                writer.write_all(block)
        except BaseException:
            writer.abandon()
            raise
        return writer.close()

    def _path(self, name: str, suffix: str) -> Path:
        path = self.folder / f"{name}-{self.number}.{suffix}"
        self._written.append(path)
        return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(path: Path) -> Iterator[str]:
    """Lower-case sha256 digests. Raises IndexFileError for a line that is none."""
    try:
        lines = _column(path) if path.suffix == ".parquet" else path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise IndexFileError(f"{path}: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        text = line.split()[0] if line and line.split() else ""
        if text and not _DIGEST.fullmatch(text):
            raise IndexFileError(f"{path}, line {number}: {text[:40]!r} is no sha256 in hexadecimal")
        if text:
            yield text.lower()


def _column(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table: pa.Table = pq.read_table(path, columns=["sha256"])
        found: list[str] = table["sha256"].to_pylist()
    except (pa.ArrowException, KeyError) as error:
        raise IndexFileError(f"{path}: no column sha256 in it ({str(error).splitlines()[0][:120]})") from error
    return found


def parts_with_vectors(audit: Path) -> list[Part]:
    """The parts of an audit's folder. Raises IndexFileError where none has vectors."""
    parts = list(Store(audit).parts())
    if not any(part.vectors for part in parts):
        raise IndexFileError(f"{audit}: no vectors beside its evidence; scan with the detector synthetic, or --encoder")
    return parts
