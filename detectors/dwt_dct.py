"""dwtDct watermarks in pixels: Stable Diffusion 1 and 2, SDXL and diffusers, FLUX's reference code.

Sees: the fixed messages that those programs embed with the invisible-watermark package's dwtDct method: a Haar
transform of the U channel, in each 4×4 block of its low-low band the largest coefficient, quantised in steps of 36 to
hold one bit; the message repeats along the blocks, row by row. Embedders differ in number format and channel order,
so four U planes are read: 8-bit or float, BGR or RGB taken as BGR.

The statistic. Each coefficient v gives a soft bit -sin(2πv/36): the centres of the two cells are its extremes, and it
tells more than a hard bit once JPEG has moved v. Soft bits are averaged over the blocks of each position of the
message (L positions), which leaves L numbers; c is their correlation with the message and t = c √((L-2)/(1-c²)). For
a random key t follows Student's law with L-2 degrees of freedom whatever the image holds, because the image's own
structure is in the numerator's noise and in the denominator alike: that is what makes one threshold valid at widths
where blocks and message stay in step and a plain z-score reaches 9 on clean photographs. Checked on real images with
random keys at every kind of width; docs/watermarks.md has the figures.

A hit that decides stands for at most 1e-8 an image, over all messages and planes: an extrapolation, stored with how it
was made in detectors/data/dwt_dct.json. SD 2's 32 bits are too few to decide alone: a hit there is a suspicion.
What is below the threshold still adds up over a dataset: see `DwtDct.dataset_test`.

Defeated by: resizing (a dataset resized to 256 pixels has none left), JPEG below quality 90, cropping (the detector
dwt-dct-crops searches for that), and any embedder that uses a message of its own. Tier C.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from auditor.images.view import View
from auditor.plugin import AggregateDetector, DetectorResult
from auditor.results import DatasetTest
from auditor.types import Claim, Evidence, Need, Tier

_DATA = Path(__file__).parent / "data" / "dwt_dct.json"
_STEP = 36.0  # quantisation step, in units of the low-low band
_BLOCK = 8  # pixels a side of a 4×4 block of the low-low band
_LEAST_PIXELS = 256 * 256  # the package refuses to embed in less
_MOST_PIXELS = 1 << 22  # rows beyond that are left out: the message has repeated hundreds of times by then
PLANES = ("8-bit BGR", "8-bit RGB", "float BGR", "float RGB")
_LEVEL = 0.025  # each of two one-sided bounds
_STRIKING = 1e-3  # the share of unmarked images whose nearest plane reaches a striking t
_SLACK = 2.0  # times that share: real images reach such t up to 1.4 times as often as Student's law says


@dataclass(frozen=True, slots=True)
class Mark:
    """A message, who embeds it, and the statistic from which a hit decides."""

    id: str
    generator: str
    message: str
    threshold: float
    decides: bool

    @property
    def length(self) -> int:
        """Bits of the message."""
        return len(self.message)


@dataclass(frozen=True, slots=True)
class _Closest:
    """A mark, the plane that comes closest to it, and how close that is."""

    mark: Mark
    plane: int
    t: float

    def __str__(self) -> str:
        return f"{self.mark.generator}: t = {self.t:.1f}, {self.mark.threshold:.1f} decides ({PLANES[self.plane]})"


class DwtDct(AggregateDetector):
    """See the module."""

    id = "dwt-dct"
    evidence = Evidence.MATCHED
    needs = Need.PIXELS

    def look(self, view: View) -> DetectorResult:
        """The mark that is furthest above its threshold, else what came closest."""
        if why := refusal(view):
            return DetectorResult.abstained(why)
        nearest = max((_closest(view, mark) for mark in marks()), key=lambda found: found.t / found.mark.threshold)
        if nearest.t < nearest.mark.threshold:
            return DetectorResult.negative(f"nearest {nearest}")
        decides = nearest.mark.decides
        claim, score = (Claim.SYNTHETIC, 1.0) if decides else (Claim.SUSPECTED, 0.5)
        return DetectorResult.hit(Tier.C, str(nearest), generator=nearest.mark.generator, claim=claim, score=score)

    def statistic(self, view: View) -> np.ndarray | None:
        """What adds up over images: the position means of every message length and plane, each scaled to length 1;
        then, for each mark, whether the image is striking.
        """
        if refusal(view):
            return None
        found = _positions(view)
        means = [unit(found[length]).ravel() for length in sorted(found)]
        return np.concatenate(
            [*means, [t_values(found[mark.length], mark).max() > exceedances(mark) for mark in marks()]]
        )

    def dataset_test(self, n: int, total: np.ndarray) -> tuple[DatasetTest, ...]:
        """For each mark, whether n undecided images lean towards it more than unmarked ones would, by two tests.

        Many weak marks: the summed position means' correlation with a random key follows the same law as an image's
        does, whatever the images have in common. A marked image that did not decide leans by less than the threshold's
        correlation (where a mark never decides, by 1 at most), so the mean lean, less its margin, divided by that
        correlation bounds the marked share from below.

        A few strong ones: of unmarked images one in a thousand is striking (twice that is allowed for), so the exact
        lower bound on the share of striking ones, less that, is a lower bound as well.

        The p-value is the smaller of the two, times the number of tests; the bound is the larger of the two.
        """
        return tuple(_population(mark, n, total) for mark in marks())

    def resources(self) -> tuple[str, ...]:
        """Messages and thresholds."""
        return (str(_DATA),)


@cache
def marks() -> tuple[Mark, ...]:
    """The known messages, from the data file."""
    return tuple(
        Mark(**{key: entry[key] for key in Mark.__slots__}) for entry in json.loads(_DATA.read_text())["marks"]
    )


# ---- pixels -> position means ---------------------------------------------------------------------------------------


def refusal(view: View) -> str | None:
    """Why this image can hold no mark, or none that is left."""
    header = view.header
    if header.width * header.height < _LEAST_PIXELS:
        return f"{header.width} × {header.height} pixels are too few to hold a mark"
    if header.mode in ("1", "L", "LA", "I", "F", "I;16", "I;16B"):
        return "greyscale: no colour to hold a mark"
    if header.mode in ("P", "PA"):
        return "a palette keeps no mark"
    if view.resized:
        return f"{view.resized}: no mark survives that"
    return None


def _closest(view: View, mark: Mark) -> _Closest:
    scores = t_values(_positions(view)[mark.length], mark)
    plane = int(scores.argmax())
    return _Closest(mark, plane, float(scores[plane]))


def _positions(view: View) -> Mapping[int, np.ndarray]:
    """Message length -> position means of the four planes; computed once an image."""
    found: Mapping[int, np.ndarray] = view.memoize("dwt-dct", lambda: positions(soft_bits(view.pixels[:, :, :3])))
    return found


def soft_bits(rgb: np.ndarray) -> np.ndarray:
    """One soft bit in [-1, 1] a block and plane: float32 (4, block rows, block columns) of uint8 (height, width, 3).

    The low-low band is a sum over 2×2 pixels, so the sums are taken first and turned into U after, a quarter of the
    work. Only the size of the largest coefficient matters, not its place: the offset of 128 in 8-bit U (256 in the
    band) makes all of them positive, float U (offset 0.5, so 1) is signed. 8-bit rounding is left out; it moves v by
    0.3 at most where cells are 18 wide. Constants: ITU-R BT.601 as OpenCV's COLOR_BGR2YUV has it.
    """
    width = rgb.shape[1] // _BLOCK * _BLOCK
    height = min(rgb.shape[0], max(_MOST_PIXELS // max(width, 1), _BLOCK)) // _BLOCK * _BLOCK
    lines = np.add(rgb[0:height:2, :width], rgb[1:height:2, :width], dtype=np.uint16)
    red, green, blue = np.moveaxis((lines[:, 0::2] + lines[:, 1::2]).astype(np.float32), 2, 0)
    planes = []
    for first, last in ((blue, red), (red, blue)):
        band = 0.246 * (first - 0.114 * first - 0.587 * green - 0.299 * last)  # 0.492 / 2
        tiles = band.reshape(height // _BLOCK, 4, width // _BLOCK, 4).transpose(1, 3, 0, 2)
        others = tiles.reshape(16, height // _BLOCK, width // _BLOCK)[1:]  # the first coefficient is never used
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


def t_values(found: np.ndarray, mark: Mark) -> np.ndarray:
    """Student's t of each plane's position means (planes, length) against a message; 0 for a flat image."""
    c = np.clip(unit(found) @ key(mark), -1, 1)
    t: np.ndarray = c * np.sqrt((mark.length - 2) / np.maximum(1 - c**2, 1e-9))
    return t


@cache
def key(mark: Mark) -> np.ndarray:
    """The message, less its mean, scaled to length 1."""
    return np.asarray(unit(np.array([[float(bit) for bit in mark.message]]) - mark.message.count("1") / mark.length)[0])


def unit(rows: np.ndarray) -> np.ndarray:
    """Each row scaled to length 1; rows of zeros stay so."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: np.ndarray = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-12)
    return scaled


@cache
def exceedances(mark: Mark) -> float:
    """The t that the nearest plane of one unmarked image in a thousand reaches."""
    from scipy import stats

    return float(stats.t.isf(_STRIKING / len(PLANES), mark.length - 2))


def _population(mark: Mark, n: int, total: np.ndarray) -> DatasetTest:
    t, weak, share_of_weak = _lean(mark, n, _part(total, mark.length))
    count = round(float(total[len(total) - len(marks()) + marks().index(mark)]))
    strong, share_of_strong = _excess(count, n)
    p_value = min(1.0, 2 * len(marks()) * min(weak, strong))
    return DatasetTest("dwt-dct", mark.generator, n, t, count, p_value, max(share_of_weak, share_of_strong))


def _lean(mark: Mark, n: int, found: np.ndarray) -> tuple[float, float, float]:
    """t of the summed position means, its p-value over the planes, and the lower bound on the marked share."""
    from scipy import stats

    t = t_values(found, mark)
    plane = int(t.argmax())
    p_value = min(1.0, len(PLANES) * float(stats.t.sf(t[plane], mark.length - 2)))
    lean = float(found[plane] @ key(mark)) / max(n, 1)
    noise = np.sqrt(max(float(found[plane] @ found[plane]) - (lean * n) ** 2, 0.0) / (mark.length - 2)) / max(n, 1)
    margin = float(stats.t.isf(_LEVEL / len(PLANES), mark.length - 2) * noise)  # the largest of the planes was taken
    at_threshold = float(mark.threshold / np.sqrt(mark.threshold**2 + mark.length - 2))
    most = at_threshold if mark.decides else 1.0
    return float(t[plane]), p_value, min(1.0, max(0.0, (lean - margin) / most))


def _excess(count: int, n: int) -> tuple[float, float]:
    """The p-value of so many striking images, and the lower bound on the marked share."""
    from scipy import stats

    expected = _SLACK * _STRIKING
    low = float(stats.beta.ppf(_LEVEL, count, n - count + 1)) if count else 0.0
    return float(stats.binom.sf(count - 1, n, expected)), max(0.0, low - expected)


def _part(total: np.ndarray, length: int) -> np.ndarray:
    """One message length's rows out of the summed statistics."""
    start = 0
    for known in sorted({mark.length for mark in marks()}):
        if known == length:
            break
        start += known * len(PLANES)
    return total[start : start + length * len(PLANES)].reshape(len(PLANES), length)
