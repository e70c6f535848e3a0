import io

import looking
import making
import marking
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looking import look
from PIL import Image
from properties import examples
from scipy import stats

from auditor.types import Claim
from detectors import dwt_dct

MARKS = {mark.id: mark for mark in dwt_dct.marks()}


def carrier(width=512, height=512, seed=0):
    """A smooth picture with some detail, like a photograph's."""
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 225, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    big = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return np.clip(big + rng.normal(0, 3, big.shape), 0, 255).astype(np.uint8)


def jpeg(rgb, quality):
    return marking.saved(rgb, "JPEG", quality=quality)


@pytest.mark.parametrize("path", marking.PATHS)
@pytest.mark.parametrize("id", ["sd1", "sdxl", "flux"])
def test_each_mark_is_found_however_it_was_embedded(id, path):
    reading = look("dwt-dct", marking.saved(marking.embed(carrier(), MARKS[id], path)))
    assert (reading.claim, reading.generator) == (Claim.SYNTHETIC, MARKS[id].generator)


@pytest.mark.parametrize("width", [384, 512, 520, 768, 776, 1024])
def test_marks_are_found_at_every_kind_of_width(width):
    marked = marking.embed(carrier(width, 512), MARKS["sdxl"], "float BGR")
    assert look("dwt-dct", marking.saved(marked)).claim is Claim.SYNTHETIC


def test_a_mark_survives_jpeg_95():
    marked = marking.embed(carrier(768, 768), MARKS["sdxl"], "float BGR")
    assert look("dwt-dct", jpeg(marked, 95)).claim is Claim.SYNTHETIC


def test_thirty_two_bits_are_a_suspicion_only():
    marked = marking.embed(carrier(776, 776), MARKS["sd2"], "8-bit BGR")
    assert look("dwt-dct", marking.saved(marked)).claim is Claim.SUSPECTED


def test_flux_is_told_from_sdxl():
    for id in ("flux", "sdxl"):
        marked = marking.embed(carrier(seed=5), MARKS[id], "float BGR")
        assert look("dwt-dct", marking.saved(marked)).generator == MARKS[id].generator


def test_what_the_package_decodes_is_found():
    for seed in range(6):
        marked = marking.embed(carrier(640, 512, seed), MARKS["sdxl"], "8-bit BGR")
        if marking.package_decodes(marked, MARKS["sdxl"]):
            assert look("dwt-dct", marking.saved(marked)).claim is Claim.SYNTHETIC


@pytest.mark.parametrize("seed", range(8))
def test_unmarked_pictures_have_nothing(seed):
    assert look("dwt-dct", marking.saved(carrier(seed=seed))).score == 0


PICTURES = {
    "flat": np.full((512, 512, 3), 128, np.uint8),
    "black": np.zeros((512, 512, 3), np.uint8),
    "white": np.full((512, 512, 3), 255, np.uint8),
    "stripes": np.tile(np.repeat(np.array([0, 255], np.uint8), 8), 32)[None, :, None].repeat(512, 0).repeat(3, 2),
    "noise": np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8),
    "blue columns": np.stack(
        [np.zeros((512, 512)), np.zeros((512, 512)), np.tile(np.arange(512) % 256, (512, 1))], 2
    ).astype(np.uint8),
}


@pytest.mark.parametrize("name", PICTURES)
def test_flat_and_regular_pictures_have_nothing_and_give_no_nan(name):
    reading = look("dwt-dct", marking.saved(PICTURES[name]))
    assert reading.score == 0
    assert "nan" not in reading.reason


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (making.encoded("PNG", width=255, height=256), "too few"),
        (making.encoded("PNG", "L", width=300, height=300), "greyscale"),
        (making.encoded("GIF", width=300, height=300), "palette"),
    ],
)
def test_images_that_can_hold_no_mark_are_not_looked_at(data, why):
    reading = look("dwt-dct", data)
    assert reading.score is None
    assert why in reading.reason


def test_a_row_known_to_be_resized_is_not_looked_at():
    data = making.encoded(width=256, height=256)
    row = {"original_width": 1024, "original_height": 1024}
    assert "no watermark survives" in look("dwt-dct", data, row=row).reason
    assert look("dwt-dct", data, row={"original_width": 256, "original_height": 256}).score == 0


def test_a_mark_under_transparency_is_found():
    marked = marking.embed(carrier(), MARKS["sdxl"], "float BGR")
    out = io.BytesIO()
    Image.fromarray(np.dstack([marked, np.full(marked.shape[:2], 200, np.uint8)])).save(out, "PNG")
    assert look("dwt-dct", out.getvalue()).claim is Claim.SYNTHETIC


def test_a_huge_image_costs_no_more_than_its_first_rows():
    tall = np.tile(carrier(1024, 512), (40, 1, 1))
    assert dwt_dct.soft_bits(tall).shape[1] * 8 * 1024 <= 1 << 22


@given(st.integers(8, 80), st.integers(8, 80), st.integers(0, 2**32 - 1))
@examples(60)
def test_soft_bits_agree_with_the_transform_written_out(height, width, seed):
    """Haar, blocks and argmax as the embedder has them, in float and block by block."""
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    soft = dwt_dct.soft_bits(rgb)
    red, green, blue = (rgb[: height // 8 * 8, : width // 8 * 8, c].astype(np.float64) for c in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    u = 0.492 * (blue - luma) + 0.5
    band = (u[0::2, 0::2] + u[0::2, 1::2] + u[1::2, 0::2] + u[1::2, 1::2]) / 2
    for i in range(band.shape[0] // 4):
        for j in range(band.shape[1] // 4):
            block = band[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].flatten()
            place = np.argmax(np.abs(block[1:])) + 1
            expected = -np.sin(2 * np.pi * abs(block[place]) / 36)
            assert soft[2, i, j] == pytest.approx(expected, abs=1e-3)


def test_random_keys_follow_students_law_on_a_structured_image():
    """The claim that the threshold rests on, at a width where blocks and message stay in step."""
    picture = carrier(768, 512, seed=3)
    picture[:, 200:260] //= 3
    found = dwt_dct.positions(dwt_dct.soft_bits(picture))[48]
    rng = np.random.default_rng(0)
    messages = ["".join(map(str, rng.integers(0, 2, 48))) for _ in range(3000)]
    t = np.array([dwt_dct.t_values(found, dwt_dct.Mark("x", "x", m, 1, 1, True))[2] for m in messages])
    assert stats.kstest(t, stats.t(46).cdf).pvalue > 1e-3


def test_a_mixture_of_weak_marks_is_seen_though_no_image_decides():
    """Forty images of which a third are marked and re-encoded until none decides."""
    detector = dwt_dct.DwtDct()
    total, n = 0.0, 0
    for seed in range(40):
        picture = carrier(384, 384, seed)
        if seed % 3 == 0:
            picture = marking.embed(picture, MARKS["sdxl"], "float BGR")
        view = looking.view(jpeg(picture, 92))
        if detector.look(view).claim is None:
            total, n = total + detector.statistic(view), n + 1
    found = {p.generator: p for p in detector.dataset_test(n, total)}
    assert found["SDXL or diffusers"].p_value < 1e-3
    assert 0 < found["SDXL or diffusers"].share_low < 0.5
    assert found["FLUX"].p_value > 1e-3


def test_no_population_is_seen_in_unmarked_images():
    detector = dwt_dct.DwtDct()
    total = sum(detector.statistic(looking.view(jpeg(carrier(384, 384, seed), 92))) for seed in range(40))
    assert all(p.p_value > 1e-3 for p in detector.dataset_test(40, total))


def test_a_few_striking_images_among_many_are_seen():
    """Ten of a thousand unmarked images would be a wonder; three would not."""
    detector = dwt_dct.DwtDct()
    place = [mark.id for mark in dwt_dct.marks()].index("sdxl") - len(dwt_dct.marks())
    for count, is_seen in ((10, True), (3, False), (0, False)):
        total = np.zeros(4 * sum({m.length for m in dwt_dct.marks()}) + 4)
        total[place] = count
        found = {p.generator: p for p in detector.dataset_test(1000, total)}["SDXL or diffusers"]
        assert found.exceedances == count
        assert (found.p_value < 1e-3) is is_seen
        assert (found.share_low > 0) is is_seen
        assert found.share_low < count / 1000 or not count


def test_a_population_of_nothing_is_nothing():
    for p in dwt_dct.DwtDct().dataset_test(5, np.zeros(4 * sum({m.length for m in dwt_dct.marks()}) + 4)):
        assert (p.t, p.share_low) == (0.0, 0.0)
        assert p.p_value == 1.0


def test_thresholds_say_how_they_were_made():
    import json

    content = json.loads(dwt_dct._DATA.read_text())
    assert "watermark_null.py" in content["how"]
    for entry in content["marks"]:
        assert entry["null_values"] >= 100_000
        level = 1e-8 / (4 * sum(e["decides"] for e in content["marks"]))
        assert entry["threshold"] >= stats.t.isf(level, len(entry["message"]) - 2)
        of_best_plane = dwt_dct.EXCEEDANCE_RATE / len(dwt_dct.PLANES)
        assert entry["exceeded"] == pytest.approx(stats.t.isf(of_best_plane, len(entry["message"]) - 2), abs=1e-6)


def test_a_lower_bound_is_a_share_also_for_a_mark_that_never_decides():
    detector, mark = dwt_dct.DwtDct(), MARKS["sd2"]
    views = [
        looking.view(marking.saved(marking.embed(carrier(512, 512, seed), mark, "8-bit BGR"))) for seed in range(8)
    ]
    total = sum(detector.statistic(view) for view in views)
    found = {p.generator: p for p in detector.dataset_test(len(views), total)}["Stable Diffusion 2"]
    assert 0.3 < found.share_low <= 1.0


def test_the_bounds_of_unmarked_images_are_nought_at_their_level():
    """Random sums of unit vectors: the lean's bound is above 0 in at most one of forty, for the best of four planes."""
    rng, mark, runs = np.random.default_rng(0), MARKS["sdxl"], 800
    above = 0
    for _ in range(runs):
        found = dwt_dct.unit(rng.standard_normal((4, mark.length))) * 10
        found -= found.mean(axis=1, keepdims=True)
        above += dwt_dct._pooled_test(mark, 100, found)[2] > 0
    assert above / runs < 0.045
