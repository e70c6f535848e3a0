"""dwtDct watermarks in cropped images, which dwt-dct does not search for. Off by default (`--with dwt-dct-crops`).

Sees: the watermarks that dwt-dct finds, after a crop. A crop shifts the grid of blocks (64 offsets), changes the number
of blocks per row (so the usual original widths are tried) and lets the message begin at any bit (as many phases as it
has bits). All combinations are tried: tens of thousands of tests per image, for which the threshold is corrected
(Student's distribution at 1e-8 over all of them, an extrapolation far beyond what can be measured). It takes about one
second per image.

Defeated by: everything that defeats dwt-dct, and sooner, because the threshold is higher; widths that are not listed.
Tier C; suspected for SD 2's 32 bits, as in dwt-dct.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from auditor.estimate.distributions import t_quantile_above
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Claim, Evidence, Need, Tier
from detectors import dwt_dct
from detectors.dwt_dct import Mark, marks

_WIDTHS = (512, 576, 640, 704, 768, 832, 896, 960, 1024, 1088, 1152, 1216, 1280, 1344, 1408, 1472, 1536)
_OFFSETS = 8
_LEVEL = 1e-8
_MAX_PIXELS = 1 << 20


class DwtDctCrops(Detector):
    """See the module."""

    id = "dwt-dct-crops"
    evidence = Evidence.MATCHED
    needs = Need.PIXELS
    is_default = False

    def look(self, view: View) -> DetectorResult:
        """The largest statistic over all offsets, widths and phases, for the best mark."""
        if reason := dwt_dct.refusal(view):
            return DetectorResult.abstained(reason)
        rows = max(_MAX_PIXELS // view.pixels.shape[1], 64)
        rgb = view.pixels[:rows, :, :3]
        best = dict.fromkeys(marks(), -np.inf)
        for top in range(_OFFSETS):
            for left in range(_OFFSETS):
                soft = dwt_dct.soft_bits(rgb[top:, left:])
                for mark in marks():
                    best[mark] = max(best[mark], _best(soft, mark))
        mark = max(best, key=lambda mark: best[mark] / threshold(mark))
        reason = f"{mark.generator}, cropped: t = {best[mark]:.1f}, {threshold(mark):.1f} required"
        if best[mark] < threshold(mark):
            return DetectorResult.negative(f"nearest {reason}")
        claim, score = (Claim.SYNTHETIC, 1.0) if mark.decides else (Claim.SUSPECTED, 0.5)
        return DetectorResult.hit(Tier.C, reason, generator=mark.generator, claim=claim, score=score)


@cache
def threshold(mark: Mark) -> float:
    """The threshold of the statistic, corrected for all offsets, widths, phases, planes and messages tried."""
    tests = _OFFSETS**2 * len(dwt_dct.PLANES) * sum(len(_strides(m.length)) * m.length for m in marks())
    return t_quantile_above(_LEVEL / tests, mark.length - 2)


def _strides(length: int) -> tuple[int, ...]:
    """Blocks per row of the usual widths, modulo the message's length."""
    return tuple(sorted({width // 8 % length for width in _WIDTHS}))


def _best(soft: np.ndarray, mark: Mark) -> float:
    """The largest statistic over width and phase, for soft bits (planes, rows, columns)."""
    planes, rows, columns = soft.shape
    flat = soft.reshape(planes, -1)
    best = -np.inf
    for stride in _strides(mark.length):
        position = (np.arange(rows)[:, None] * stride + np.arange(columns)).ravel() % mark.length
        count = np.maximum(np.bincount(position, minlength=mark.length), 1)
        means = np.stack([np.bincount(position, plane, mark.length) for plane in flat]) / count
        c = dwt_dct.unit(means - means.mean(axis=1, keepdims=True)) @ _phases(mark)
        best = max(best, float(np.clip(c, -1, 1).max()))
    return best * float(np.sqrt((mark.length - 2) / max(1 - best**2, 1e-9)))


@cache
def _phases(mark: Mark) -> np.ndarray:
    """(length, length): the message's key, beginning at each of its bits."""
    return np.stack([np.roll(dwt_dct.key(mark), phase) for phase in range(mark.length)], axis=1)
