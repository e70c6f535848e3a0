"""Diversity metrics on artificial contaminations of real embeddings, and their false-alarm rate on clean ones.

    python benchmarks/panel.py FOLDER... [--images 4000] [--share 0.2]

Embeds images of the folders with the embedded model, splits them at random into a reference and a dataset, and replaces
a share of the dataset in three ways: contraction (vectors move towards the nearest of 30 means, as if a sampler traded
diversity for quality), mode skew (copies of a tenth of the vectors, with small noise), and artefact shift (the same
vector is added to each). Cells: z-scores relative to the null distribution, bold outside its 99 % band.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from duplicates import all_seen, images_in

from auditor.results import MetricComparison
from auditor.similarity.diversity import compare_metrics

_MEANS, _SPLITS = 30, 5


def unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def nearest_mean(vectors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each vector's of a few means, after ten rounds of k-means."""
    means = vectors[rng.permutation(len(vectors))[:_MEANS]]
    for _ in range(10):
        own = (vectors @ means.T).argmax(1)
        means = unit(np.stack([vectors[own == k].mean(0) if (own == k).any() else means[k] for k in range(_MEANS)]))
    found: np.ndarray = means[(vectors @ means.T).argmax(1)]
    return found


def contaminated(clean: np.ndarray, kind: str, share: float, rng: np.random.Generator) -> np.ndarray:
    count = int(share * len(clean))
    part, spread = clean[:count], clean.std(0)
    means = nearest_mean(clean, rng)[:count]
    moved = {
        "contraction": lambda: means + 0.7**0.5 * (part - means),
        "mode skew": lambda: (
            part[rng.integers(0, max(1, count // 10), count)] + 0.2 * rng.normal(0, 1, part.shape) * spread
        ),
        "artefact shift": lambda: part + 0.5 * rng.normal(0, 1, part.shape[1]) * spread,
        "nothing": lambda: part,
    }[kind]()
    return np.concatenate([unit(moved), clean[count:]])


def row(kind: str, share: float, found: MetricComparison) -> str:
    cells = (f"**{m.z:+.1f}**" if m.is_outside else f"{m.z:+.1f}" for m in found.metrics)
    return f"| {kind}, {100 * share:g} % | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=4000)
    given = parser.parse_args()
    seen = itertools.chain(*(all_seen(images_in(folder, given.images), with_changes=False) for folder in given.folders))
    show(np.stack([row[1][0] for row in seen]).astype(np.float32))


def show(vectors: np.ndarray) -> None:
    header = ""
    for kind, share in (("contraction", 0.2), ("contraction", 0.05), ("mode skew", 0.2), ("artefact shift", 0.2)):
        rng = np.random.default_rng(0)
        reference, clean = np.array_split(vectors[rng.permutation(len(vectors))], 2)
        found = compare_metrics(kind, reference, contaminated(clean, kind, share, rng), seed=0)
        if found is None:
            raise SystemExit("too few images")
        if not header:
            header = "| | " + " | ".join(measure.name for measure in found.metrics) + " |"
            print(f"{found.n} images a draw\n\n{header}\n|" + "---|" * (len(found.metrics) + 1))
        print(row(kind, share, found), flush=True)
    outside = total = 0
    for seed in range(_SPLITS):
        rng = np.random.default_rng(100 + seed)
        reference, clean = np.array_split(vectors[rng.permutation(len(vectors))], 2)
        found = compare_metrics("clean", reference, clean, seed=seed)
        assert found is not None
        outside, total = outside + sum(m.is_outside for m in found.metrics), total + len(found.metrics)
    print(f"\nclean, {_SPLITS} splits: {outside} of {total} measures outside")


if __name__ == "__main__":
    main()
