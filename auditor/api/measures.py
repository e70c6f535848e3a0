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
    from auditor.models.adapting import Adaptation


def calibrate(
    real: Inputs,
    synthetic: Inputs | None = None,
    *,
    detector: str = "classifier",
    banks: Sequence[PathLike] = (),
    encoder: str | None = None,
    read: ReadOptions = ReadOptions(),
    input_format: str | None = None,
    jobs: int | None = None,
    engine: str = "processes",
) -> Calibration:
    """Scores of a statistical detector on labelled images; see calibrating. banks, encoder: of a detector whose
    scores are of banks, as in the audits to come. Raises AuditorError."""
    from auditor.models import calibrating
    from auditor.similarity.recognising import Banks

    known = Banks(tuple(map(str, banks)))
    config = Config(read=read, input_format=input_format, banks=known, vectors=VectorSource(encoder))
    return calibrating.calibrate(real, synthetic, make_engine(jobs, engine), detector=detector, config=config)


def adapt(
    real: Inputs,
    synthetic: Inputs,
    *,
    read: ReadOptions = ReadOptions(),
    input_format: str | None = None,
    jobs: int | None = None,
    engine: str = "processes",
) -> tuple[Calibration, Adaptation]:
    """The classifier adapted to images of one's own kind: a calibration that holds its head, and what changed.

    Where the shipped head is at least as good on folders left out, the calibration holds none. Raises AuditorError.
    """
    from auditor.models import calibrating

    config = Config(read=read, input_format=input_format)
    return calibrating.adapt(real, synthetic, make_engine(jobs, engine), config=config)


def read_calibration(path: PathLike) -> Calibration:
    """A calibration file. Raises CalibrationError, with its path, also for one of other weights."""
    from auditor.statistical import ClassifierDetector

    try:
        found = calibration.parse(bytes_of(Path(path)).decode("utf-8", "replace"))
        kind = registry.load("detectors", found.detector)
        if not issubclass(kind, ClassifierDetector):
            raise CalibrationError(f"{found.detector} gives no logits")
        model = kind.made(counts=found)
        if not model.is_of_banks and found.sha256 != model.weights():  # banks are known where the audit is
            raise CalibrationError(f"it was made for {found.model} with other weights: calibrate again")
    except (CalibrationError, UnknownPlugin, OSError) as error:
        raise CalibrationError(f"{path}: {error}") from error
    return found
