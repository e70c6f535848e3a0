"""Tables that an audit writes beside its evidence (gallery, duplicates), with their checksums in evidence/."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from auditor.evidence_store import checksums
from auditor.storage.atomic import replacing
from auditor.storage.files import EVIDENCE


def write_table(path: Path, table: pa.Table) -> None:
    """Write the table, and its checksum when it is complete."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
        digest = checksums.digest(temporary)
    _checksums(path).parent.mkdir(parents=True, exist_ok=True)
    checksums.write(_checksums(path), {f"../{path.name}": digest})


def is_intact(path: Path) -> bool:
    """Whether the table is there and is what was written."""
    return checksums.are_intact(_checksums(path), [path])


def digest(path: Path) -> str:
    """The checksum of the table that was written; '' without one."""
    return checksums.read(_checksums(path)).get(f"../{path.name}", "")


def remove(path: Path) -> None:
    """Remove the table and its checksum, if they are there."""
    path.unlink(missing_ok=True)
    _checksums(path).unlink(missing_ok=True)


def _checksums(path: Path) -> Path:
    return checksums.beside(path, path.parent / EVIDENCE)
