"""Keeps the results of comparing images with each other, so that an audit of the same evidence does not compare them
again: comparing a million images takes minutes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import values
from auditor.evidence_store import checksums
from auditor.evidence_store.store import Part
from auditor.results import CaptionGroup, Diversity, NearDuplicates
from auditor.storage.atomic import write_atomically
from auditor.storage.files import EVIDENCE

_FILE = "similarity.json"
_VERSION = 1  # of the comparison; results of another one are made again


@dataclass(frozen=True, slots=True)
class SimilarityResults:
    """The results of comparing the images of an audit with each other."""

    near_duplicates: NearDuplicates | None = None
    diversity: Diversity | None = None
    captions: tuple[CaptionGroup, ...] = ()


def digest(parts: Sequence[Part], seed: int) -> str:
    """The digest of all that decides the results: the content of the parts, by their checksums, and the seed."""
    total = hashlib.sha256(f"{_VERSION} {seed}\n".encode())
    for part in sorted(parts, key=lambda part: part.path.name):
        total.update(json.dumps([part.path.name, checksums.read(checksums.beside(part.path))]).encode())
    return total.hexdigest()


def load(out: Path, made_of: str) -> SimilarityResults | None:
    """The results that were kept for this digest; None without, and if they are damaged."""
    path = _path(out)
    if not checksums.are_intact(checksums.beside(path), [path]):
        return None
    content = json.loads(path.read_bytes())
    if content["made_of"] != made_of:
        return None
    results: SimilarityResults = values.converter().structure(content["results"], SimilarityResults)
    return results


def save(out: Path, made_of: str, results: SimilarityResults) -> None:
    """Keep the results, and then their checksum."""
    path = _path(out)
    write_atomically(path, json.dumps({"made_of": made_of, "results": values.plain(results)}, sort_keys=True).encode())
    checksums.write(checksums.beside(path), {path.name: checksums.digest(path)})


def _path(out: Path) -> Path:
    return out / EVIDENCE / _FILE
