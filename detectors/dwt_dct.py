"""dwtDct watermarks in pixels: Stable Diffusion 1 and 2, SDXL and diffusers, FLUX's reference code.

Sees: the fixed messages that these programs embed with the dwtDct method of the invisible-watermark package. It takes
the Haar transform of the U channel. In each 4×4 block of the low-low band the largest coefficient is quantised in steps
of 36 to hold one bit. The message repeats along the blocks, row by row. Embedders differ in number format and channel
order, so four U planes are read: 8-bit or float, BGR or RGB taken as BGR.

The statistic. Each coefficient v gives a soft bit -sin(2πv/36). Its extremes are the centres of the two cells, and it
is more informative than a hard bit after JPEG has moved v. Soft bits are averaged over the blocks of each position of
the message (L positions), which gives L numbers; c is their correlation with the message and t = c √((L-2)/(1-c²)). For
a random key, t has Student's distribution with L-2 degrees of freedom for any image, because the image's structure adds
to the noise in the numerator and to the denominator alike. Therefore one threshold is valid also at widths where blocks
and message stay in step, at which a plain z-score reaches 9 on clean photographs. This was checked on real images with
random keys at all kinds of widths; docs/explanation/watermarks.md has the results.

A deciding hit has a false-positive rate of at most 1e-8 per image, over all messages and planes. This is an
extrapolation, described with the thresholds in detectors/data/dwt_dct.json. SD 2's 32 bits are too few: a hit is
reported as suspected. Statistics below the threshold are pooled over a dataset: see `DwtDct.dataset_test`.

Defeated by: resizing (nothing remains in a dataset resized to 256 pixels), JPEG below quality 90, cropping (the
detector dwt-dct-crops searches for that), and embedders with other messages. Tier C.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from auditor.estimate.distributions import beta_quantile, binomial_above, t_above, t_quantile_above
from auditor.images.view import View
from auditor.plugin import AggregateDetector, DetectorResult
from auditor.results import DatasetTest
from auditor.types import Claim, Evidence, Need, Tier

_DATA = Path(__file__).parent / "data" / "dwt_dct.json"
_STEP = 36.0  # quantisation step, in units of the low-low band
_BLOCK_PX = 8  # side of a 4×4 block of the low-low band
_MIN_PIXELS = 256 * 256  # the package does not embed in smaller images
_MAX_PIXELS = 1 << 22  # further rows are ignored: the message has repeated hundreds of times
PLANES = ("8-bit BGR", "8-bit RGB", "float BGR", "float RGB")
_LEVEL = 0.025  # of each of two one-sided bounds
EXCEEDANCE_RATE = 1e-3  # share of unmarked images whose best plane is above `Mark.exceeded`
_SLACK = 2.0  # factor on that rate: real images exceed it up to 1.4 times as often as by Student's distribution


@dataclass(frozen=True, slots=True)
class Mark:
    """A message, its embedder, and the threshold of the statistic. exceeded: the t that the best plane of one unmarked
    image in a thousand exceeds (stored, because importing the distribution takes a fifth of a second in each worker).
    decides: whether a hit is more than a suspicion."""

    id: str
    generator: str
    message: str
    threshold: float
    exceeded: float
    decides: bool

    @property
    def length(self) -> int:
        """The number of bits of the message."""
        return len(self.message)


@dataclass(frozen=True, slots=True)
class _Closest:
    """A mark, the plane with the largest statistic, and that statistic."""

    mark: Mark
    plane: int
    t: float

    def __str__(self) -> str:
        return f"{self.mark.generator}: t = {self.t:.1f}, {self.mark.threshold:.1f} required ({PLANES[self.plane]})"


class DwtDct(AggregateDetector):
    """See the module."""

    id = "dwt-dct"
    evidence = Evidence.MATCHED
    needs = Need.PIXELS

    def look(self, view: View) -> DetectorResult:
        """The mark with the largest statistic in relation to its threshold; a hit if it reaches the threshold."""
        if reason := refusal(view):
            return DetectorResult.abstained(reason)
        nearest = max(
            (_closest(view, mark) for mark in marks()), key=lambda closest: closest.t / closest.mark.threshold
        )
        if nearest.t < nearest.mark.threshold:
            return DetectorResult.negative(f"nearest {nearest}")
        decides = nearest.mark.decides
        claim, score = (Claim.SYNTHETIC, 1.0) if decides else (Claim.SUSPECTED, 0.5)
        return DetectorResult.hit(Tier.C, str(nearest), generator=nearest.mark.generator, claim=claim, score=score)

    def statistic(self, view: View) -> np.ndarray | None:
        """The statistics to sum over images: the position means of every message length and plane, each scaled to
        length 1; then, for each mark, whether the best plane is above `exceeded`.
        """
        if refusal(view):
            return None
        means = _positions(view)
        scaled = [unit(means[length]).ravel() for length in sorted(means)]
        exceeds = [t_values(means[mark.length], mark).max() > mark.exceeded for mark in marks()]
        return np.concatenate([*scaled, exceeds])

    def dataset_test(self, n: int, total: np.ndarray) -> tuple[DatasetTest, ...]:
        """For each mark, two tests of whether n undecided images contain it more than unmarked images would.

        Many weak marks: the correlation of the summed position means with a random key has the same distribution as
        for one image, whatever the images have in common. The correlation of a marked image that did not decide is
        below that of the threshold (at most 1 for a mark that never decides). So the mean correlation, less its margin,
        divided by that correlation is a lower bound on the share of marked images.

        A few strong marks: one in a thousand unmarked images is above `exceeded` (twice that is allowed for). So the
        exact (Clopper-Pearson) lower bound on the share of exceedances, less that, is a lower bound too.

        The p-value is the smaller one, times the number of tests; the bound is the larger one.
        """
        return tuple(_test_of(mark, n, total) for mark in marks())

    def resources(self) -> tuple[str, ...]:
        """The data file of messages and thresholds."""
        return (str(_DATA),)


@cache
def marks() -> tuple[Mark, ...]:
    """The known messages, from the data file."""
    return tuple(
        Mark(**{key: entry[key] for key in Mark.__slots__}) for entry in json.loads(_DATA.read_text())["marks"]
    )


# ---- pixels -> position means ---------------------------------------------------------------------------------------


def refusal(view: View) -> str | None:
    """Why the image cannot contain a readable mark; None if it can."""
    header = view.header
    if header.width * header.height < _MIN_PIXELS:
        return f"{header.width} × {header.height} pixels are too few for a watermark"
    if header.mode in ("1", "L", "LA", "I", "F", "I;16", "I;16B"):
        return "greyscale: no colour to carry a watermark"
    if header.mode in ("P", "PA"):
        return "palette images keep no watermark"
    if view.resized:
        return f"{view.resized}: no watermark survives that"
    return None


def _closest(view: View, mark: Mark) -> _Closest:
    scores = t_values(_positions(view)[mark.length], mark)
    plane = int(scores.argmax())
    return _Closest(mark, plane, float(scores[plane]))


def _positions(view: View) -> Mapping[int, np.ndarray]:
    """Message length -> position means of the four planes; computed once per image."""
    means: Mapping[int, np.ndarray] = view.memoize("dwt-dct", lambda: positions(soft_bits(view.pixels[:, :, :3])))
    return means


def soft_bits(rgb: np.ndarray) -> np.ndarray:
    """Soft bits in [-1, 1], float32 (4 planes, block rows, block columns), from uint8 (height, width, 3).

    The low-low band is a sum over 2×2 pixels, so pixels are summed before the conversion to U, which takes a quarter of
    the work. Only the magnitude of the largest coefficient matters, not its place. The offset of 128 in 8-bit U (256 in
    the band) makes all coefficients positive; float U (offset 0.5, or 1 in the band) is signed. 8-bit rounding is
    ignored: it moves v by at most 0.3, and cells are 18 wide. Constants: ITU-R BT.601, as in OpenCV's COLOR_BGR2YUV.
    """
    width = rgb.shape[1] // _BLOCK_PX * _BLOCK_PX
    height = min(rgb.shape[0], max(_MAX_PIXELS // max(width, 1), _BLOCK_PX)) // _BLOCK_PX * _BLOCK_PX
    lines = np.add(rgb[0:height:2, :width], rgb[1:height:2, :width], dtype=np.uint16).reshape(height // 2, width * 3)
    pairs = lines[:, :-3] + lines[:, 3:]  # every pixel and the next one; every other pair is wanted
    red, green, blue = (pairs[:, channel::6].astype(np.float32) for channel in range(3))
    planes = []
    for first, last in ((blue, red), (red, blue)):
        band = 0.246 * (first - 0.114 * first - 0.587 * green - 0.299 * last)  # 0.492 / 2
        tiles = band.reshape(height // _BLOCK_PX, 4, width // _BLOCK_PX, 4).transpose(1, 3, 0, 2)
        others = tiles.reshape(16, height // _BLOCK_PX, width // _BLOCK_PX)[1:]  # the first coefficient is never used
        highest, lowest = others.max(0), others.min(0)
        planes.append((highest + 256.0, np.maximum(highest + 1.0, -lowest - 1.0)))
    largest = np.stack([planes[0][0], planes[1][0], planes[0][1], planes[1][1]])
    soft: np.ndarray = -np.sin(largest * (2 * np.pi / _STEP))
    return soft


def positions(soft: np.ndarray) -> dict[int, np.ndarray]:
    """Message length -> (4, length): soft bits averaged over the blocks of each position, less their mean."""
    flat = soft.reshape(len(soft), -1)
    return {length: _averaged(flat, length) for length in {mark.length for mark in marks()}}


def _averaged(flat: np.ndarray, length: int) -> np.ndarray:
    count = flat.shape[1]
    whole, rest = divmod(count, length)
    sums = flat[:, : whole * length].reshape(len(flat), whole, length).sum(axis=1, dtype=np.float64)
    sums[:, :rest] += flat[:, whole * length :]
    means = sums / np.maximum(whole + (np.arange(length) < rest), 1)
    return np.asarray(means - means.mean(axis=1, keepdims=True))


# ---- position means -> t values -------------------------------------------------------------------------------------


def t_values(means: np.ndarray, mark: Mark) -> np.ndarray:
    """Student's t of each plane's position means (planes, length) against a message; 0 for a flat image."""
    c = np.clip(unit(means) @ key(mark), -1, 1)
    t: np.ndarray = c * np.sqrt((mark.length - 2) / np.maximum(1 - c**2, 1e-9))
    return t


@cache
def key(mark: Mark) -> np.ndarray:
    """The message, less its mean, scaled to length 1."""
    return np.asarray(unit(np.array([[float(bit) for bit in mark.message]]) - mark.message.count("1") / mark.length)[0])


def unit(rows: np.ndarray) -> np.ndarray:
    """Each row scaled to length 1; zero rows are unchanged."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-12)
    return scaled


def _test_of(mark: Mark, n: int, total: np.ndarray) -> DatasetTest:
    t, weak, share_of_weak = _pooled_test(mark, n, _part(total, mark.length))
    count = round(float(total[len(total) - len(marks()) + marks().index(mark)]))
    strong, share_of_strong = _exceedance_test(count, n)
    p_value = min(1.0, 2 * len(marks()) * min(weak, strong))
    return DatasetTest("dwt-dct", mark.generator, n, t, count, p_value, max(share_of_weak, share_of_strong))


def _pooled_test(mark: Mark, n: int, means: np.ndarray) -> tuple[float, float, float]:
    """t of the summed position means, its p-value over the planes, and the lower bound on the marked share."""
    t = t_values(means, mark)
    plane = int(t.argmax())
    p_value = min(1.0, len(PLANES) * t_above(float(t[plane]), mark.length - 2))
    correlation = float(means[plane] @ key(mark)) / max(n, 1)
    residual = max(float(means[plane] @ means[plane]) - (correlation * n) ** 2, 0.0)
    noise = np.sqrt(residual / (mark.length - 2)) / max(n, 1)
    margin = float(
        t_quantile_above(_LEVEL / len(PLANES), mark.length - 2) * noise
    )  # corrected for taking the best plane
    at_threshold = float(mark.threshold / np.sqrt(mark.threshold**2 + mark.length - 2))
    max_correlation = at_threshold if mark.decides else 1.0
    return float(t[plane]), p_value, min(1.0, max(0.0, (correlation - margin) / max_correlation))


def _exceedance_test(count: int, n: int) -> tuple[float, float]:
    """The p-value of this number of exceedances, and the lower bound on the share of marked images."""
    expected = _SLACK * EXCEEDANCE_RATE
    low = beta_quantile(_LEVEL, count, n - count + 1) if count else 0.0
    return float(binomial_above(count - 1, n, expected)), max(0.0, low - expected)


def _part(total: np.ndarray, length: int) -> np.ndarray:
    """The summed position means of one message length: (planes, length)."""
    start = 0
    for other in sorted({mark.length for mark in marks()}):
        if other == length:
            break
        start += other * len(PLANES)
    return total[start : start + length * len(PLANES)].reshape(len(PLANES), length)
