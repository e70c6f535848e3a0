"""Adds near-duplicates, diversity and caption fit to an audit; nothing if no image has a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.engines.machine import usable_processors
from auditor.evidence_store import outputs
from auditor.evidence_store.store import Part
from auditor.results import Audit, CaptionGroup, Diversity, NearDuplicates
from auditor.similarity import kept
from auditor.similarity.diversity import MIN_IMAGES, compare_metrics, effective_dimension, trace_ratio
from auditor.similarity.embedding_set import GROUPS, OTHER, EmbeddingSet, groups
from auditor.similarity.kept import CLUSTERS, SimilarityResults
from auditor.similarity.near_duplicates import clusters, summarise
from auditor.similarity.neighbours import use_threads
from auditor.similarity.reference import POOL, Reference, TemporalReference


def add_similarity_results(
    audit: Audit, parts: Sequence[Part], out: Path, reference: Reference | TemporalReference | None = None
) -> Audit:
    """The audit with the results from its parts' vectors: those that were kept, if no part has changed. Results against
    a reference are always made again. Raises IndexFileError."""
    seed = audit.config.seed
    made_of = kept.digest(parts, seed)
    results = kept.load(out, made_of) if reference is None else None
    if results is None or (results.near_duplicates and not outputs.is_intact(out / CLUSTERS)):
        results = SimilarityResults(*similarity_results(parts, out, seed=seed, reference=reference), captions(parts))
        if reference is None and results.near_duplicates:
            kept.save(out, made_of, results)
    return replace(
        audit, near_duplicates=results.near_duplicates, diversity=results.diversity, caption_similarity=results.captions
    )


def similarity_results(
    parts: Sequence[Part], out: Path, *, seed: int, reference: Reference | TemporalReference | None = None
) -> tuple[NearDuplicates | None, Diversity | None]:
    """Near-duplicates among the images, and the diversity of the distinct ones; None if no image has a vector.

    Images with a copy are listed in out/duplicates.parquet, by cluster. Raises IndexFileError for a reference of
    another encoder.
    """
    embeddings = EmbeddingSet(parts)
    if reference and len(embeddings):
        reference.check(embeddings.fingerprint)
    if not len(embeddings):
        outputs.remove(out / CLUSTERS)
        return None, None
    use_threads(usable_processors())
    label, unsearched = clusters(embeddings)
    _write_clusters(embeddings, label, out / CLUSTERS)
    return summarise(embeddings, label, unsearched), _diversity(embeddings, label, seed, reference)


def _diversity(
    embeddings: EmbeddingSet, label: np.ndarray, seed: int, reference: Reference | TemporalReference | None
) -> Diversity:
    """The diversity of the distinct images, one per cluster."""
    distinct = np.unique(label)
    every = _sample(embeddings, distinct, seed)
    group = embeddings.group[distinct]
    suspect, other = (_sample(embeddings, distinct[mask], seed) for mask in (group != OTHER, group == OTHER))
    pairs = [("confirmed and flagged images vs. the others", other, suspect)]
    if isinstance(reference, Reference):
        pairs.insert(0, (f"all images vs. {reference.name}", reference.vectors(embeddings, seed), every))
    elif reference:
        before, since = (_sample(embeddings, numbers, seed) for numbers in reference.sides(embeddings, label))
        pairs.insert(0, (f"images since {reference.year} vs. those before", before, since))
    results = [compare_metrics(*pair, seed=seed) for pair in pairs]
    requested = pairs[:1] if reference else []
    return Diversity(
        fingerprint=embeddings.fingerprint,
        distinct=len(distinct),
        dimension=round(effective_dimension(every), 2) if len(every) >= MIN_IMAGES else None,
        comparisons=tuple(result for result in results if result),
        trace_ratio=trace_ratio(other, suspect, seed=seed) if min(len(other), len(suspect)) >= MIN_IMAGES else None,
        not_compared=tuple(_too_few(*pair) for pair, result in zip(requested, results, strict=False) if result is None),
    )


def _too_few(name: str, reference: np.ndarray, studied: np.ndarray) -> str:
    return (
        f"{name}: not compared, too few distinct images ({len(studied):,} of {MIN_IMAGES} and {len(reference):,} of "
        f"{2 * MIN_IMAGES} in the reference)"
    )


def _sample(embeddings: EmbeddingSet, numbers: np.ndarray, seed: int) -> np.ndarray:
    """Vectors of at most POOL of these images, drawn at random, in order."""
    drawn = np.random.default_rng(seed).permutation(len(numbers))[:POOL]
    return embeddings.vectors(numbers[np.sort(drawn)])


def captions(parts: Sequence[Part]) -> tuple[CaptionGroup, ...]:
    """How well captions fit their images, over all and by group; empty without a text encoder."""
    names, cosines = [np.zeros(0, np.uint8)], [np.zeros(0)]
    for part in parts:
        if part.vectors:
            table = pq.read_table(part.path, columns=["verdict", "caption_similarity"])
            table = table.filter(pc.is_finite(table["caption_similarity"]))
            names.append(groups(table["verdict"]))
            cosines.append(table["caption_similarity"].to_numpy().astype(float))
    group, cosine = np.concatenate(names), np.concatenate(cosines)
    fits = [_caption_group("all", cosine)]
    fits += [_caption_group(name, cosine[group == number]) for number, name in GROUPS.items()]
    return tuple(fit for fit in fits if fit)


def _caption_group(name: str, cosine: np.ndarray) -> CaptionGroup | None:
    if not len(cosine):
        return None
    quantiles = np.quantile(cosine, [0.05, 0.25, 0.5, 0.75, 0.95])
    return CaptionGroup(name, len(cosine), round(float(cosine.mean()), 4), tuple(round(float(q), 4) for q in quantiles))


def _write_clusters(embeddings: EmbeddingSet, label: np.ndarray, path: Path) -> None:
    """Writes key, image and cluster number of the images in clusters; the largest cluster first."""
    size = np.bincount(label, minlength=len(label))
    members = np.flatnonzero(size[label] > 1)
    heads = np.flatnonzero(size > 1)
    heads = heads[np.argsort(-size[heads], kind="stable")]
    number = np.zeros(len(label), np.int64)
    number[heads] = np.arange(len(heads)) + 1
    table = pa.table({"cluster": number[label[members]], **embeddings.columns(members, ["key", "image"])})
    outputs.write_table(path, table.sort_by([("cluster", "ascending"), ("image", "ascending")]))
