"""Near copies inside a dataset: clusters of them, what share of the images they are, and whose they are.

A thousand variations of one picture are what a dying loop looks like, so clusters among declared and flagged images
come first. Each image is compared with its nearest in the embedding's space, pairs are verified (copies.py), and pairs
are joined to clusters; what costs grows with the images, never with their square.

When two images count as copies of one picture: two measures that share nothing have to agree.

The embedding's cosine (in the space of embedding/space.py) says that they may be; their thumbnails
(images/thumbnail_match.py), laid over each other, say that they are. What this finds again of images that were cropped,
resized, recompressed, mirrored, brightened or written on, and how often it takes two pictures for one, is measured in
benchmarks/duplicates.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.evidence_store.store import SCRATCH
from auditor.images.thumbnail_match import NCC_MATCH, ncc_similarity, ncc_similarity_whole
from auditor.results import Cluster, DuplicateShare, NearDuplicates
from auditor.similarity.embedding_set import DECLARED, FLAGGED, GROUPS, EmbeddingSet
from auditor.similarity.neighbours import MAPPED, self_join

if TYPE_CHECKING:
    import numpy as np

_NEAREST = 8
_SEARCHES = 20_000  # pairs that are searched for crops, at a few milliseconds each
_ROUNDS = 4
_ALONE = 0.95  # cosine that decides where there are no thumbnails
_LARGEST = 10
_EXAMPLES = 3


def clusters(corpus: EmbeddingSet) -> tuple[np.ndarray, int]:
    """int64 (n,), each image's cluster, named by its first image; and how many pairs were not searched for crops.

    Images with as many copies as were looked at may belong to a larger cluster: they are compared again, one a
    cluster, until nothing joins any more.
    """
    import numpy as np

    label = np.arange(len(corpus))
    among, unsearched = label, 0
    with _scratch(corpus) as scratch:
        compact = corpus.whitened(scratch)
        for _ in range(_ROUNDS):
            first, second, full, left = _verified(corpus, compact, among, scratch)
            joined, unsearched = _joined(label, first, second), unsearched + left
            if not len(full) or np.array_equal(joined, label):
                return joined, unsearched
            label = joined
            among = np.unique(label[full])
    return label, unsearched


@contextmanager
def _scratch(corpus: EmbeddingSet) -> Iterator[Path | None]:
    """A folder beside the evidence for what is too much for memory, gone afterwards; None where nothing is."""
    if len(corpus) <= MAPPED:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=corpus.paths[0].parent) as folder:
        yield Path(folder)


def _verified(
    corpus: EmbeddingSet, compact: np.ndarray, among: np.ndarray, scratch: Path | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Pairs of copies among some images; those of them that may have more than were looked at; pairs not searched."""
    import numpy as np

    mine = compact if len(among) == len(compact) else compact[among]
    blocks = list(self_join(mine, _NEAREST, COSINE_CANDIDATE if corpus.has_thumbnails else _ALONE, scratch=scratch))
    query, found, cosine = (np.concatenate([getattr(b, of) for b in blocks]) for of in ("query", "found", "cosine"))
    full = among[np.bincount(query, minlength=len(among)) >= _NEAREST]
    _, once = np.unique(np.minimum(query, found) * len(among) + np.maximum(query, found), return_index=True)
    one, other, cosine = among[query[once]], among[found[once]], cosine[once]
    if not corpus.has_thumbnails:
        return one, other, full, 0

    def fetch(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return corpus.thumbnails(one[pairs]), corpus.thumbnails(other[pairs])

    are, left = copies(cosine, fetch, searches=_SEARCHES)
    return one[are], other[are], full, left


def _joined(label: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Clusters after these pairs were joined, each named by its first image."""
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(label)
    rows, columns = np.concatenate([np.arange(n), first]), np.concatenate([label, second])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, names = np.unique(component, return_index=True)
    found: np.ndarray = names[component]
    return found


# ---- what is told of them -------------------------------------------------------------------------------------------


def summarise(corpus: EmbeddingSet, label: np.ndarray, unsearched: int) -> NearDuplicates:
    """The clusters as numbers; the largest ones with those of declared or flagged images first."""
    import numpy as np

    size = np.bincount(label, minlength=len(label))
    copied = size[label] > 1
    suspect = np.bincount(label, weights=corpus.group != 0, minlength=len(label))
    heads = np.flatnonzero(size > 1)
    order = heads[np.lexsort((heads, -size[heads], -(suspect[heads] > 0).astype(int)))]
    return NearDuplicates(
        fingerprint=corpus.fingerprint,
        n=len(corpus),
        in_clusters=int(copied.sum()),
        share=float(copied.mean()) if len(corpus) else 0.0,
        clusters=len(heads),
        is_verified=corpus.has_thumbnails,
        unsearched=unsearched,
        largest=tuple(_cluster(corpus, np.flatnonzero(label == head)) for head in order[:_LARGEST]),
        groups=tuple(_share(corpus, label, group) for group in GROUPS if (corpus.group == group).any()),
    )


def _cluster(corpus: EmbeddingSet, members: np.ndarray) -> Cluster:
    group = corpus.group[members]
    shown = corpus.columns(members[:_EXAMPLES], ["image", "source"])
    return Cluster(
        size=len(members),
        declared=int((group == DECLARED).sum()),
        flagged=int((group == FLAGGED).sum()),
        source=shown["source"][0],
        images=tuple(shown["image"]),
    )


def _share(corpus: EmbeddingSet, label: np.ndarray, group: int) -> DuplicateShare:
    """Of a group alone: which of its images have a copy in it."""
    import numpy as np

    size = np.bincount(label[corpus.group == group])
    n = int(size.sum())
    return DuplicateShare(
        name=GROUPS[group],
        n=n,
        in_clusters=int(size[size > 1].sum()),
        share=float(size[size > 1].sum() / n),
        largest=int(size.max()),
    )


COSINE_CANDIDATE = 0.65  # cosine from which whole thumbnails are compared
COMBINED_MATCH = 1.55  # cosine and likeness of whole thumbnails: where one barely agrees, the other has to be clear
COSINE_CROP = 0.80  # cosine from which one is looked for inside the other
_BLOCK = 8192  # pairs that are compared together


Fetch = Callable[["np.ndarray"], tuple["np.ndarray", "np.ndarray"]]


def copies(cosine: np.ndarray, fetch: Fetch, *, searches: int | None = None) -> tuple[np.ndarray, int]:
    """bool (n,), which of n pairs are copies; and how many pairs were not searched for crops.

    cosine: float (n,). fetch: the thumbnails, uint8 (m, SIZE) of either side, of pairs by number. searches: at most so
    many pairs, the likeliest first, are looked at for crops, which takes milliseconds each; None for all.
    """
    import numpy as np

    found = np.zeros(len(cosine), bool)
    near = np.flatnonzero(cosine >= COSINE_CANDIDATE)
    for start in range(0, len(near), _BLOCK):
        pairs = near[start : start + _BLOCK]
        alike = ncc_similarity_whole(*fetch(pairs))
        found[pairs] = (alike >= NCC_MATCH) & (alike + cosine[pairs] >= COMBINED_MATCH)
    doubtful = near[~found[near] & (cosine[near] >= COSINE_CROP)]
    doubtful = doubtful[np.argsort(-cosine[doubtful], kind="stable")]
    searched = doubtful[:searches]
    for start in range(0, len(searched), _BLOCK):
        pairs = searched[start : start + _BLOCK]
        found[pairs] = [ncc_similarity(one, other) >= NCC_MATCH for one, other in zip(*fetch(pairs), strict=True)]
    return found, len(doubtful) - len(searched)
