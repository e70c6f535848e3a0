"""Error rates of detectors on one's own images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import registry
from auditor.api.records import PathLike, bytes_of
from auditor.audit import Inputs, make_engine
from auditor.config import Config
from auditor.embedding.sources import VectorSource
from auditor.errors import CalibrationError, UnknownPlugin
from auditor.estimate import calibration
from auditor.estimate.calibration import Calibration
from auditor.plugin import ReadOptions

if TYPE_CHECKING:
    from auditor.models.probes import Probe


def calibrate(
    real: Inputs,
    synthetic: Inputs | None = None,
    *,
    detector: str = "synthetic",
    banks: Sequence[PathLike] = (),
    encoder: str | None = None,
    read: ReadOptions = ReadOptions(),
    input_format: str | None = None,
    jobs: int | None = None,
    engine: str = "processes",
) -> Calibration:
    """Error counts of a statistical detector on labelled images; see calibrating. banks, encoder: of a detector whose
    scores are of banks, as in the audits to come. Raises AuditorError."""
    from auditor.models import calibrating
    from auditor.similarity.recognising import Banks

    known = Banks(tuple(map(str, banks)))
    config = Config(read=read, input_format=input_format, banks=known, vectors=VectorSource(encoder))
    return calibrating.calibrate(real, synthetic, make_engine(jobs, engine), detector=detector, config=config)


def fit_probe(
    real: Inputs,
    synthetic: Inputs,
    encoder: str,
    *,
    read: ReadOptions = ReadOptions(),
    input_format: str | None = None,
) -> tuple[Probe, Path]:
    """Fits the probe on an open_clip model's vectors of labelled images; also where it lies. Raises AuditorError."""
    from auditor.models import catalogue, probing

    path = catalogue.folder() / "probe.safetensors"
    config = Config(read=read, input_format=input_format)
    return probing.fit_probe(real, synthetic, encoder, path, config), path


def read_calibration(path: PathLike) -> Calibration:
    """A calibration file. Raises CalibrationError, with its path, also for one of other weights."""
    from auditor.statistical import StatisticalDetector

    try:
        found = calibration.parse(bytes_of(Path(path)).decode("utf-8", "replace"))
        model = registry.load("detectors", found.detector)()
        if not isinstance(model, StatisticalDetector):
            raise CalibrationError(f"{found.detector} gives no logits")
        if not model.is_of_banks and found.sha256 != model.weights():  # banks are known where the audit is
            raise CalibrationError(f"it was made for {found.model} with other weights: calibrate again")
    except (CalibrationError, UnknownPlugin, OSError) as error:
        raise CalibrationError(f"{path}: {error}") from error
    return found
