"""What an audit was told, apart from where and how fast it runs: part of audit.json and of every part's digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

from auditor import registry
from auditor.embedding.sources import VectorSource
from auditor.estimate.calibration import Calibration, digest
from auditor.images.decode import Limits
from auditor.labels.labelfile import Answer
from auditor.labels.labelfile import digest as labels_digest
from auditor.plugin import ReadOptions
from auditor.sampling.draws import Draw
from auditor.similarity.recognising import Banks
from auditor.similarity.reference import Earlier, Reference
from auditor.statistical import ClassifierDetector
from auditor.types import Need

_OF_BANKS = ("known-image", "known-file")
# What changes what is concluded from evidence, not the evidence; a sample does by what is drawn.
_CONCLUDED = (
    "count_edited",
    "calibration",
    "reference",
    "labels",
    "sample",
    "sample_files",
    "sample_shards",
    "stratify",
    "fetch",
    "sequential",
)
_COLUMNS = 5  # of evidence; parts with others are redone


@dataclass(frozen=True, slots=True)
class Config:
    """detectors: which (those that are on by default). depth: how far an image is opened. seed: for random draws.

    calibration: of one's own, instead of the one that ships with the model. labels: what people said of single images.
    sample: decode so many rows only, and with is_bounding_files open no other; fetch: bring and audit so many rows of a
    manifest of URLs, and open no other; stratify: "domain" shares either out among domains. sample_shards: read so many
    whole shards, and nothing of the others. is_sequential: the sample is one of a growing row, stopped when one likes.
    vectors: which ones are kept. banks: images that are recognised; their detectors run then. reference: what the
    diversity is held against.
    """

    detectors: tuple[str, ...] = field(default_factory=registry.default_detectors)
    depth: Need = Need.PIXELS
    limits: Limits = Limits()
    read: ReadOptions = ReadOptions()
    input_format: str | None = None
    count_edited: bool = False
    seed: int = 0
    calibration: Calibration | None = None
    labels: tuple[Answer, ...] = ()
    sample: int | None = None
    is_bounding_files: bool = False
    fetch: int | None = None
    stratify: str | None = None
    sample_shards: int | None = None
    is_sequential: bool = False
    vectors: VectorSource = VectorSource()
    banks: Banks = Banks()
    reference: Reference | Earlier | None = None

    def __post_init__(self) -> None:
        """What banks and a reference need runs."""
        if self.reference:
            object.__setattr__(self, "vectors", replace(self.vectors, is_wanted=True))
        if self.banks:
            wanted = (id for id in _OF_BANKS if id not in self.detectors)
            object.__setattr__(self, "detectors", (*self.detectors, *wanted))
            if self.banks.have_vectors:
                object.__setattr__(self, "vectors", replace(self.vectors, is_wanted=True))

    @property
    def read_by(self) -> Calibration | None:
        """The calibration where the detector's answers depend on it, not just what is concluded from them."""
        own = self.calibration
        kind = registry.load("detectors", own.detector) if own else None
        return own if own and kind and issubclass(kind, ClassifierDetector) and kind.reads_by(own) else None

    @property
    def drawn(self) -> int | None:
        """How many rows are looked at in full; None: all."""
        return self.fetch or self.sample

    @property
    def beyond(self) -> Need:
        """How far rows beyond the sample are opened."""
        return Need.ROW if self.fetch or self.is_bounding_files else min(self.depth, Need.FILE)

    def record(self) -> dict[str, Any]:
        """As plain values, without paths outside the dataset."""
        read = {name: value for name, value in asdict(self.read).items() if value not in (None, False)}
        if "base_dir" in read:
            read["base_dir"] = PurePath(str(read["base_dir"])).name
        return {
            "detectors": {id: registry.digest(id) for id in sorted(self.detectors)},
            "depth": self.depth.name.lower(),
            "limits": asdict(self.limits),
            "read": read,
            "input_format": self.input_format,
            "count_edited": self.count_edited,
            "calibration": self.calibration and digest(self.calibration),
            "vectors": self.vectors.record(),
            "banks": self.banks.record(),
            "reference": self.reference and self.reference.name,
            "labels": labels_digest(self.labels) if self.labels else None,
            "sample": self.sample,
            "sample_files": self.is_bounding_files,
            "sample_shards": self.sample_shards,
            "stratify": self.stratify,
            "fetch": self.fetch,
            "sequential": self.is_sequential,
        }

    def digest(self, draw: Draw | None = None) -> str:
        """Over all that decides what a part of evidence holds; draw: the sample, which depends on the dataset."""
        evidence = {key: value for key, value in self.record().items() if key not in _CONCLUDED}
        if self.read_by:
            evidence["counts"] = digest(self.read_by)
        evidence |= {"columns": _COLUMNS, "draw": draw and [draw.seed, draw.last, draw.beyond, draw.is_fetching]}
        if draw and draw.shares:
            evidence["shares"] = draw.shares.digest
        return hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest()
