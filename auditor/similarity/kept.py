"""Keeps the results of comparing images with each other, so that an audit of the same evidence does not compare them
again: comparing a million images takes minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import values
from auditor.evidence_store import kept
from auditor.evidence_store.store import Part
from auditor.results import CaptionGroup, Diversity, NearDuplicates
from auditor.storage.files import EVIDENCE

CLUSTERS = "duplicates.parquet"  # the images that have near-duplicates, beside the evidence
_FILE = "similarity.json"
_VERSION = 3  # of the comparison; results of another one are made again


@dataclass(frozen=True, slots=True)
class SimilarityResults:
    """The results of comparing the images of an audit with each other."""

    near_duplicates: NearDuplicates | None = None
    diversity: Diversity | None = None
    captions: tuple[CaptionGroup, ...] = ()


def digest(parts: Sequence[Part], seed: int) -> str:
    """The digest of all that decides the results: the content of the parts and the seed."""
    return kept.made_of(parts, _VERSION, seed)


def load(out: Path, made_of: str) -> SimilarityResults | None:
    """The results that were kept for this digest; None without, and if they are damaged."""
    content = kept.load(out / EVIDENCE / _FILE, made_of)
    return None if content is None else values.converter().structure(content, SimilarityResults)


def save(out: Path, made_of: str, results: SimilarityResults) -> None:
    """Keep the results."""
    kept.save(out / EVIDENCE / _FILE, made_of, values.plain(results))
