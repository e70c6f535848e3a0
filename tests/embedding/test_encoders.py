"""The embedded encoder: what it accepts, what it refuses, and that an image's answer is its own."""

import io

import models
import numpy as np
import pytest
from PIL import Image, ImageOps

pytest.importorskip("onnx", reason="small models are made with onnx")

from auditor.embedding.encoders import EmbeddedEncoder
from auditor.errors import ModelError
from auditor.images import decode


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return models.folder(tmp_path_factory.mktemp("model") / "tiny-v1")


def image(height=80, width=120, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_vectors_have_unit_length_and_the_models_dimension(tiny):
    encoder = EmbeddedEncoder(tiny)
    (found,) = encoder.encode([image()])
    assert found.vector.shape == (encoder.dimension,) == (3,)
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)


def test_an_answer_does_not_depend_on_the_others_in_its_batch(tiny):
    encoder = EmbeddedEncoder(tiny)
    images = [image(seed=seed, height=40 + seed, width=90) for seed in range(37)]
    together = encoder.encode(images)
    for alone, other in zip(images, together, strict=True):
        (single,) = encoder.encode([alone])
        assert single.logit == pytest.approx(other.logit, abs=1e-5)
        assert np.allclose(single.vector, other.vector, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (31, 33), (64, 64), (65, 1000)])
def test_any_shape_has_an_answer(tiny, shape):
    encoder = EmbeddedEncoder(tiny)
    assert encoder.views(image(*shape)).shape == (2, models.SIZE, models.SIZE, 3)
    assert np.isfinite(encoder.encode([image(*shape)])[0].logit)


def test_the_centre_is_not_resampled_where_it_fits(tiny):
    picture = image(60, 50)
    centre = EmbeddedEncoder(tiny).views(picture)[1]
    assert (centre == picture[14:46, 9:41]).all()


def test_a_fingerprint_names_the_weights(tiny, tmp_path):
    other = models.folder(tmp_path / "tiny-v1", size=16)
    assert EmbeddedEncoder(tiny).fingerprint.startswith("tiny-v1:")
    assert EmbeddedEncoder(tiny).fingerprint != EmbeddedEncoder(other).fingerprint


@pytest.mark.parametrize("name", ["model.onnx", "preprocessing.json", "calibration.json", "parity.npz"])
def test_an_incomplete_folder_is_refused_by_the_missing_files_name(tmp_path, name):
    folder = models.folder(tmp_path / "tiny-v1")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}"):
        EmbeddedEncoder(folder)


def test_weights_that_were_not_measured_are_refused(tmp_path):
    folder = models.folder(tmp_path / "tiny-v1")
    (folder / "calibration.json").write_text(models.dumps(models.calibration(sha256="1")))
    with pytest.raises(ModelError, match="not the one that calibration.json is for"):
        EmbeddedEncoder(folder)


def test_a_machine_that_answers_otherwise_is_refused(tmp_path):
    folder = models.folder(tmp_path / "tiny-v1")
    with np.load(folder / "parity.npz") as known:
        changed = {**known, "logit": known["logit"] + 1}
    np.savez(folder / "parity.npz", **changed)
    with pytest.raises(ModelError, match="differ from those of parity.npz by 1"):
        EmbeddedEncoder(folder)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_their_exif_says(orientation):
    picture = image(5, 7)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", exif=exif)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(out)))
    assert (decode.upright(picture, str(orientation)) == turned).all()


@pytest.mark.parametrize("nonsense", [None, "", "left", 0, 9, 1.5])
def test_an_orientation_that_is_none_changes_nothing(nonsense):
    assert (decode.upright(image(5, 7), nonsense) == image(5, 7)).all()
