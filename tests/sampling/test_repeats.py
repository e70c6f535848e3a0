"""Samples of rows where images have different numbers of rows, or keys occur several times: every image has the same
probability of being in the sample.
"""

import io
import tarfile

import making
import numpy as np
import pandas as pd
import pytest

import auditor
from auditor.config import Config

IMAGES, SYNTHETIC, TIMES = 80, 20, 5
DETECTORS = ("stealth-pnginfo", "generator-text")
MARKED = [making.hidden(making.A1111.encode(), "stealth_pnginfo", seed=number) for number in range(SYNTHETIC)]
PLAIN = [making.png(seed=number) for number in range(IMAGES - SYNTHETIC)]


def images(repeats_synthetic):
    """(content, rows) of each image: those of one class have more rows than those of the other."""
    yield from ((data, TIMES if repeats_synthetic else 1) for data in MARKED)
    yield from ((data, 1 if repeats_synthetic else TIMES) for data in PLAIN)


def by_path(folder, repeats_synthetic):
    rows = []
    for number, (data, times) in enumerate(images(repeats_synthetic)):
        making.write(folder / f"{number}.png", data)
        rows += [(f"{number}-{time}", f"{number}.png") for time in range(times)]
    pd.DataFrame(rows, columns=["id", "image"]).to_csv(folder / "t.csv", index=False)


def embedded(folder, repeats_synthetic):
    folder.mkdir()
    rows = [{"image": {"bytes": data}, "text": "x"} for data, times in images(repeats_synthetic) for _ in range(times)]
    pd.DataFrame(rows).sample(frac=1, random_state=1).to_parquet(folder / "train.parquet")


def shares(dataset, out, *, seeds=4, **options):
    for seed in range(seeds):
        config = Config.of(detectors=DETECTORS, seed=seed, **options)
        yield auditor.scan(dataset, out=out, config=config, engine="serial", restart=True, examples=0).confirmed


@pytest.mark.parametrize("make", [by_path, embedded], ids=lambda make: make.__name__)
@pytest.mark.parametrize("repeats_synthetic", [False, True])
def test_an_image_with_many_rows_is_no_more_probable(tmp_path, make, repeats_synthetic):
    make(tmp_path / "set", repeats_synthetic)
    whole = next(shares(tmp_path / "set", tmp_path / "out", seeds=1, sample="all"))
    assert whole.share == SYNTHETIC / IMAGES
    found = list(shares(tmp_path / "set", tmp_path / "out", sample=120 if repeats_synthetic else 200))
    assert sum(each.low <= whole.share <= each.high for each in found) >= 3
    assert np.mean([each.share for each in found]) == pytest.approx(whole.share, abs=0.09)


def test_a_row_without_an_image_changes_nothing(tmp_path):
    embedded(tmp_path / "set", repeats_synthetic=False)
    frame = pd.read_parquet(tmp_path / "set/train.parquet")
    frame.loc[len(frame)] = {"image": None, "text": "lost"}
    frame.to_parquet(tmp_path / "set/train.parquet")
    for found in shares(tmp_path / "set", tmp_path / "out", sample=120, seeds=3):
        assert found.n == IMAGES
        assert found.low <= SYNTHETIC / IMAGES <= found.high


def test_rows_count_where_the_files_of_others_stay_closed(tmp_path):
    """How many rows an image has is unknown then, unless they name it."""
    embedded(tmp_path / "set", repeats_synthetic=False)
    rows = SYNTHETIC + TIMES * (IMAGES - SYNTHETIC)
    found = list(shares(tmp_path / "set", tmp_path / "out", sample=120, sample_files=True))
    assert sum(each.low <= SYNTHETIC / rows <= each.high for each in found) >= 3
    by_path(tmp_path / "paths", repeats_synthetic=False)
    found = list(shares(tmp_path / "paths", tmp_path / "out", sample=120, sample_files=True))
    assert sum(each.low <= SYNTHETIC / IMAGES <= each.high for each in found) >= 3


def test_keys_that_every_archive_has_are_not_drawn_together(tmp_path):
    for number in range(20):
        with tarfile.open(making.write(tmp_path / f"set/{number:05}.tar", b""), "w") as tar:
            for member in range(10):
                data = making.png({"parameters": making.A1111} if member < 2 else {}, seed=10 * number + member)
                info = tarfile.TarInfo(f"{member:06}.png")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    found = list(shares(tmp_path / "set", tmp_path / "out", sample=50, sample_files=True, depth="file"))
    assert all(each.n == 50 for each in found)
    assert sum(each.low <= 0.2 <= each.high for each in found) >= 3


def test_keys_that_rows_of_a_table_share_are_not_drawn_together(tmp_path):
    """Forty ids with ten embedded images each, which are all synthetic or all real."""
    (tmp_path / "set").mkdir()
    made = [making.png({"parameters": making.A1111} if n // 10 % 5 == 0 else {}, seed=n) for n in range(400)]
    rows = [{"id": f"id{n // 10}", "image": {"bytes": data}} for n, data in enumerate(made)]
    pd.DataFrame(rows).to_parquet(tmp_path / "set/train.parquet")
    found = list(shares(tmp_path / "set", tmp_path / "out", sample=60, sample_files=True, depth="file"))
    assert all(each.n == 60 for each in found)
    assert sum(each.low <= 0.2 <= each.high for each in found) >= 3
