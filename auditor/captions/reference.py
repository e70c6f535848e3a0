"""A second lower bound, for users with captions that they know people wrote, of the same kind as the dataset's.

Half supervised (Blanchard, Lee & Scott, "Semi-Supervised Novelty Detection", JMLR 11, 2010): a classifier learns what
the dataset has more of than the reference, and is tried on captions that it has not seen. If it flags the share q of
the dataset and the share f of the reference, at least (q - f) / (1 - f) of the dataset is unlike the reference; q and f
are replaced by the ends of exact intervals. The classifier is naive Bayes on hashed words and pairs of words. It takes
the captions that look least like the reference as examples, and learns again.

It is only valid if captions by people in the dataset are like those of the reference. Another subject or writer makes
it wrong, and nothing can notice that.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auditor.caption_results import HumanReference
from auditor.captions import diversity
from auditor.errors import ConfigError, DatasetError
from auditor.estimate.intervals import clopper_pearson
from auditor.readers import cells, columns
from auditor.readers.columns import as_text
from auditor.storage import tables
from auditor.storage.tables import BadRow

if TYPE_CHECKING:
    from scipy import sparse

MIN_CAPTIONS = 200
MAX_CAPTIONS = 4000  # of the reference, and of the dataset
_BUCKETS = 1 << 13
_MAX_WORDS = 60
_FOLDS = 5
_ROUNDS = 3
_EXAMPLES = 0.15  # of the dataset's captions that are taken as examples in each round
_PRIOR = 0.5  # pseudo-count
_CUTS = (1.5, 2.5)  # flagged from here: standard deviations above the mean of the reference
_ALPHA = 0.05 / (2 * len(_CUTS))  # of each one-sided interval: two at each cut


def read(path: str, caption_col: str | None) -> tuple[str, ...]:
    """The captions of a file: lines of a text, or a column of a table. Raises ConfigError, which says what to do."""
    try:
        found = _lines(Path(path)) if path.casefold().endswith(".txt") else _cells(path, caption_col)
    except OSError as error:
        raise ConfigError(f"`human_captions`: {path}: {error.strerror or error}") from error
    except DatasetError as error:
        raise ConfigError(f"`human_captions`: {error}") from error
    if len(found) < MIN_CAPTIONS:
        raise ConfigError(f"`human_captions`: {path} has {len(found):,} captions; give at least {MIN_CAPTIONS}")
    return tuple(found)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]


def _cells(path: str, caption_col: str | None) -> list[str]:
    table = tables.at(str(Path(path).absolute()))
    name = columns.caption_of(table, caption_col)
    if name is None:
        raise ConfigError(
            f"`human_captions`: {path} has no column of captions; there are: {', '.join(tables.columns(table)[:20])} "
            "(`caption_col` names one)"
        )
    rows = (row for chunk in tables.chunks(table, MAX_CAPTIONS) for row in tables.rows(table, chunk, (name,)))
    texts = (None if isinstance(row, BadRow) else as_text(cells.caption(row.get(name))) for row in rows)
    return [text for text in texts if text]


def compare(reference: Sequence[str], captions: Sequence[str], *, name: str, seed: int) -> HumanReference | None:
    """The bound for the dataset's captions; None with fewer than MIN_CAPTIONS of them."""
    if len(captions) < MIN_CAPTIONS:
        return None
    rng = np.random.default_rng(seed)
    known = [reference[number] for number in rng.permutation(len(reference))[:MAX_CAPTIONS]]
    studied = [captions[number] for number in rng.permutation(len(captions))[:MAX_CAPTIONS]]
    scores = _scores(_features(known), _features(studied))
    best = max((_bound(*scores, cut) for cut in _CUTS), key=lambda bound: bound[2])
    return HumanReference(name, len(known), len(studied), best[0], best[1], best[2])


def _bound(known: np.ndarray, studied: np.ndarray, cut: float) -> tuple[int, int, float]:
    """The flagged captions of the reference and of the dataset, and the bound."""
    false, flagged = int((known > cut).sum()), int((studied > cut).sum())
    confidence = 1 - 2 * _ALPHA
    _, high = clopper_pearson(false, len(known), confidence)
    low, _ = clopper_pearson(flagged, len(studied), confidence)
    return false, flagged, max(0.0, (low - high) / (1 - high)) if high < 1 else 0.0


def _features(texts: Sequence[str]) -> sparse.csr_matrix:
    """Which hashed words and pairs of words each caption has, over the root of their number: (texts, _BUCKETS)."""
    import pandas as pd
    from scipy import sparse

    grams = [_grams(text) for text in texts]
    flat = np.array([gram for each in grams for gram in each], dtype=object)
    buckets = (pd.util.hash_array(flat) % _BUCKETS).astype(np.int64) if len(flat) else np.zeros(0, np.int64)
    rows = np.repeat(np.arange(len(texts)), [len(each) for each in grams])
    has = sparse.csr_matrix((np.ones(len(flat)), (rows, buckets)), shape=(len(texts), _BUCKETS))
    has.data[:] = 1
    return sparse.diags(1 / np.sqrt(np.maximum(1, has.getnnz(axis=1)))) @ has


def _grams(text: str) -> list[str]:
    found = diversity.words(diversity.normalised(text))[:_MAX_WORDS]
    return [*found, *(f"{first} {second}" for first, second in pairwise(["^", *found]))]


def _scores(known: sparse.csr_matrix, studied: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Each caption's score by a classifier that has not seen it, in standard deviations from the reference's mean. Rows
    are in random order."""
    scores = np.zeros(known.shape[0]), np.zeros(studied.shape[0])
    folds = np.arange(known.shape[0]) % _FOLDS, np.arange(studied.shape[0]) % _FOLDS
    for fold in range(_FOLDS):
        seen = known[folds[0] != fold]
        weights = _learned(seen, studied[folds[1] != fold])
        of_seen = seen @ weights
        scale = of_seen.std() or 1.0
        for side, rows in enumerate((known, studied)):
            own = folds[side] == fold
            scores[side][own] = (rows[own] @ weights - of_seen.mean()) / scale
    return scores


def _learned(known: sparse.csr_matrix, studied: sparse.csr_matrix) -> np.ndarray:
    """The log-odds of each bucket, (_BUCKETS,)."""
    weights = _log_odds(known, studied)
    for _ in range(_ROUNDS):
        scores = studied @ weights
        examples = scores > np.quantile(scores, 1 - _EXAMPLES)
        if not examples.any():
            break
        weights = _log_odds(known, studied[examples], studied[~examples])
    return weights


def _log_odds(known: sparse.csr_matrix, examples: sparse.csr_matrix, *others: sparse.csr_matrix) -> np.ndarray:
    from scipy import sparse

    negatives = sparse.vstack([known, *others])
    shares = [
        (np.asarray((rows > 0).sum(axis=0)).ravel() + _PRIOR) / (rows.shape[0] + 2 * _PRIOR)
        for rows in (examples, negatives)
    ]
    log_odds: np.ndarray = np.log(shares[0] / shares[1])
    return log_odds
