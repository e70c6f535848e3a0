"""Near-duplicates within a dataset: their clusters, the share of images in clusters, and the groups of these images.

A collapsing generator produces many variations of few images, so clusters with confirmed or flagged images come first.
Each image is compared with its nearest neighbours in the whitened embedding space, pairs are verified, and verified
pairs are joined to clusters. The cost grows about linearly with the number of images.

Two images are copies of each other if two independent measures agree: the cosine of their whitened embeddings
(embeddings/whitening.py) proposes a pair, and the correlation of their thumbnails (images/thumbnail_match.py) confirms
it. benchmarks/duplicates.py measures the recall for images that were cropped, resized, recompressed, mirrored,
brightened or overlaid with text, and the false positives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from auditor.evidence_store.store import SCRATCH
from auditor.images.thumbnail_match import NCC_MATCH, ncc_similarity, ncc_similarity_whole
from auditor.results import Cluster, DuplicateShare, NearDuplicates
from auditor.similarity.embedding_set import DECLARED, FLAGGED, GROUPS, EmbeddingSet
from auditor.similarity.neighbours import MAPPED, self_join

_NEAREST = 8
_MAX_CROP_SEARCHES = 20_000  # pairs, at a few milliseconds each
_MAX_ROUNDS = 4
_COSINE_ALONE = 0.95  # decides if there are no thumbnails
_MAX_CLUSTERS = 10  # reported
_MAX_EXAMPLES = 3  # images reported per cluster


def clusters(embeddings: EmbeddingSet) -> tuple[np.ndarray, int]:
    """int64 (n,), each image's cluster, named by its first image; and the number of pairs not searched for crops.

    An image whose nearest neighbours are all copies may belong to a larger cluster. One such image per cluster is
    compared again, until no more clusters are joined.
    """
    label = np.arange(len(embeddings))
    among, unsearched = label, 0
    with _scratch(embeddings) as scratch:
        whitened = embeddings.whitened(scratch)
        for _ in range(_MAX_ROUNDS):
            first, second, full, skipped = _verified_pairs(embeddings, whitened, among, scratch)
            joined, unsearched = _join(label, first, second), unsearched + skipped
            if not len(full) or np.array_equal(joined, label):
                return joined, unsearched
            label = joined
            among = np.unique(label[full])
    return label, unsearched


@contextmanager
def _scratch(embeddings: EmbeddingSet) -> Iterator[Path | None]:
    """A temporary folder beside the evidence for data that is too large for memory; None if none is."""
    if len(embeddings) <= MAPPED:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=embeddings.paths[0].parent) as folder:
        yield Path(folder)


def _verified_pairs(
    embeddings: EmbeddingSet, whitened: np.ndarray, among: np.ndarray, scratch: Path | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Pairs of copies among some images; images that may have more copies than were compared; the number of pairs not
    searched for crops."""
    vectors = whitened if len(among) == len(whitened) else whitened[among]
    blocks = list(
        self_join(vectors, _NEAREST, COSINE_CANDIDATE if embeddings.has_thumbnails else _COSINE_ALONE, scratch=scratch)
    )
    query = np.concatenate([block.query for block in blocks])
    neighbour = np.concatenate([block.found for block in blocks])
    cosine = np.concatenate([block.cosine for block in blocks])
    full = among[np.bincount(query, minlength=len(among)) >= _NEAREST]
    pair_id = np.minimum(query, neighbour) * len(among) + np.maximum(query, neighbour)
    _, once = np.unique(pair_id, return_index=True)
    first, second, cosine = among[query[once]], among[neighbour[once]], cosine[once]
    if not embeddings.has_thumbnails:
        return first, second, full, 0

    def fetch(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return embeddings.thumbnails(first[pairs]), embeddings.thumbnails(second[pairs])

    is_copy, skipped = copies(cosine, fetch, searches=_MAX_CROP_SEARCHES)
    return first[is_copy], second[is_copy], full, skipped


def _join(label: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The clusters after joining these pairs, each named by its first image."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(label)
    rows, columns = np.concatenate([np.arange(n), first]), np.concatenate([label, second])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    _, names = np.unique(component, return_index=True)
    clusters: np.ndarray = names[component]
    return clusters


# ---- summary of the clusters ---------------------------------------------------------------------------------------


def summarise(embeddings: EmbeddingSet, label: np.ndarray, unsearched: int) -> NearDuplicates:
    """Numbers on the clusters, and the largest ones; those with confirmed or flagged images first."""
    size = np.bincount(label, minlength=len(label))
    copied = size[label] > 1
    suspect = np.bincount(label, weights=embeddings.group != 0, minlength=len(label))
    heads = np.flatnonzero(size > 1)
    order = heads[np.lexsort((heads, -size[heads], -(suspect[heads] > 0).astype(int)))]
    return NearDuplicates(
        fingerprint=embeddings.fingerprint,
        n=len(embeddings),
        in_clusters=int(copied.sum()),
        share=float(copied.mean()) if len(embeddings) else 0.0,
        clusters=len(heads),
        is_verified=embeddings.has_thumbnails,
        unsearched=unsearched,
        largest=tuple(_cluster(embeddings, np.flatnonzero(label == head)) for head in order[:_MAX_CLUSTERS]),
        groups=tuple(_share(embeddings, label, group) for group in GROUPS if (embeddings.group == group).any()),
    )


def _cluster(embeddings: EmbeddingSet, members: np.ndarray) -> Cluster:
    group = embeddings.group[members]
    examples = embeddings.columns(members[:_MAX_EXAMPLES], ["image", "source"])
    return Cluster(
        size=len(members),
        declared=int((group == DECLARED).sum()),
        flagged=int((group == FLAGGED).sum()),
        source=examples["source"][0],
        images=tuple(examples["image"]),
    )


def _share(embeddings: EmbeddingSet, label: np.ndarray, group: int) -> DuplicateShare:
    """The images of a group that have a copy within the group."""
    size = np.bincount(label[embeddings.group == group])
    n = int(size.sum())
    return DuplicateShare(
        name=GROUPS[group],
        n=n,
        in_clusters=int(size[size > 1].sum()),
        share=float(size[size > 1].sum() / n),
        largest=int(size.max()),
    )


# Chosen on the pairs of benchmarks/duplicates.py: text on an image moves its vector far, and its thumbnail little.
COSINE_CANDIDATE = 0.40  # cosine from which whole thumbnails are compared
COMBINED_MATCH = 1.35  # least sum of cosine and correlation of whole thumbnails: one of them must be clear
COSINE_CROP = 0.75  # cosine from which one image is searched for within the other
_BLOCK = 8192  # pairs that are compared together


Fetch = Callable[["np.ndarray"], tuple["np.ndarray", "np.ndarray"]]


def copies(cosine: np.ndarray, fetch: Fetch, *, searches: int | None = None) -> tuple[np.ndarray, int]:
    """bool (n,), which of n pairs are copies; and the number of pairs not searched for crops.

    cosine: float (n,). fetch: returns the thumbnails of pairs by number, uint8 (m, SIZE) for either side. searches:
    largest number of pairs that are searched for crops (a few milliseconds each), highest cosine first; None for all.
    """
    is_copy = np.zeros(len(cosine), bool)
    near = np.flatnonzero(cosine >= COSINE_CANDIDATE)
    for start in range(0, len(near), _BLOCK):
        pairs = near[start : start + _BLOCK]
        similarity = ncc_similarity_whole(*fetch(pairs))
        is_copy[pairs] = (similarity >= NCC_MATCH) & (similarity + cosine[pairs] >= COMBINED_MATCH)
    doubtful = near[~is_copy[near] & (cosine[near] >= COSINE_CROP)]
    doubtful = doubtful[np.argsort(-cosine[doubtful], kind="stable")]
    searched = doubtful[:searches]
    for start in range(0, len(searched), _BLOCK):
        pairs = searched[start : start + _BLOCK]
        thumbnails = zip(*fetch(pairs), strict=True)
        is_copy[pairs] = [ncc_similarity(first, second) >= NCC_MATCH for first, second in thumbnails]
    return is_copy, len(doubtful) - len(searched)
