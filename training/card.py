"""CARD.md: every number from scores of left-out groups, every word from here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training import tables
from training.data import Picture

TEXT = """# ouro-v2

CLIP ViT-B/16's image tower (OpenAI's weights, MIT; int8, {megabytes:.1f} MB) and a linear head on the CLS tokens of its
blocks {blocks}. One pass gives a score, higher for images that look machine-made, and CLIP's embedding, for similarity.
The image is seen whole, squashed to {size} pixels square (`preprocessing.json`).

Encoder and head: sha256 `{digest}`

Made by `python -m training` (training/README.md); all figures but the speed are of `training/oof.parquet`.

## What the head was made from

{images:,} images: {synthetic:,} synthetic ones of {synthetic_sources} sources and {generators} names of generators,
{real:,} made by people of {real_sources} sources; sources that share an owner or pictures are one of {groups} groups.
Licences of the sources differ and many are unstated; no image is distributed. The tower saw no labels of this task.

## Protocol

Each image is scored by a head that was fitted without its whole group, in closed form: weights that differ from the
shipped ones by one group in {groups}. Both classes went through the same random cropping, reduction and re-encoding.
Sources weigh the same; intervals come from redrawing sources. *Photographs*: real photographs against generators that
are mostly asked for photorealistic images (edits, GPT Image, Midjourney, Gemini, FLUX, realistic fine-tunes).
*Baseline*: AUROC of trees on the file's size, shape and weight, and on the original's size. ECE: of the probability at
even classes, by a line fitted on other groups. Sources were chosen, and settings compared, on these images: new ones
are harder.

{conditions}

| | |
|---|---|
{deltas}

### Aims, stated before

{aims}

### False positives by what the image shows (threshold: 5 % of all real images)

{kinds}

### True positives by who made it (the same threshold)

{families}

By source: `sources.csv`.

## Speed

`python benchmarks/model.py --clip FILE --first FILE`, two processes of one thread on two cores with AVX512-VNNI,
pictures of 512 pixels, from JPEG bytes to score: 17.0 images/s (117 ms of processor time each; aim 20), 3.5 times the
same tower in float32 under torch (4.8), as the wheel's INT8 graph (17.3), 0.23 times ouro-v1 (74.2), 0.01 times
decoding alone.

## Known blind spots

{blind}

## Not to be used

To accuse anybody, to judge a single image, to moderate people's work, or as a proof in any dispute. It estimates how
much of a dataset is likely to be machine-made, with error rates that hold only for data like those above; measure
your own with real images you trust (`auditor calibrate`), or let it learn your kind (`--adapt`).
"""
BLIND = """Edited photographs, photorealistic images of the newest generators and of DALL-E 2, and GANs are missed most
often; digital paintings, posters and anime by people are flagged most often (tables above). Generators newer than those
named in `training/oof.parquet` will be missed more often than these. Reduction to 256 pixels costs detection. Images
with a shorter side below 198 pixels were not measured, nor were pages of text."""


def card(
    scores: pd.DataFrame, pictures: Sequence[Picture], baselines: dict[str, float], encoder: Path, digest: str,
    blocks: Sequence[int], size: int, deltas: Sequence[tuple[str, str]],
) -> str:  # fmt: skip
    """The whole text. deltas: further measurements, a line each."""
    return TEXT.format(
        megabytes=encoder.stat().st_size / 1e6,
        digest=digest,
        blocks=f"{blocks[0]} to {blocks[-1]}",
        size=size,
        images=len(pictures),
        synthetic=sum(picture.synthetic for picture in pictures),
        real=sum(not picture.synthetic for picture in pictures),
        synthetic_sources=len({picture.source for picture in pictures if picture.synthetic}),
        real_sources=len({picture.source for picture in pictures if not picture.synthetic}),
        generators=len({picture.generator for picture in pictures if picture.synthetic}),
        groups=len({picture.group for picture in pictures}),
        conditions=tables.by_condition(scores, baselines),
        deltas="\n".join(f"| {name} | {value} |" for name, value in deltas),
        aims=tables.aims(scores),
        kinds=tables.by_kind(scores, 0),
        families=tables.by_kind(scores, 1),
        blind=BLIND,
    )
