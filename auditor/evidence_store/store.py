"""Evidence on disk: one parquet part per shard, complete or absent.

A part is written to a temporary file, synced and renamed, so that a killed run leaves only complete parts. The footer
of a part names its shard with its version, and the digest of the configuration. Checksums of a part and its vectors
are in a file beside it (checksums.py). A new run over the same dataset keeps the parts that match and are intact, and
makes the others again. evidence/manifest.json identifies the tool and the inputs, and says how far images were opened.
"""

from __future__ import annotations

import base64
import datetime
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from auditor.captions.declared import CaptionColumns
from auditor.errors import EvidenceError
from auditor.evidence_store import checksums
from auditor.evidence_store.columns import repeating, schema, signal_kind, signal_structs, table_of, with_caption_marks
from auditor.evidence_store.content_digest import ContentDigest
from auditor.evidence_store.scope import Scope
from auditor.evidence_store.signal_encoding import BaseLists, StoredSignals
from auditor.evidence_store.vectors import SUFFIX, THUMBNAILS, Vectors, VectorWriter, remove, vectors_of
from auditor.plugin import Shard
from auditor.storage.atomic import SUFFIX as TEMPORARY
from auditor.storage.atomic import naming, replacing, sync, write_atomically
from auditor.storage.files import EVIDENCE, EVIDENCE_LOCK, MANIFEST
from auditor.types import Row, Sample

Kept = tuple[Sequence["np.ndarray | None"], Sequence["np.ndarray | None"]]  # vectors and thumbnails of rows
_META = b"auditor"
_BASES = "signal_bases"  # in the footer
_INCOMPLETE = "incomplete"  # in the footer
_SUFFIX = ".parquet"
_MERGED = re.compile(r"(\d{3}-)*")  # before the name of a part of a merged audit, once for each merge
SCRATCH = ".scratch-"  # prefix of temporary folders, which exist during a run only
_SCOPE, _DATASET, _CONFIG, _DAY = "scope", "dataset", "config", "day"  # in the manifest
_ROW_GROUP = 16_384


class Digested(Protocol):
    """A part, or what a worker says about one."""

    @property
    def digest(self) -> str:
        """The digest of its rows, as the dataset gives them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part and the content of its footer."""

    path: Path
    shard: str
    version: str
    config: str
    rows: int
    digest: str  # of the rows as the dataset gives them: keys, paths, captions, contents
    statistics: Mapping[str, tuple[int, np.ndarray]]  # aggregate detector -> (images, sum of their statistics)
    vectors: Vectors | None = None  # of its rows, in a file beside it
    caption_columns: Mapping[str, Any] | None = None  # as captions/declared.py records them
    is_incomplete: bool = False  # a store failed while the shard was read: the next scan reads it again

    def is_intact(self, *, with_vectors: bool = True) -> bool:
        """Whether its files are those that were written."""
        files = self.files if with_vectors else (self.path,)
        return checksums.are_intact(checksums.beside(self.path), files)

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files: vectors first, which must not be missing when the part is there."""
        return (*(self.vectors.files if self.vectors else ()), self.path)


class Store:
    """The evidence folder of one audit."""

    def __init__(self, out: Path) -> None:
        self.folder = out / EVIDENCE
        self._manifest = out / MANIFEST

    # ---- ownership

    @contextmanager
    def locked(self) -> Iterator[Store]:
        """Lock the folder for one run, and tidy it at the end. Raises EvidenceError if another run holds the lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / EVIDENCE_LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise EvidenceError(f"{self.folder}: another audit is writing here; give it another --out") from None
            try:
                yield self
            finally:
                self._tidy()

    def claim(self, owner: Mapping[str, Any], *, restart: bool, scope: Scope | None = None) -> None:
        """Claim the folder for this tool and these inputs. scope: what the run will examine, which `record_scope` notes
        when it begins; None if that does not matter.

        Raises EvidenceError if the folder holds evidence of others, or of the same inputs that the run would replace by
        less.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tidy()
        kept = {}
        if restart:
            for suffix in (_SUFFIX, SUFFIX, checksums.SUFFIX):
                for path in self.folder.glob(f"*{suffix}"):
                    path.unlink()
        elif (before := self.owner()) is not None:
            self._refuse_others(before, owner)
            if scope:
                self._refuse_less(before, scope)
            kept = {key: before[key] for key in (_SCOPE,) if key in before}
        elif any(self.folder.glob(f"*{_SUFFIX}")):
            raise EvidenceError(
                f"{self.folder} contains parquet files without manifest.json: replace them with --restart"
            )
        self._write_manifest({**owner, **kept})

    def record_scope(self, scope: Scope, dataset: Sequence[str] = (), config: Mapping[str, Any] | None = None) -> None:
        """Note what the evidence will be from, before the evidence of another scope is removed. dataset: absolute paths
        or URLs, where commands find it again; config: by which it is scanned, as plain values. No other output has
        these paths."""
        known = {_DATASET: list(dataset), _CONFIG: config}
        self._write_manifest({**(self.owner() or {}), _SCOPE: scope.plain, **known})

    def record_day(self, day: datetime.date) -> None:
        """Note the day of the scan, at its end. audit.json has none, so that the same dataset gives the same bytes."""
        self._write_manifest({**(self.owner() or {}), _DAY: day.isoformat()})

    def day(self) -> datetime.date | None:
        """The day of the scan; None if none is recorded. Raises EvidenceError."""
        try:
            return datetime.date.fromisoformat((self.owner() or {}).get(_DAY, ""))
        except (TypeError, ValueError):
            return None

    def dataset(self) -> list[str]:
        """Where the dataset was when it was scanned; empty if that is unknown."""
        inputs = (self.owner() or {}).get(_DATASET)
        return [each for each in inputs if isinstance(each, str)] if isinstance(inputs, list) else []

    def config(self) -> Mapping[str, Any] | None:
        """The configuration of the scan as plain values, with absolute paths; None if none is recorded."""
        config = (self.owner() or {}).get(_CONFIG)
        return config if isinstance(config, dict) else None

    @property
    def is_merged(self) -> bool:
        """Whether `auditor merge` made it. Raises EvidenceError."""
        return "merged" in (self.owner() or {})

    def _write_manifest(self, content: Mapping[str, Any]) -> None:
        write_atomically(self._manifest, json.dumps(content, indent=2, sort_keys=True).encode() + b"\n")

    def _refuse_others(self, before: Mapping[str, Any], owner: Mapping[str, Any]) -> None:
        differing = [key for key in owner if before.get(key) != owner[key]]
        if differing:
            what = "; ".join(f"{key}: {before.get(key)} before, {owner[key]} now" for key in differing)
            raise EvidenceError(
                f"{self.folder} contains evidence of another audit ({what}): replace it with --restart, or give "
                "another --out"
            )

    def _refuse_less(self, before: Mapping[str, Any], scope: Scope) -> None:
        known = Scope.of(before.get(_SCOPE))
        lost = known.lost_in(scope) if known and any(self.folder.glob(f"*{_SUFFIX}")) else []
        if lost:
            raise EvidenceError(
                f"{self.folder} contains more evidence than this scan would leave ({'; '.join(lost)}): "
                "replace it with --restart, or give another --out"
            )

    def _tidy(self) -> None:
        """Remove what a run that ended early, or a worker that crashed, has left."""
        for leftover in (*self.folder.glob(f"*{TEMPORARY}"), *self._orphans()):
            leftover.unlink(missing_ok=True)
        for leftover in self.folder.glob(f"{SCRATCH}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def owner(self) -> dict[str, Any] | None:
        """The owner that `claim` wrote; None if there is none. Raises EvidenceError if it cannot be read."""
        if not self._manifest.exists():
            return None
        try:
            content = json.loads(self._manifest.read_bytes())
        except (OSError, ValueError) as error:
            raise EvidenceError(f"{self._manifest}: {error}; --restart replaces the evidence") from error
        if not isinstance(content, dict):
            raise EvidenceError(f"{self._manifest}: must be an object; --restart replaces the evidence")
        return content

    def _orphans(self) -> Iterator[Path]:
        """Vectors and checksums without a part: the run was killed after writing them."""
        stems = {path.stem for path in self.folder.glob(f"*{_SUFFIX}")}
        for path in self.folder.glob(f"*{SUFFIX}"):
            if path.name.removesuffix(THUMBNAILS).removesuffix(SUFFIX) not in stems:
                yield path
        for path in self.folder.glob(f"*{_SUFFIX}{checksums.SUFFIX}"):
            name = path.name.removesuffix(checksums.SUFFIX)
            if not (self.folder / name).exists() and not (self.folder.parent / name).exists():
                yield path

    # ---- parts

    def parts(self) -> Iterator[Part]:
        """Every complete part, by name, without a check of its content. A part that cannot be opened is skipped."""
        for path in self._paths():
            if part := _opened(path):
                yield part

    def mended_parts(self) -> list[Part]:
        """Every intact part, by name. Damaged ones are removed, so that their shards are scanned again."""
        intact, damaged = self._checked(with_vectors=True)
        for path in damaged:
            _remove(path)
        return intact

    def undamaged_parts(self, *, with_vectors: bool) -> list[Part]:
        """Every part, by name. Raises EvidenceError if one is damaged. with_vectors: check vectors and thumbnails
        too."""
        intact, damaged = self._checked(with_vectors=with_vectors)
        if damaged:
            others = f" (and {len(damaged) - 1:,} more parts)" if len(damaged) > 1 else ""
            raise EvidenceError(f"{damaged[0]} is damaged or incomplete{others}: the same scan again replaces it")
        return intact

    def _checked(self, *, with_vectors: bool) -> tuple[list[Part], list[Path]]:
        """The intact parts, and the paths of damaged ones. Files that are no parts are neither."""
        intact, damaged = [], []
        for path in self._paths():
            part = _opened(path)
            if part and part.is_intact(with_vectors=with_vectors):
                intact.append(part)
            elif part or checksums.beside(path).exists():
                damaged.append(path)
        return intact, damaged

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def path(self, shard_id: str) -> Path:
        """The path of a shard's part."""
        return part_path(self.folder, shard_id)

    def drop(self, parts: Iterable[Part]) -> int:
        """Remove parts and return their number of rows."""
        rows = 0
        for part in parts:
            rows += part.rows
            _remove(part.path)
        return rows


def part_path(folder: Path, shard_id: str) -> Path:
    """The path of a shard's part in a folder of evidence."""
    return folder / f"{shard_id}{_SUFFIX}"


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    remove(part)
    checksums.beside(part).unlink(missing_ok=True)


def _opened(path: Path) -> Part | None:
    """The part in a file; None if its footer cannot be read or its vectors are not complete."""
    try:
        metadata = pq.read_metadata(path)
        footer = json.loads((metadata.metadata or {})[_META])
        vectors = vectors_of(path, footer.get("vectors"))
        if vectors and not vectors.is_whole:
            return None
        return Part(
            path=path,
            shard=footer["shard"],
            version=footer["stamp"],
            config=footer["config"],
            rows=metadata.num_rows,
            digest=footer["digest"],
            statistics={id: _unpacked(entry) for id, entry in footer["statistics"].items()},
            vectors=vectors,
            caption_columns=footer.get("captions"),
            is_incomplete=_INCOMPLETE in footer,
        )
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError):
        return None


def copy_part(part: Part, folder: Path, number: int) -> None:
    """Copy a part, its vectors first, to a merged audit, under a name that is unique among the audits."""
    known = checksums.read(checksums.beside(part.path))
    names = {path: merged_name(number, path) for path in part.files}
    target = folder / names[part.path]
    checksums.write(checksums.beside(target), {names[path]: known[path.name] for path in part.files})
    for path, name in names.items():
        with replacing(folder / name) as temporary:
            shutil.copyfile(path, temporary)


def merged_name(number: int, part: Path) -> str:
    """The file name of a part of the audit with this number, among merged ones."""
    return f"{number:03d}-{part.name}"


def origin(part: Path) -> str:
    """What tells the audits apart that were merged; '' for a part of an audit that was not merged."""
    found = _MERGED.match(part.name)
    return found[0] if found else ""


def dataset_digest(parts: Iterable[Digested]) -> str:
    """One digest of the digests of all parts; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(part.digest for part in parts)).encode()).hexdigest()


class PartWriter:
    """Writes one shard's part in batches of rows. The part becomes visible with `close`. captions: search them for
    marks."""

    def __init__(
        self,
        path: Path,
        shard: Shard,
        config: str,
        *,
        fingerprint: Callable[[], str] | None = None,
        captions: bool = True,
    ) -> None:
        self._path = path
        self._columns = CaptionColumns() if captions else None
        self._vectors = VectorWriter(path, fingerprint) if fingerprint else None
        self._temporary = path.with_suffix(f".{os.getpid()}{TEMPORARY}")
        self._footer = {"shard": shard.id, "stamp": shard.version, "config": config}
        self.content = ContentDigest()
        self._writer: pq.ParquetWriter = pq.ParquetWriter(
            self._temporary,
            schema(),
            compression="zstd",
            use_dictionary=repeating(),
            write_statistics=repeating(),
        )
        self._waiting: list[pa.Table] = []
        self._statistics: dict[str, tuple[int, np.ndarray]] = {}
        self.bases = BaseLists()
        self.is_incomplete = False  # see Part
        self.rows = 0

    def write(self, rows: Sequence[Row], kept: Kept = ((), ())) -> None:
        """Append rows, and the vector and the thumbnail of each if vectors are kept."""
        self.content.add_rows(rows)
        self.write_table(table_of(rows, self.bases), kept)

    def write_table(self, rows: pa.Table, kept: Kept = ((), ())) -> None:
        """Append rows in their stored form, by `bases`. What the dataset says in them has to be added to `content`."""
        if self._vectors and len(kept[0]):
            numbers, at = self._vectors.write(*kept), rows.schema.get_field_index("vector")
            rows = rows.set_column(at, rows.schema.field(at), pa.array(numbers, pa.int32()))
        self._waiting.append(rows)
        self.rows += len(rows)
        if sum(table.num_rows for table in self._waiting) >= _ROW_GROUP:
            self._flush()

    def look_at_columns(self, samples: Iterable[Sample]) -> None:
        """Examine the columns of captions, in the first rows."""
        if self._columns:
            self._columns.add(samples)

    def add_statistic(self, detector: str, statistic: np.ndarray) -> None:
        """Add one image's statistic to an aggregate detector's sum."""
        n, total = self._statistics.get(detector, (0, 0.0))
        self._statistics[detector] = n + 1, total + statistic

    def close(self) -> str:
        """Finish, sync and rename: vectors, then checksums, then the part. Returns the digest of what the dataset
        says."""
        self._flush()
        statistics = {id: _packed(*statistic) for id, statistic in self._statistics.items()}
        vectors = self._vectors.close() if self._vectors else None
        digest = self.content.hexdigest()
        bases = [signal_structs(signals).to_pylist() for signals in self.bases.lists]
        footer = {**self._footer, "digest": digest, "statistics": statistics, "vectors": vectors, _BASES: bases}
        footer |= {_INCOMPLETE: "yes"} if self.is_incomplete else {}
        footer |= {"captions": self._columns.record()} if self._columns else {}
        with naming(self._path):
            self._writer.add_key_value_metadata({_META: json.dumps(footer, sort_keys=True).encode()})
            self._writer.close()
            sync(self._temporary)
        kept = vectors_of(self._path, vectors)
        digests = {path.name: checksums.digest(path) for path in (kept.files if kept else ())}
        digests[self._path.name] = checksums.digest(self._temporary)
        checksums.write(checksums.beside(self._path), digests)
        os.replace(self._temporary, self._path)
        return digest

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            if self._columns:
                table = with_caption_marks(table)
            with naming(self._path):
                self._writer.write_table(table)
            self._waiting.clear()

    def abandon(self) -> None:
        """Remove the temporary files."""
        with suppress(OSError, pa.ArrowException):  # closing writes a footer, for which a full disk has no space
            self._writer.close()
        self._temporary.unlink(missing_ok=True)
        if self._vectors:
            self._vectors.abandon()


def _packed(n: int, total: np.ndarray) -> dict[str, Any]:
    return {"n": n, "sum": base64.b64encode(total.astype("<f8").tobytes()).decode()}


def _unpacked(entry: Mapping[str, Any]) -> tuple[int, np.ndarray]:
    return int(entry["n"]), np.frombuffer(base64.b64decode(entry["sum"]), "<f8")


def stored_signals(file: pq.ParquetFile) -> StoredSignals:
    """What decodes the signals of an open part. Raises EvidenceError for one of an older version."""
    try:
        return StoredSignals(json.loads(file.metadata.metadata[_META])[_BASES], signal_kind())
    except (KeyError, TypeError) as error:
        raise EvidenceError("the evidence was made by an older version: scan again") from error
