"""DALL·E 2's colour bar: five squares at the lower right corner of everything it made.

Sees: yellow, turquoise, green, orange and blue, each 16 pixels a side at a width of 1024, smaller in proportion; also
inside the borders that img2dataset adds when it letter-boxes. The centre of each square is averaged, and the largest
difference of any channel from the palette decides: measured on originals 0, after 256 pixels and JPEG 95 at most 3, at
JPEG 75 23, against 106 and more on clean images; 40 is the limit. docs/watermarks.md has the count over real images.

Defeated by: cropping, which many did on purpose; widths below 200 pixels. Tier C (nothing else draws it).
"""

from __future__ import annotations

import numpy as np

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Evidence, Need, Tier

_PALETTE = ((255, 255, 102), (66, 255, 255), (81, 218, 76), (255, 110, 60), (60, 70, 255))
_LIMIT = 40.0  # largest difference of a channel
_SQUARE = 16 / 1024  # of the width
_LEAST_WIDTH = 200
_FLAT = 12  # levels by which a border may vary


class Dalle2Bar(Detector):
    """See the module."""

    id = "dalle2-bar"
    evidence = Evidence.MATCHED
    needs = Need.PIXELS

    def look(self, view: View) -> DetectorResult:
        """At the image's corner, then at its content's."""
        if view.header.width < _LEAST_WIDTH or view.header.height < _LEAST_WIDTH:
            return DetectorResult.abstained(
                f"{view.header.width} × {view.header.height} pixels are too few to see the bar"
            )
        if view.pixels.shape[2] < 3:
            return DetectorResult.abstained("greyscale: the bar is told by its colours")
        rgb = view.pixels[:, :, :3]
        error = min(difference(rgb, rgb.shape[1]), difference(*_content(rgb)))
        if error <= _LIMIT:
            return DetectorResult.hit(Tier.C, f"the colour bar, {error:.0f} levels off at most", generator="DALL·E 2")
        return DetectorResult.negative()


def difference(rgb: np.ndarray, width: int) -> float:
    """The largest difference of a channel between the five squares' centres and the palette, 0 to 255.

    The squares are looked for in the lower right corner, at the size they have in an image `width` pixels wide.
    """
    side = width * _SQUARE
    if width < _LEAST_WIDTH or rgb.shape[0] < side or rgb.shape[1] < len(_PALETTE) * side:
        return 255.0
    top, bottom = _inner(rgb.shape[0] - side, side)
    centres = []
    for number in range(len(_PALETTE)):
        left, right = _inner(rgb.shape[1] - (len(_PALETTE) - number) * side, side)
        centres.append(rgb[top:bottom, left:right].reshape(-1, 3).mean(axis=0))
    return float(np.abs(np.array(centres) - np.array(_PALETTE)).max())


def _inner(start: float, side: float) -> tuple[int, int]:
    """The pixels of the middle half of a square that begins at `start`: at least one."""
    middle = start + side / 2
    first = int(middle - side / 4)
    return first, max(first + 1, int(middle + side / 4))


def _content(rgb: np.ndarray) -> tuple[np.ndarray, int]:
    """The image up to the lower and right edge of its content, and the content's width.

    Borders are of one colour and equally wide on both sides. A plain background may run into them at the left and top,
    not at the right and bottom: the bar stands there.
    """
    rows = np.flatnonzero(np.ptp(rgb, axis=1).max(axis=1) > _FLAT)
    columns = np.flatnonzero(np.ptp(rgb, axis=0).max(axis=1) > _FLAT)
    if not len(rows) or not len(columns):
        return rgb, 0
    right = int(columns[-1]) + 1
    return rgb[: rows[-1] + 1, :right], 2 * right - rgb.shape[1]
