"""Images left out, and why; and what is cut off those that stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.listing import File

# Found on contact sheets: (source, pattern in the file's name, why).
PATTERNS = (
    ("freedroidrpg-data", r"iso_", "sprite sheet"),
    ("0ad-data", r"random__", "height map"),
    ("0ad-data", r"icons__window", "gradient of an interface"),
    (
        "colobot_game",
        r"_(button|effect|interface|mouse|mother|human|lemt|apollo|kid|factory|convert|search|derrick|roller|subm|face|"
        r"mix|vegetal|ant|plant|generico|base|dirty|green)\d*",
        "texture atlas",
    ),
    ("warzone2100-data", r"page-\d+|tile", "texture atlas"),
    ("freeorion-data", r"_clouds|noise", "texture"),
)
# The picture inside a printed frame, as fractions (left, top, right, bottom).
FRAMED = {"krkwd_tensorithm-tarot": (0.13, 0.09, 0.87, 0.82)}
SMALLEST = 200


def dropped_pattern(file: File) -> str:
    """Not a picture, or too small, or too long and thin, to be looked at the way a dataset's images are."""
    name = file.path.rpartition("/")[2]
    for source, pattern, why in PATTERNS:
        if file.source == source and re.search(pattern, name):
            return f"not a picture: {why}"
    if min(file.width, file.height) < SMALLEST:
        return f"shorter side below {SMALLEST} px"
    if max(file.width, file.height) > 5 * min(file.width, file.height):
        return "longer than five times its width"
    return ""
