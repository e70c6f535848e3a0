"""What an audit says of how alike its images are; nothing where none has a vector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.evidence_store.store import Part
from auditor.results import Audit, CaptionGroup, Diversity, NearDuplicates
from auditor.similarity.diversity import LEAST, compare_metrics, effective_dimension, trace_ratio
from auditor.similarity.embedding_set import GROUPS, OTHER, EmbeddingSet, groups
from auditor.similarity.near_duplicates import clusters, summarise
from auditor.similarity.neighbours import use_threads
from auditor.similarity.reference import POOL, Reference, TemporalReference

if TYPE_CHECKING:
    import numpy as np

FILE = "duplicates.parquet"


def add_similarity_results(
    audit: Audit, parts: Sequence[Part], out: Path, reference: Reference | TemporalReference | None = None
) -> Audit:
    """The audit with what its parts' vectors say. Raises IndexFileError."""
    near_duplicates, diversity = similarity_results(parts, out, seed=audit.config.seed, reference=reference)
    return replace(audit, near_duplicates=near_duplicates, diversity=diversity, captions=captions(parts))


def similarity_results(
    parts: Sequence[Part], out: Path, *, seed: int, reference: Reference | TemporalReference | None = None
) -> tuple[NearDuplicates | None, Diversity | None]:
    """Near copies among the images, and how diverse the distinct ones are; None where no image has a vector.

    Images that have a copy are listed in out/duplicates.parquet, by cluster. Raises IndexFileError for a reference of
    another encoder.
    """
    corpus = EmbeddingSet(parts)
    if reference and len(corpus):
        reference.check(corpus.fingerprint)
    if not len(corpus):
        (out / FILE).unlink(missing_ok=True)
        return None, None
    use_threads(os.cpu_count() or 1)
    label, unsearched = clusters(corpus)
    _listed(corpus, label, out / FILE)
    return summarise(corpus, label, unsearched), _diversity(corpus, label, seed, reference)


def _diversity(
    corpus: EmbeddingSet, label: np.ndarray, seed: int, reference: Reference | TemporalReference | None
) -> Diversity:
    """Of one image a cluster."""
    import numpy as np

    distinct = np.unique(label)
    every = _some(corpus, distinct, seed)
    group = corpus.group[distinct]
    suspect, other = (_some(corpus, distinct[mask], seed) for mask in (group != OTHER, group == OTHER))
    pairs = [("declared and flagged images against the others", other, suspect)]
    if isinstance(reference, Reference):
        pairs.insert(0, (f"all images against {reference.name}", reference.vectors(corpus, seed), every))
    elif reference:
        before, since = (_some(corpus, numbers, seed) for numbers in reference.sides(corpus, label))
        pairs.insert(0, (f"images since {reference.year} against those before", before, since))
    found = [compare_metrics(*pair, seed=seed) for pair in pairs]
    asked = pairs[:1] if reference else []
    return Diversity(
        fingerprint=corpus.fingerprint,
        distinct=len(distinct),
        dimension=round(effective_dimension(every), 2) if len(every) >= LEAST else None,
        comparisons=tuple(one for one in found if one),
        trace_ratio=trace_ratio(other, suspect, seed=seed) if min(len(other), len(suspect)) >= LEAST else None,
        not_compared=tuple(_too_few(*pair) for pair, one in zip(asked, found, strict=False) if one is None),
    )


def _too_few(name: str, reference: np.ndarray, studied: np.ndarray) -> str:
    return (
        f"{name}: not compared, too few distinct images ({len(studied):,} of {LEAST} and {len(reference):,} of "
        f"{2 * LEAST} in the reference)"
    )


def _some(corpus: EmbeddingSet, numbers: np.ndarray, seed: int) -> np.ndarray:
    """Vectors of so many of these images, drawn at random, in order."""
    import numpy as np

    drawn = np.random.default_rng(seed).permutation(len(numbers))[:POOL]
    return corpus.vectors(numbers[np.sort(drawn)])


def captions(parts: Sequence[Part]) -> tuple[CaptionGroup, ...]:
    """How well captions fit, group by group and over all; empty where no encoder of texts was at hand."""
    import numpy as np
    import pyarrow.parquet as pq

    names, cosines = [np.zeros(0, np.uint8)], [np.zeros(0)]
    for part in parts:
        table = pq.read_table(part.path, columns=["verdict", "caption_similarity"])
        names.append(groups(table["verdict"]))
        cosines.append(table["caption_similarity"].to_numpy().astype(float))
    group, cosine = np.concatenate(names), np.concatenate(cosines)
    known = np.isfinite(cosine)
    found = [_fit("all", cosine[known])]
    found += [_fit(name, cosine[known & (group == number)]) for number, name in GROUPS.items()]
    return tuple(one for one in found if one)


def _fit(name: str, cosine: np.ndarray) -> CaptionGroup | None:
    import numpy as np

    if not len(cosine):
        return None
    quantiles = np.quantile(cosine, [0.05, 0.25, 0.5, 0.75, 0.95])
    return CaptionGroup(name, len(cosine), round(float(cosine.mean()), 4), tuple(round(float(q), 4) for q in quantiles))


def _listed(corpus: EmbeddingSet, label: np.ndarray, path: Path) -> None:
    """key, image and the number of the cluster, of images in clusters; the largest cluster first."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = np.bincount(label, minlength=len(label))
    members = np.flatnonzero(size[label] > 1)
    heads = np.flatnonzero(size > 1)
    heads = heads[np.argsort(-size[heads], kind="stable")]
    number = np.zeros(len(label), np.int64)
    number[heads] = np.arange(len(heads)) + 1
    table = pa.table({"cluster": number[label[members]], **corpus.columns(members, ["key", "image"])})
    temporary = path.with_name(f"{path.name}.tmp")
    pq.write_table(table.sort_by([("cluster", "ascending"), ("image", "ascending")]), temporary)
    os.replace(temporary, path)
