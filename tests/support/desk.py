"""The folder in which pages of the documentation are read: the files that their commands name, all of them small."""

from __future__ import annotations

import csv
import hashlib
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
from commands import run
from PIL import Image

import auditor
from auditor.annotation.file import Annotation, HumanLabel

_TRAIN = 'from pathlib import Path\n\nprint("training")\nPath("model.pt").touch()\n'


def prepare(folder: Path) -> None:
    """The demo dataset in several formats, audits of it, labels, folders of known images."""
    assert run("demo", "dataset", cwd=folder).returncode == 0
    (folder / "train.py").write_text(_TRAIN)
    (folder / "policy.toml").write_text("[rules.declared]\nmax = 0.3\n")
    _tables(folder)
    _known_images(folder)
    for dataset, out, *more in (
        ("dataset", "audit"),
        ("tars", "audit-of-tars"),
        ("dataset", "before", "--keep-vectors"),
    ):
        assert run("scan", dataset, "--out", out, *more, cwd=folder).returncode == 1
    (folder / "before").rename(folder / "audit-of-last-year")
    shutil.copytree(folder / "audit", folder / "before")
    items = auditor.draw(folder / "audit")
    labels = [Annotation(item.key, item.stratum, HumanLabel.REAL, "provenance", "A") for item in items]
    auditor.write_labels(folder / "labels.csv", labels)


def _tables(folder: Path) -> None:
    """The dataset as a table with images, as tars, as a list of URLs, and with weights."""
    with (folder / "dataset" / "metadata.csv").open() as file:
        frame = pd.DataFrame(csv.DictReader(file))
    hosts = ["https://photos.example.org/", "https://example.com/"]
    frame["url"] = [hosts[number % 5 == 0] + name for number, name in enumerate(frame.file_name)]
    frame.to_csv(folder / "dataset" / "metadata.csv", index=False)
    files = [folder / "dataset" / name for name in frame.file_name]
    named = frame.rename(columns={"file_name": "uid"})
    named.to_parquet(folder / "urls.parquet")
    named.assign(image=[file.read_bytes() for file in files]).to_parquet(folder / "dataset.parquet")
    weighted = named.assign(image=[f"dataset/{file.name}" for file in files], times_seen=[1, 2, 3, 4, 5] * 5)
    weighted.to_parquet(folder / "weighted.parquet")
    people = [f"{text} by hand; number {number}" for number in range(10) for text in frame.text]
    pd.DataFrame({"text": people}).to_csv(folder / "people.csv", index=False)
    (folder / "tars").mkdir()
    for shard in range(2):
        with tarfile.open(folder / "tars" / f"{shard:05d}.tar", "w") as tar:
            for file in files[shard::2]:
                tar.add(file, file.name)


def _known_images(folder: Path) -> None:
    """Folders of photographs and of plainly made images, and a list of digests."""
    photographs = sorted((folder / "dataset").glob("*.jpg"))
    (folder / "list.txt").write_text(hashlib.sha256(photographs[0].read_bytes()).hexdigest() + "\n")
    for kind in ("photos", "generated"):
        (folder / kind).mkdir()
    for number, photograph in enumerate(photographs[:6]):
        shutil.copy(photograph, folder / "photos")
        small = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
        made = Image.fromarray(small).resize((224, 224), Image.Resampling.BICUBIC)
        made.save(folder / "generated" / f"{number}.png")
