"""Which images there are, whose they are, and which are left out: the table every stage starts from (files.csv)."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from PIL import Image

from training.drops import dropped_pattern

HARD_DROPS = ("mask", "height", "normal", "_nm.", "specular", "sprite", "sheet", "atlas", "frames", "tileset")


@dataclass(frozen=True, slots=True)
class File:
    """One labelled image. `path` is relative to the images folder, or to the hard or rendered one (first part)."""

    path: str
    source: str
    generator: str
    label: int
    blob: str
    width: int
    height: int
    fold: int = -1
    dropped: str = ""
    twins: str = ""  # the folds (digits) that hold a near-duplicate of it


def list_files(index: Path, hard: Path, rendered: Path) -> list[File]:
    """Every image of the three collections, in a fixed order, the unusable ones marked."""
    files = [*_development(index), *_folder_index(hard, "hard"), *_folder_index(rendered, "rendered")]
    return [replace(file, dropped=file.dropped or dropped_pattern(file)) for file in files]


def _development(index: Path) -> list[File]:
    with index.open(newline="") as rows:
        return [
            File(
                path=row["path"],
                source=row["source"],
                generator=row["generator"] if row["label"] == "ai" else "",
                label=int(row["label"] == "ai"),
                blob=row["blob"],
                width=int(row["width"]),
                height=int(row["height"]),
            )
            for row in csv.DictReader(rows)
        ]


def _folder_index(folder: Path, prefix: str) -> list[File]:
    """Human-made images with an index.csv of their own: path, package (the source), width, height."""
    with (folder / "index.csv").open(newline="") as rows:
        return [
            File(
                path=f"{prefix}/{row['path']}",
                source=row["package"],
                generator="",
                label=0,
                blob=git_blob(folder / row["path"]),
                width=int(row["width"]),
                height=int(row["height"]),
                dropped=_hard_reason(row.get("orig_path", ""), folder / row["path"]),
            )
            for row in csv.DictReader(rows)
        ]


def _hard_reason(original: str, path: Path) -> str:
    """Why a picture out of a game's data is not a picture that a dataset would hold."""
    name = original.lower()
    for word in HARD_DROPS:
        if word in name:
            return f"not a picture: {word.strip('_.')}"
    with Image.open(path) as image:
        if "A" in image.getbands() or "transparency" in image.info:
            small = image.convert("RGBA").resize((64, 64))
            opaque = sum(small.getchannel("A").histogram()[128:]) / 4096
            if opaque < 0.35:
                return f"mostly transparent: {opaque:.0%} opaque"
    return ""


def git_blob(path: Path) -> str:
    """The file's git blob id."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def write_files(files: list[File], path: Path) -> None:
    """The table as CSV."""
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(File)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(file) for file in files)


def read_files(path: Path) -> list[File]:
    """The table that write_files wrote."""
    kinds: dict[str, Callable[[str], Any]] = {"label": int, "width": int, "height": int, "fold": int}
    with path.open(newline="") as rows:
        return [File(**{key: kinds.get(key, str)(value) for key, value in row.items()}) for row in csv.DictReader(rows)]
