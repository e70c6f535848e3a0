"""The user's own calibration, kept beside the evidence that was made with it: audits with one can be merged."""

from __future__ import annotations

from pathlib import Path

from auditor.estimate.calibration import Calibration, dumps, parse
from auditor.storage.atomic import write_atomically
from auditor.storage.files import EVIDENCE

_FILE = "calibration.json"


def save(out: Path, calibration: Calibration | None) -> None:
    """Write the calibration; without one, remove an old one."""
    path = out / EVIDENCE / _FILE
    if calibration:
        write_atomically(path, dumps(calibration).encode())
    else:
        path.unlink(missing_ok=True)


def load(out: Path) -> Calibration:
    """The calibration. Raises OSError, ValueError or CalibrationError without one, and if it is damaged."""
    return parse((out / EVIDENCE / _FILE).read_text())
