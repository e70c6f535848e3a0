"""Builds reference indexes and adds to them, from datasets, audits with vectors, or lists of digests."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.embeddings.whitening import PcaWhitening, write
from auditor.errors import IndexFileError
from auditor.evidence_store import checksums
from auditor.evidence_store.store import Part, Store
from auditor.evidence_store.vectors import MatrixWriter, blocks
from auditor.similarity.embedding_set import DECLARED, EmbeddingSet
from auditor.similarity.neighbours import FLAT, Index
from auditor.similarity.reference_index import FILE, KINDS, SCHEMA, IndexMetadata, ReferenceIndex, exists
from auditor.storage.atomic import SUFFIX as TEMPORARY
from auditor.storage.atomic import naming, sync, write_atomically

_STAGING = "building"  # folder of evidence on the images that are being added; without it, the index is finished
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_INDEX_FILE = re.compile(
    r"(?:rows-(?=\d+\.parquet)|index-(?=\d+\.faiss)|space-(?=\d+\.npz)|(?:vectors|thumbnails|hashes)-(?=\d+\.npy))"
    r"(\d+)\.\w+(?:\.\d+\.tmp)?"
)
_REFIT_FACTOR = 4  # the whitening is fitted again when the index has grown by this factor


def add_parts(folder: Path, parts: Iterable[Part], kind: str, *, declared_only: bool = False) -> IndexMetadata:
    """Adds the images with a vector; makes the index if there is none. A file that is in the index (by sha256) is not
    added again, so that adding twice has no further effect.

    declared_only: only images confirmed as synthetic. Raises IndexFileError if there are none, or the index is of
    another kind or encoder.
    """
    embeddings = EmbeddingSet(list(parts))
    wanted = np.flatnonzero(embeddings.group == DECLARED) if declared_only else np.arange(len(embeddings))
    if not len(wanted):
        which = "confirmed as synthetic" if declared_only else "with a vector"
        raise IndexFileError(f"nothing to add: no image {which}")
    before = _before(folder, kind, embeddings.fingerprint)
    rows = embeddings.columns(wanted, ["key", "source", "image", "sha256"])
    new = _new(rows["sha256"], before)
    if before and not new:
        return before.metadata
    wanted = wanted[new]
    with _next_generation(folder, before) as generation:
        generation.rows({name: [values[number] for number in new] for name, values in rows.items()})
        generation.vectors(embeddings, wanted)
        return generation.commit(kind, embeddings.fingerprint)


def add_digests(folder: Path, lists: Iterable[Path], kind: str) -> IndexMetadata:
    """Adds sha256 digests from text files (one per line) or a table's column `sha256`. Raises IndexFileError."""
    digests = [digest for path in lists for digest in _digests(path)]
    if not digests:
        raise IndexFileError("nothing to add: no digest in those files")
    before = _before(folder, kind, "")
    digests = [digests[number] for number in _new(digests, before)]
    if before and not digests:
        return before.metadata
    with _next_generation(folder, before) as generation:
        empty = [""] * len(digests)
        generation.rows({"key": digests, "source": empty, "image": empty, "sha256": digests})
        return generation.commit(kind, "")


def is_finished(folder: Path) -> bool:
    """Whether the folder contains an index, and no command that adds to it was interrupted."""
    return exists(folder) and not staging_folder(folder).exists()


def staging_folder(folder: Path) -> Path:
    """The folder of evidence on images that are being added; kept after an interruption."""
    return folder / _STAGING


def begin(folder: Path) -> None:
    """Marks the index as unfinished until `finish`, so that an interrupted command can be repeated."""
    staging_folder(folder).mkdir(parents=True, exist_ok=True)


def finish(folder: Path) -> None:
    """Removes the evidence on added images, and files of interrupted generations."""
    _remove_generations(folder, keep=ReferenceIndex(folder).metadata.generation)
    (folder / f"{FILE}{TEMPORARY}").unlink(missing_ok=True)
    shutil.rmtree(staging_folder(folder), ignore_errors=True)


def _before(folder: Path, kind: str, fingerprint: str) -> ReferenceIndex | None:
    if kind not in KINDS:
        raise IndexFileError(f"kind must be one of {', '.join(KINDS)}, got '{kind}'")
    if fingerprint.startswith("given:unnamed"):
        raise IndexFileError("an index needs the name of its vectors' model: give --embeddings-model")
    if not exists(folder):
        ours = (_STAGING, f"{FILE}{TEMPORARY}")
        unknown = [
            path.name for path in folder.glob("*") if path.name not in ours and not _INDEX_FILE.fullmatch(path.name)
        ]
        if unknown:
            raise IndexFileError(f"{folder} contains {unknown[0]}, which is not part of an index: name an empty folder")
        return None
    reference_index = ReferenceIndex(folder)
    reference_index.verify()
    if reference_index.metadata.kind != kind:
        raise IndexFileError(f"{folder} is an index of {reference_index.metadata.kind} images, these are {kind}")
    if reference_index.metadata.fingerprint != fingerprint:
        there, here = (known or "only digests" for known in (reference_index.metadata.fingerprint, fingerprint))
        raise IndexFileError(
            f"{folder} contains {there}, these are {here}: they cannot be compared; build another index"
        )
    return reference_index


def _new(digests: Sequence[str | None], before: ReferenceIndex | None) -> list[int]:
    """The numbers of the digests that are not in the index yet, without repeats; a row without a digest is always
    new."""
    seen: set[str | None] = set()
    new = []
    for number, digest in enumerate(digests):
        is_there = digest and (digest in seen or (before and before.knows(digest)))
        if not is_there:
            new.append(number)
        seen.add(digest)
    return new


@contextmanager
def _next_generation(folder: Path, before: ReferenceIndex | None) -> Iterator[_Generation]:
    """The next generation of files; removes the one before, and files of interrupted ones."""
    generation, current = _Generation(folder, before), before.metadata.generation if before else 0
    folder.mkdir(parents=True, exist_ok=True)
    _remove_generations(folder, keep=current)
    try:
        with naming(folder):
            yield generation
    except BaseException:
        _remove_generations(folder, keep=current)
        raise
    _remove_generations(folder, keep=generation.number)


def _remove_generations(folder: Path, *, keep: int) -> None:
    """Removes the files of every generation but one."""
    for path in folder.iterdir():
        match = _INDEX_FILE.fullmatch(path.name)
        if match and int(match[1]) != keep:
            path.unlink()


class _Generation:
    """The files of the generation after `before`; index.json does not name them until `commit`."""

    def __init__(self, folder: Path, before: ReferenceIndex | None) -> None:
        self.folder, self.before = folder, before
        self.number = before.metadata.generation + 1 if before else 1
        self._sizes: dict[str, int] = {"dimension": 0, "pixels": 0, "hashes": 0}
        self._written: list[Path] = []

    def rows(self, added: Any) -> None:
        """Writes the table of rows, and their digests, sorted."""
        names = ("key", "source", "image", "sha256")
        table = pa.table({name: pa.array(added[name], pa.string()) for name in names})
        if self.before:
            table = pa.concat_tables([pq.read_table(self.before.path("rows", "parquet")), table])
        pq.write_table(table, self._path("rows", "parquet"), compression="zstd")
        digests = {digest.lower() for digest in table["sha256"].to_pylist() if digest}
        known = np.sort(np.array([bytes.fromhex(digest) for digest in digests], "S32"))
        np.save(self._path("hashes", "npy"), known)
        self._sizes |= {"rows": table.num_rows, "hashes": len(known)}

    def vectors(self, embeddings: EmbeddingSet, wanted: np.ndarray) -> None:
        """Appends vectors and thumbnails; writes the whitening and the index over all of them."""
        self._sizes["dimension"] = self._matrix("vectors", "<f2", self._blocks(embeddings.vectors, wanted, "vectors"))
        if embeddings.has_thumbnails and (not self.before or self.before.thumbnails is not None):
            thumbnails = self._blocks(embeddings.thumbnails, wanted, "thumbnails")
            self._sizes["pixels"] = self._matrix("thumbnails", "|u1", thumbnails)
        every = np.load(self.folder / f"vectors-{self.number}.npy", mmap_mode="r")
        space = self._space(embeddings.fingerprint, every)
        write(self._path("space", "npz"), embeddings.fingerprint, space)
        Index.build(space.transform_blocks(every), flat=FLAT).write(self._path("index", "faiss"))

    def commit(self, kind: str, fingerprint: str) -> IndexMetadata:
        """Syncs all files, then writes index.json, which names them."""
        for path in self._written:
            sync(path)
        files = {path.name: checksums.digest(path) for path in self._written}
        metadata = IndexMetadata(kind=kind, fingerprint=fingerprint, generation=self.number, files=files, **self._sizes)
        text = json.dumps({"schema": SCHEMA, **asdict(metadata)}, indent=2, sort_keys=True) + "\n"
        write_atomically(self.folder / FILE, text.encode())
        return metadata

    def _space(self, fingerprint: str, every: np.ndarray) -> PcaWhitening:
        from auditor.embeddings.whitening import MIN_VECTORS, SAMPLE, space_for

        known = self.before and self.before.space
        if (
            known
            and self.before
            and (self.before.metadata.rows >= MIN_VECTORS and len(every) < _REFIT_FACTOR * self.before.metadata.rows)
        ):
            return known
        return space_for(fingerprint, np.asarray(every[:: max(1, len(every) // SAMPLE)], np.float32))

    def _blocks(self, fetch: Any, wanted: np.ndarray, name: str) -> Iterator[np.ndarray]:
        old = getattr(self.before, name) if self.before else None
        if old is not None:
            yield from (block for _, block in blocks(old))
        for start in range(0, len(wanted), 65_536):
            yield fetch(wanted[start : start + 65_536])

    def _matrix(self, name: str, kind: str, matrix_blocks: Iterator[np.ndarray]) -> int:
        path = self._path(name, "npy")
        writer = MatrixWriter(path, kind, 0)
        try:
            for block in matrix_blocks:
                writer.write_all(block)
        except BaseException:
            writer.abandon()
            raise
        return writer.close()

    def _path(self, name: str, suffix: str) -> Path:
        path = self.folder / f"{name}-{self.number}.{suffix}"
        self._written.append(path)
        return path


def _digests(path: Path) -> Iterator[str]:
    """Lower-case sha256 digests. Raises IndexFileError for any other line."""
    try:
        lines = _column(path) if path.suffix == ".parquet" else path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise IndexFileError(f"{path}: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        text = line.split()[0] if line and line.split() else ""
        if text and not _DIGEST.fullmatch(text):
            raise IndexFileError(f"{path}, line {number}: must be a sha256 in hexadecimal, got {text[:40]!r}")
        if text:
            yield text.lower()


def _column(path: Path) -> list[str]:
    try:
        table: pa.Table = pq.read_table(path, columns=["sha256"])
        digests: list[str] = table["sha256"].to_pylist()
    except (pa.ArrowException, KeyError) as error:
        raise IndexFileError(f"{path}: no column sha256 ({str(error).splitlines()[0][:120]})") from error
    return digests


def parts_with_vectors(audit: Path) -> list[Part]:
    """The parts of an audit's folder. Raises IndexFileError if none has vectors."""
    parts = Store(audit).undamaged_parts(with_vectors=True)
    if not any(part.vectors for part in parts):
        raise IndexFileError(f"{audit}: no vectors with its evidence; scan with the detector classifier, or --encoder")
    return parts
