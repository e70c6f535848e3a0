"""The null: what size, shape and weight of a file give away, the picture unseen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from training.config import Places
from training.listing import File
from training.probes import Rows
from training.store import evaluation_files

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")


def matched(pack: Path, condition: str, paths: set[str]) -> Rows:
    """Width, height, shape and bytes of the evaluation's own files."""
    found = [(path, _measure(data)) for path, data in evaluation_files(pack, condition, paths)]
    return Rows([path for path, _ in found], np.array([values[1:] for _, values in found]))


def original(files: list[File], places: Places) -> Rows:
    """The same, with the format, of the files as they were found."""
    found = [_measure(places.locate(file.path).read_bytes()) for file in files]
    return Rows([file.path for file in files], np.array(found))


def _measure(data: bytes) -> tuple[float, ...]:
    with Image.open(io.BytesIO(data)) as image:
        (width, height), kind = image.size, image.format or ""
    place = FORMATS.index(kind) if kind in FORMATS else len(FORMATS)
    long, short = max(width, height), min(width, height)
    return place, width, height, long, short, width / height, len(data), len(data) / (width * height)
