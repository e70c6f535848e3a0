import marking
import numpy as np
import pytest
from looking import look
from PIL import Image

from auditor.types import Claim
from detectors import dwt_dct, dwt_dct_crops

MARKS = {mark.id: mark for mark in dwt_dct.marks()}


def carrier(width, height, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 225, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    big = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return np.clip(big + rng.normal(0, 3, big.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("box", [(8, 0, 512, 512), (3, 5, 501, 480), (64, 64, 448, 448)])
def test_a_mark_is_found_after_a_crop(box):
    marked = marking.embed(carrier(512, 512), MARKS["sdxl"], "float BGR")
    left, top, right, bottom = box
    data = marking.saved(np.ascontiguousarray(marked[top:bottom, left:right]))
    assert look("dwt-dct", data).score == 0
    reading = look("dwt-dct-crops", data)
    assert (reading.claim, reading.generator) == (Claim.SYNTHETIC, "SDXL or diffusers")


@pytest.mark.parametrize("seed", range(3))
def test_unmarked_pictures_have_nothing(seed):
    assert look("dwt-dct-crops", marking.saved(carrier(300, 280, seed))).score == 0


def test_the_threshold_is_higher_than_without_a_search():
    for mark in dwt_dct.marks():
        if mark.decides:
            assert dwt_dct_crops.threshold(mark) > mark.threshold


def test_it_runs_only_when_asked_for():
    from auditor import registry

    assert "dwt-dct-crops" not in registry.default_detectors()
    assert "dwt-dct" in registry.default_detectors()
