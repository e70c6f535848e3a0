"""Error rates measured on labelled images: here with a model that takes red pictures for synthetic ones."""

import shutil
from dataclasses import replace

import making
import models
import numpy as np
import pytest
from PIL import Image

from auditor.config import ScanConfig

pytest.importorskip("onnx", reason="small models are made with onnx")

import auditor
from auditor import audit
from auditor.calibration import measure
from auditor.embeddings import embedded_encoder, vector_source
from auditor.embeddings.embedded_encoder import EmbeddedEncoder
from auditor.errors import CalibrationError
from auditor.estimate.calibration import dumps, parse
from auditor.estimate.prevalence import Stated
from auditor.resources import counted_detector
from auditor.scanning import shard_scan
from detectors import classifier

NAMES = ("clean", "jpeg85", "webp80", "img2dataset256")
SHIPPED = models.calibration(NAMES)


@pytest.fixture(autouse=True)
def _tiny(tmp_path_factory, monkeypatch):
    encoder = EmbeddedEncoder(models.folder(tmp_path_factory.mktemp("model") / "tiny-v1"))
    monkeypatch.setattr(classifier, "embedded", lambda: encoder)
    monkeypatch.setattr(classifier, "shipped_calibration", lambda: SHIPPED)


def pictures(folder, colour, count=5, sources=("a", "b")):
    for source in sources:
        for number in range(count):
            noise = np.random.default_rng([number, ord(source)]).integers(0, 40, (190, 250, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            making.write(folder / source / f"{number}.png", b"")
            Image.fromarray(pixels).save(folder / source / f"{number}.png")
    return folder


def calibrate(real, synthetic=None, detector="classifier"):
    engine = audit.make_engine(1, "serial")
    return measure.calibrate(real, synthetic, engine, detector=detector, config=ScanConfig(()))


BLUE, RED = (10, 10, 200), (200, 10, 10)


def test_counts_are_made_by_condition_and_source(tmp_path):
    made = calibrate(pictures(tmp_path / "real", BLUE), pictures(tmp_path / "fake", RED, count=6))
    assert set(made.conditions) == set(NAMES)
    for condition in made.conditions.values():
        assert {source: len(scores) for source, scores in condition.real.items()} == {"a": 5, "b": 5}
        assert {source: len(scores) for source, scores in condition.synthetic.items()} == {"a": 6, "b": 6}
    clean = made.conditions["clean"]
    assert all(scores[-1] < -2 for scores in clean.real.values())
    assert all(scores[0] > 2 for scores in clean.synthetic.values())
    assert made.origin == "own images: 10 real images of 2 sources, 12 synthetic images of 2 sources"


def test_real_images_alone_keep_the_shipped_counts_of_synthetic_ones(tmp_path):
    made = calibrate(pictures(tmp_path / "real", BLUE))
    assert made.conditions["clean"].synthetic == SHIPPED.conditions["clean"].synthetic
    assert made.conditions["clean"].real != SHIPPED.conditions["clean"].real
    assert (made.slope, made.intercept) == (SHIPPED.slope, SHIPPED.intercept)
    assert made.origin.endswith("synthetic scores from: made up")


def test_unreadable_images_are_left_out(tmp_path):
    pictures(tmp_path / "real", BLUE)
    making.write(tmp_path / "real/a/broken.png", b"broken")
    Image.fromarray(np.full((300, 300, 3), 255, np.uint8)).save(tmp_path / "real/a/blank.png")  # no scan judges it
    made = calibrate(tmp_path / "real")
    assert len(made.conditions["clean"].real["a"]) == 5
    assert "10 real images of 2 sources (2 more not read or not scored)" in made.origin


def test_folders_that_were_mixed_up_are_noticed(tmp_path):
    with pytest.raises(CalibrationError, match="mixed up"):
        calibrate(pictures(tmp_path / "real", RED), pictures(tmp_path / "fake", BLUE))


def test_copies_of_an_image_are_one_and_few_images_are_refused(tmp_path):
    pictures(tmp_path / "real", BLUE, count=9, sources=("a",))
    for number in range(5):
        shutil.copy(tmp_path / "real/a/0.png", tmp_path / f"real/a/copy{number}.png")
    with pytest.raises(CalibrationError, match="9 different real images: at least 10 are needed"):
        calibrate(tmp_path / "real")


def test_images_that_are_given_as_real_and_as_synthetic_are_refused(tmp_path):
    pictures(tmp_path / "real", BLUE)
    pictures(tmp_path / "fake", RED)
    shutil.copy(tmp_path / "real/a/0.png", tmp_path / "fake/b/again.png")
    with pytest.raises(CalibrationError, match="1 images are given as real and as synthetic"):
        calibrate(tmp_path / "real", tmp_path / "fake")


def test_an_estimate_by_own_images_promises_nothing_of_the_shipped_scores():
    assert "97 of 100" in " ".join(Stated().assumptions())
    own = " ".join(Stated().assumptions(has_own_images=True))
    assert "97 of 100" not in own
    assert "your own images" in own


def test_images_that_cannot_be_read_are_an_error(tmp_path):
    making.write(tmp_path / "real/a.png", b"broken")
    with pytest.raises(CalibrationError, match="none of 1 rows"):
        calibrate(tmp_path / "real")


@pytest.mark.parametrize("name", measure.CHANGES)
def test_every_condition_gives_an_image_of_the_shape_that_models_take(name):
    image = np.random.default_rng(0).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    found = measure.apply_condition(image, name)
    assert found.dtype == np.uint8
    assert found.shape == ((256, 256, 3) if name == "img2dataset256" else (300, 500, 3))
    assert np.array_equal(found, image) == (name == "clean")


def test_one_condition_leaves_the_image_to_the_next():
    image = np.random.default_rng(0).integers(0, 256, (1500, 1400, 3), dtype=np.uint8)
    kept = image.copy()
    for name in measure.CHANGES:
        measure.apply_condition(image, name)
    assert (image == kept).all()


@pytest.fixture
def adapted(tmp_path, monkeypatch):
    """A calibration of a dataset whose synthetic images are green, which the shipped head takes for real."""
    encoder = classifier.embedded()
    for module in (embedded_encoder, vector_source, shard_scan):
        monkeypatch.setattr(module, "embedded", lambda: encoder)
    monkeypatch.setattr(embedded_encoder, "shipped_calibration", lambda: SHIPPED)
    sides = pictures(tmp_path / "real", BLUE, 10), pictures(tmp_path / "fake", GREEN, 10)
    return measure.adapt(*sides, audit.make_engine(1, "serial"), config=ScanConfig(()))


GREEN = (10, 200, 10)


def test_a_head_that_was_adapted_decides_what_a_scan_says(adapted, tmp_path, scan):
    made, change = adapted
    assert change.after > change.before
    assert parse(dumps(made)).head == made.head is not None
    pictures(tmp_path / "set/green", GREEN, 3)
    pictures(tmp_path / "set/blue", BLUE, 3)
    for name, own in (("shipped", None), ("own", made)):
        scan(tmp_path / "set", out=name, detectors=("classifier",), calibration=own)
    shipped, own = (auditor.evidence(tmp_path / name).set_index("key").p_synthetic for name in ("shipped", "own"))
    green = shipped.index.str.startswith("green")
    assert shipped[green].max() < 0.5
    assert own[green].min() > 0.5 > own[~green].max()


def test_a_calibration_whose_head_was_changed_is_of_other_weights(adapted):
    made, _ = adapted
    other = replace(made, head=replace(made.head, bias=made.head.bias + 1))
    with pytest.raises(CalibrationError, match="other weights"):
        counted_detector(("classifier",), {}, other)
