"""What an audit was told, apart from where and how fast it runs: part of audit.json and of every part's digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

from auditor import registry
from auditor.calibration import Calibration, digest
from auditor.decode import Limits
from auditor.embedding import VectorSource
from auditor.plugin import ReadOptions
from auditor.recognising import Banks
from auditor.reference import Reference
from auditor.types import Need

_OF_BANKS = ("known-image", "known-file")
_CONCLUDED = ("count_edited", "calibration", "reference")  # change what is concluded from evidence, not the evidence


@dataclass(frozen=True, slots=True)
class Config:
    """detectors: which (those that are on by default). depth: how far an image is opened. seed: for random draws.

    calibration: of one's own, instead of the one that ships with the model. vectors: which ones are kept.
    banks: images that are recognised; their detectors run then. reference: what the diversity is held against.
    """

    detectors: tuple[str, ...] = field(default_factory=registry.default_detectors)
    depth: Need = Need.PIXELS
    limits: Limits = Limits()
    read: ReadOptions = ReadOptions()
    input_format: str | None = None
    count_edited: bool = False
    seed: int = 0
    calibration: Calibration | None = None
    vectors: VectorSource = VectorSource()
    banks: Banks = Banks()
    reference: Reference | None = None

    def __post_init__(self) -> None:
        """What banks and a reference need runs."""
        if self.reference:
            object.__setattr__(self, "vectors", replace(self.vectors, is_wanted=True))
        if self.banks:
            wanted = (id for id in _OF_BANKS if id not in self.detectors)
            object.__setattr__(self, "detectors", (*self.detectors, *wanted))
            if self.banks.have_vectors:
                object.__setattr__(self, "vectors", replace(self.vectors, is_wanted=True))

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
        }

    def digest(self) -> str:
        """Over everything that decides what a part of evidence holds."""
        evidence = {key: value for key, value in self.record().items() if key not in _CONCLUDED}
        return hashlib.sha256(json.dumps(evidence, sort_keys=True).encode()).hexdigest()
