"""DALL·E 2's colour bar: five squares in the lower right corner of every image that it made.

Sees: yellow, turquoise, green, orange and blue squares with sides of 16 pixels at a width of 1024, smaller in
proportion; also inside the borders that img2dataset adds for letter-boxing. The centre of each square is averaged, and
the largest difference of any channel from the palette decides. Measured: 0 on originals, at most 3 after resizing to
256 pixels and JPEG 95, 23 at JPEG 75, and 106 or more on clean images. The threshold is 40.
docs/explanation/watermarks.md has the counts over real images.

Defeated by: cropping, which was often done on purpose; widths below 200 pixels. Tier C (nothing else draws it).
"""

from __future__ import annotations

import numpy as np

from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Evidence, Need, Tier

_PALETTE = ((255, 255, 102), (66, 255, 255), (81, 218, 76), (255, 110, 60), (60, 70, 255))
_MAX_DIFFERENCE = 40.0  # levels, of any channel
_SQUARE = 16 / 1024  # of the width
_MIN_SIDE_PX = 200
_BORDER_LEVELS = 12  # by which the pixels of a border may vary
_BLOCK_LINES = 16  # rows or columns that are looked at together


class Dalle2Bar(Detector):
    """See the module."""

    id = "dalle2-bar"
    evidence = Evidence.MATCHED
    needs = Need.PIXELS

    def look(self, view: View) -> DetectorResult:
        """Compares the corner of the image, and that of its content without borders."""
        if view.header.width < _MIN_SIDE_PX or view.header.height < _MIN_SIDE_PX:
            return DetectorResult.abstained(
                f"{view.header.width} × {view.header.height} pixels are too few to see the bar"
            )
        if view.pixels.shape[2] < 3:
            return DetectorResult.abstained("greyscale: the bar is recognised by its colours")
        rgb = view.pixels[:, :, :3]
        error = min(difference(rgb, rgb.shape[1]), difference(*_content(rgb)))
        if error <= _MAX_DIFFERENCE:
            return DetectorResult.hit(
                Tier.C, f"DALL·E 2's colour bar (colours differ by at most {error:.0f} of 255)", generator="DALL·E 2"
            )
        return DetectorResult.negative()


def difference(rgb: np.ndarray, width: int) -> float:
    """The largest difference of a channel between the five squares' centres and the palette, 0 to 255.

    The squares are expected in the lower right corner, at their size in an image of `width` pixels.
    """
    side = width * _SQUARE
    if width < _MIN_SIDE_PX or rgb.shape[0] < side or rgb.shape[1] < len(_PALETTE) * side:
        return 255.0
    top, bottom = _inner(rgb.shape[0] - side, side)
    centres = []
    for number in range(len(_PALETTE)):
        left, right = _inner(rgb.shape[1] - (len(_PALETTE) - number) * side, side)
        centres.append(rgb[top:bottom, left:right].reshape(-1, 3).mean(axis=0))
    return float(np.abs(np.array(centres) - np.array(_PALETTE)).max())


def _inner(start: float, side: float) -> tuple[int, int]:
    """The pixel range of the middle half of a square that begins at `start`: at least one pixel."""
    middle = start + side / 2
    first = int(middle - side / 4)
    return first, max(first + 1, int(middle + side / 4))


def _content(rgb: np.ndarray) -> tuple[np.ndarray, int]:
    """The image up to the lower and right edge of its content, and the content's width.

    Borders have one colour and equal widths on both sides. A plain background may merge with them at the left and top,
    but not at the right and bottom, where the bar is.
    """
    bottom, right = _end_of_content(rgb), _end_of_content(rgb.transpose(1, 0, 2))
    if not bottom or not right:
        return rgb, 0
    return rgb[:bottom, :right], 2 * right - rgb.shape[1]


def _end_of_content(lines: np.ndarray) -> int:
    """The number of lines up to the last one that is no border; 0 if all are. lines: uint8 (lines, pixels, channels).

    Most images end with content, so lines are read inward from the end, in blocks.
    """
    for stop in range(len(lines), 0, -_BLOCK_LINES):
        start = max(0, stop - _BLOCK_LINES)
        block = np.ascontiguousarray(lines[start:stop].transpose(0, 2, 1))  # pixels last, which is faster
        varied = np.flatnonzero(np.ptp(block, axis=2).max(axis=1) > _BORDER_LEVELS)
        if len(varied):
            return start + int(varied[-1]) + 1
    return 0
