"""Error rates of classifiers on the user's images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.api.decisions import PathLike
from auditor.audit import make_engine
from auditor.config import ReadOptions, ScanConfig
from auditor.estimate.calibration import Calibration
from auditor.plugin import Engine
from auditor.readers import Inputs

if TYPE_CHECKING:
    from auditor.calibration.adapt import Adaptation
    from auditor.calibration.rates import ErrorRates
    from auditor.estimate.intervals import Interval


def calibrate(
    real: Inputs,
    synthetic: Inputs | None = None,
    *,
    detector: str = "classifier",
    indexes: Sequence[PathLike] = (),
    encoder: str | None = None,
    read: ReadOptions = ReadOptions(),
    jobs: int | None = None,
    engine: str | Engine = "processes",
) -> Calibration:
    """A calibration: a classifier's scores on labelled images (auditor.calibration.measure). indexes, encoder: for a
    detector that searches indexes, the same as in later audits. Raises AuditorError."""
    from auditor.calibration import measure

    config = ScanConfig((), read=read, indexes=tuple(map(str, indexes)), encoder=encoder)
    return measure.calibrate(real, synthetic, make_engine(jobs, engine), detector=detector, config=config)


def adapt(
    real: Inputs,
    synthetic: Inputs,
    *,
    read: ReadOptions = ReadOptions(),
    jobs: int | None = None,
    engine: str | Engine = "processes",
) -> tuple[Calibration, Adaptation]:
    """Adapts the classifier to the user's images: a calibration that contains the adapted head, and the change.

    If the shipped head is at least as good on held-out folders, the calibration contains none. Raises AuditorError.
    """
    from auditor.calibration import measure

    config = ScanConfig((), read=read)
    return measure.adapt(real, synthetic, make_engine(jobs, engine), config=config)


def error_rates(calibration: Calibration) -> list[ErrorRates]:
    """A calibration's error rates by condition (auditor.calibration.rates)."""
    from auditor.calibration import rates

    return rates.error_rates(calibration)


def expected_interval(calibration: Calibration | None = None) -> Interval:
    """The expected 95 % interval of an audit of 5,000 images of a large dataset of which 10 % is synthetic, without
    labels. calibration: the built-in one if None."""
    from auditor.calibration import rates
    from auditor.embeddings.embedded_encoder import shipped_calibration

    return rates.expected(calibration or shipped_calibration())
