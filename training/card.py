"""CARD.md: every number from out-of-fold scores, every word from here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from training import tables
from training.listing import File
from training.panel import CAP, PER_GENERATOR

SHOWN = ("clean", "jpeg75", "img2dataset256")
BESIDE = {
    "file-attributes": "null: file attributes",
    "handmade-trees": "hand-made features, trees",
    "lite0-imagenet-linear": "ImageNet Lite0, linear",
    "clip-b16-linear": "CLIP B/16, linear",
    "clip-b16-mlp": "CLIP B/16, MLP",
}

TEXT = """# ouro-v1

One compact encoder (EfficientNet-Lite0, {megabytes:.1f} MB) with two outputs from one pass: an embedding that follows
CLIP ViT-B/16's, and a logit, higher for images that look machine-made. Each image is seen twice, whole and as the
centre at its own scale (`preprocessing.json`; `training/reference.py` is the reference). The logit is the mean of both
views', to which that of a bystander is added: a linear head on the untrained ImageNet trunk, whose first blocks the two
share, and which sees the whole alone.

`model.onnx`: sha256 `{digest}`

Regenerate this file: `python -m training ... folder`; print its tables: `python benchmarks/model.py`.

## What it was made from

{images:,} images: {synthetic:,} synthetic from {synthetic_sources} sources ({generators} names of generators),
{real:,} human-made from {real_sources} sources; {hard:,} of these are pictures of freely licensed games and
packages, {rendered:,} are screens, charts, slides and documents rendered for this. {dropped:,} were left out.
`training/files.csv` lists every file with its digest, and why it was dropped. Licences of the sources differ and many
are unstated; none of the images is distributed. The trunk starts from ImageNet weights (Apache-2.0), the embedding
was taught by CLIP ViT-B/16 (MIT).

## Protocol

- Five folds of whole sources on both sides. The model of a fold saw no image of a source held out, none of a generator
  held out under any source, and no near-duplicate (CLIP cosine above 0.95); nor did its distillation.
- Both classes go through the same random cropping, reduction and re-encoding. The longest sides of the evaluation's
  images are drawn alike for both classes; the null's column shows what size and weight of the files still tell.
- At most {cap} images of a source are scored, or {each} of each of its generators if that is more. Sources weigh the
  same; intervals come from redrawing sources.
- The shipped weights saw every image. Every number here comes from the five models of the folds.
- Development figures are optimistic: sources were chosen and looked at by the same people, the length of training was
  chosen on fold 3, the bystander's features and factor on all folds' scores.

## Out of fold

{conditions}

TPR at 1 % and 5 %: thresholds set under the same condition. The clean threshold is the score that 5 % of clean reals
reach; it is carried unchanged. ECE: of the chance at even classes, by the line fitted on all other folds, over all
conditions. Columns of baselines: AUROC under the same folds, conditions and images.

### Aims, and what was reached

{aims}

What was tried to reach them, with all figures: `training/LOG.md`. {tried}

### Human-made pictures easily taken for synthetic: share at or above the clean threshold

{hard_reals}

### False alarms by real source

{reals}

### Detection by synthetic source

{synthetics}

{likeness}## Speed

`python benchmarks/model.py --clip FILE` on two quiet x86-64 cores, two processes, images of 512 pixels: 69 a second
from JPEG bytes to score (28.6 ms of processor time each), 0.05 of decoding alone, 4.5 times CLIP ViT-B/16 in INT8.

## Known blind spots

{blind}

## Not to be used

To accuse anybody, to judge a single image, to moderate people's work, or as a proof in any dispute. It estimates how
much of a dataset is likely to be machine-made, with error rates that hold only for data like those above; measure
your own with real images you trust.
"""

BLIND = """Film posters, digital paintings (fantasy portraits above all), card-game art, memes and anime by people are
flagged three to nine times as often as the average picture, some sources of photographs too (tables above); screens,
charts, documents and clip art hardly ever, but the rendered ones are few kinds, all made alike. Almost half of the
synthetic images are missed at the clean threshold, three quarters and more of some sources, among them some of token
models (Muse), GPT Image, Gemini and photographic fine-tunes; generators newer than the list in `training/files.csv`
will be missed more often than those in it. Reduction to 256 pixels costs detection. Edited photographs were not
measured; images below 200 pixels were never seen."""
TRIED = """In what is shipped: distillation,
the laundering of both classes, hard reals, the bystander. Longer training (with the probe's judgement as target it
gains a little), training without distillation, reconstructions of real images as fakes, and a head fitted anew on the
trained features did not get further. It was trained on two CPU cores; a GPU was not to be had."""


def card(scores: pd.DataFrame, files: list[File], baselines: Path, weights: Path, likeness: pd.DataFrame | None) -> str:
    """The whole text."""
    kept = [file for file in files if not file.dropped]
    paths = {title: path for name, title in BESIDE.items() if (path := baselines / f"{name}.parquet").exists()}
    beside = {title: pd.read_parquet(path) for title, path in paths.items()}
    return TEXT.format(
        megabytes=weights.stat().st_size / 1e6,
        digest=hashlib.sha256(weights.read_bytes()).hexdigest(),
        images=len(kept),
        dropped=len(files) - len(kept),
        synthetic=sum(file.label for file in kept),
        real=sum(not file.label for file in kept),
        synthetic_sources=len({file.source for file in kept if file.label}),
        real_sources=len({file.source for file in kept if not file.label}),
        generators=len({file.generator for file in kept if file.label}),
        hard=sum(file.path.startswith("hard/") for file in kept),
        rendered=sum(file.path.startswith("rendered/") for file in kept),
        cap=CAP,
        each=PER_GENERATOR,
        conditions=tables.by_condition(scores, beside),
        aims=tables.aims(scores, beside.get(BESIDE["clip-b16-linear"])),
        tried=TRIED,
        blind=BLIND,
        hard_reals=tables.hard_reals(scores, SHOWN),
        reals=tables.by_source(scores, 0, SHOWN),
        synthetics=tables.by_source(scores, 1, SHOWN),
        likeness=_likeness(likeness),
    )


def _likeness(table: pd.DataFrame | None) -> str:
    if table is None:
        return ""
    rows = [
        [str(name) for name in table.columns],
        *([str(value) for value in row] for row in table.astype(object).to_numpy().tolist()),
    ]
    return f"""## The embedding, on images of sources not seen

Overlap of the ten nearest images with CLIP B/16's (JPEG 75, among the fold's images); AUROC of
the cosine to a changed copy against that to others.

{tables.markdown(rows)}

"""
