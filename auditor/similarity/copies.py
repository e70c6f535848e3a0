"""When two images count as copies of one picture: two measures that share nothing have to agree.

The embedding's cosine (in the space of embedding/space.py) says that they may be; their thumbnails
(images/likeness.py), laid over each other, say that they are. What this finds again of images that were cropped,
resized, recompressed, mirrored, brightened or written on, and how often it takes two pictures for one, is measured in
benchmarks/duplicates.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditor.images.likeness import ALIKE, likeness, whole_likeness

if TYPE_CHECKING:
    import numpy as np

NEAR = 0.65  # cosine from which whole thumbnails are compared
TOGETHER = 1.55  # cosine and likeness of whole thumbnails: where one barely agrees, the other has to be clear
CROPPED = 0.80  # cosine from which one is looked for inside the other
_BLOCK = 8192  # pairs that are compared together


Fetch = Callable[["np.ndarray"], tuple["np.ndarray", "np.ndarray"]]


def copies(cosine: np.ndarray, fetch: Fetch, *, searches: int | None = None) -> tuple[np.ndarray, int]:
    """bool (n,), which of n pairs are copies; and how many pairs were not searched for crops.

    cosine: float (n,). fetch: the thumbnails, uint8 (m, SIZE) of either side, of pairs by number. searches: at most so
    many pairs, the likeliest first, are looked at for crops, which takes milliseconds each; None for all.
    """
    import numpy as np

    found = np.zeros(len(cosine), bool)
    near = np.flatnonzero(cosine >= NEAR)
    for start in range(0, len(near), _BLOCK):
        pairs = near[start : start + _BLOCK]
        alike = whole_likeness(*fetch(pairs))
        found[pairs] = (alike >= ALIKE) & (alike + cosine[pairs] >= TOGETHER)
    doubtful = near[~found[near] & (cosine[near] >= CROPPED)]
    doubtful = doubtful[np.argsort(-cosine[doubtful], kind="stable")]
    searched = doubtful[:searches]
    for start in range(0, len(searched), _BLOCK):
        pairs = searched[start : start + _BLOCK]
        found[pairs] = [likeness(one, other) >= ALIKE for one, other in zip(*fetch(pairs), strict=True)]
    return found, len(doubtful) - len(searched)
