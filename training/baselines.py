"""What files give away without a look at the picture: the score that any AUROC has to be held against.

Trees on size, shape and weight of a condition's file, and on the original's size alone, each group scored by trees that
saw none of it (five folds of groups: trees have no closed form).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold

from training.data import FRAMED, Picture
from training.degrade import CONDITIONS, base, opened, seeded

FOLDS = 5
Floats = NDArray[np.float64]


def measured(pictures: Sequence[Picture], conditions: Sequence[str], *, workers: int) -> dict[str, Floats]:
    """By condition: width, height, longer side, shape, bytes, bytes a pixel of each picture's file; and `original`."""
    with get_context("spawn").Pool(workers) as pool:
        found = pool.map(_measure, [(picture, tuple(conditions)) for picture in pictures], chunksize=32)
    every = {name: np.array([one[name] for one in found]) for name in conditions}
    return every | {"original": np.array([_facts(one.width, one.height) for one in pictures])}


def scores(features: Floats, synthetic: NDArray[np.bool_], groups: Sequence[str], weight: Floats) -> Floats:
    """Each picture's chance of being synthetic, by trees that saw nothing of its group."""
    found = np.zeros(len(features))
    for seen, held in GroupKFold(FOLDS).split(features, synthetic, groups):
        trees = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=15, random_state=0)
        trees.fit(features[seen], synthetic[seen], sample_weight=weight[seen])
        found[held] = trees.predict_proba(features[held])[:, 1]
    return found


def _measure(job: tuple[Picture, tuple[str, ...]]) -> dict[str, tuple[float, ...]]:
    picture, conditions = job
    plain = base(opened(picture.path, picture.name, FRAMED.get(picture.source)), picture.name)
    found = {}
    for name in conditions:
        data = CONDITIONS[name](plain, seeded(picture.name, 3))
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
        found[name] = (*_facts(width, height), len(data), len(data) / (width * height))
    return found


def _facts(width: int, height: int) -> tuple[float, ...]:
    return width, height, max(width, height), min(width, height), width / height
