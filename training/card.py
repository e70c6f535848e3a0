"""CARD.md: every number from scores of left-out groups, every word from here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training import tables
from training.data import Picture

TEXT = """# ouro-v2

CLIP ViT-B/16's image tower (OpenAI's weights, MIT; int8, {megabytes:.1f} MB) and a linear head on the CLS tokens of its
blocks {blocks}. One pass gives a score, higher for images that are more likely generated, and CLIP's embedding, for
similarity. The whole image is used, resized to {size} × {size} pixels without keeping its aspect ratio
(`preprocessing.json`).

Encoder and head: sha256 `{digest}`

This card is written by `python -m training` (training/README.md); all figures except the speed are from
`training/oof.parquet`.

## Training data

{images:,} images: {synthetic:,} synthetic ones from {synthetic_sources} sources with {generators} generator names, and
{real:,} human-made ones from {real_sources} sources. Sources that share an owner or images are in the same group; there
are {groups} groups. Licences of the sources differ and many are unstated; no image is distributed. The tower was not
trained on labels of this task.

## Protocol

Each image is scored by a head that was fitted without its whole group, in closed form: weights that differ from the
shipped ones by one group in {groups}. Both classes went through the same random cropping, reduction and re-encoding.
All sources have equal weights; intervals are from a bootstrap over sources. *Photographs*: real photographs against
generators that are mostly used for photorealistic images (edits, GPT Image, Midjourney, Gemini, FLUX, realistic
fine-tunes). *Baseline*: AUROC of tree models on the dimensions and size of the file, and on the original's size. ECE:
expected calibration error of the probability at balanced classes, with a calibration line fitted on other groups.
Sources and settings were selected on these images, so error rates on new sources are higher.

{conditions}

| | |
|---|---|
{deltas}

### Targets, set in advance

{aims}

### False positives by subject (threshold: 5 % of all real images)

{kinds}

### True positives by generator (same threshold)

{families}

By source: `sources.csv`.

## Speed

`python benchmarks/model.py --clip FILE --first FILE`, two processes of one thread on two cores with AVX512-VNNI, images
of 512 pixels, from JPEG bytes to score: 15.9 images/s (125 ms of CPU time each; target 20). This is 4.2 times the speed
of the same tower in float32 under torch (3.7), 1.02 times that of the wheel's INT8 graph (15.5), 0.25 times that of
ouro-v1 (63.4), and 0.01 times that of decoding alone.

## Known weaknesses

{blind}

## Out-of-scope use

Do not use the model to accuse anybody, to classify a single image, to moderate people's work, or as proof in a dispute.
It is meant for estimating the synthetic fraction of a dataset. Its error rates are valid only for data like those
above: measure them on your own real images (`auditor calibrate`), or adapt the model to them (`--adapt`).
"""
BLIND = """Edited photographs, photorealistic images of the newest generators and of DALL-E 2, and GANs are missed
most often; human-made digital paintings, posters and anime are flagged most often (tables above). Images of generators
newer than those named in `training/oof.parquet` will be missed more often. Resizing to 256 pixels lowers the detection
rate. Images with a shorter side below 198 pixels and pages of text were not measured."""


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
