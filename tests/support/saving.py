"""Writes values to the files that a configuration names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import auditor
from auditor.annotation import file as label_files
from auditor.annotation.file import Annotation
from auditor.config import Config
from auditor.estimate.calibration import Calibration, dumps
from auditor.results import Audit


def calibration_file(folder: Path, calibration: Calibration) -> str:
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix="calibration-", suffix=".json", delete=False) as file:
        file.write(dumps(calibration))
    return file.name


def label_file(folder: Path, answers: Iterable[Annotation]) -> str:
    with tempfile.NamedTemporaryFile(dir=folder, prefix="labels-", suffix=".csv", delete=False) as file:
        label_files.write(Path(file.name), answers)
    return file.name


def finished(audit: Audit, out: Path) -> Audit:
    """The audit, with its audit.json in the folder of its evidence."""
    auditor.write(audit, auditor.decide(audit), out, ("json",))
    return audit


def config(folder: Path, **options: Any) -> Config:
    """A configuration; calibration and labels are given as values and written to files."""
    if isinstance(options.get("calibration"), Calibration):
        options["calibration"] = calibration_file(folder, options["calibration"])
    if isinstance(options.get("labels"), tuple):
        options["labels"] = label_file(folder, options["labels"])
    return Config.of(**options)
