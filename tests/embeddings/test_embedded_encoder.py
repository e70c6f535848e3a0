"""The embedded encoder: what it accepts, what it refuses, and that an image's answer is its own."""

import io
import json

import models
import numpy as np
import pytest
from PIL import Image, ImageOps

pytest.importorskip("onnx", reason="small models are made with onnx")

from auditor.embeddings.embedded_encoder import EmbeddedEncoder
from auditor.embeddings.preparation import squashed
from auditor.errors import ModelError
from auditor.images import decode

pytestmark = pytest.mark.encoder


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
        assert (single.tokens == other.tokens).all()
        assert (single.vector == other.vector).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (31, 33), (64, 64), (65, 1000)])
def test_any_shape_has_an_answer(tiny, shape):
    (found,) = EmbeddedEncoder(tiny).encode([image(*shape)])
    assert np.isfinite(found.tokens).all()
    assert np.isfinite(found.vector).all()


def test_a_large_image_is_reduced_by_a_whole_factor_first_and_looks_as_if_it_was_not():
    smooth = np.linspace(0, 255, 1000 * 1500 * 3).reshape(1000, 1500, 3).astype(np.uint8)
    quick = squashed(Image.fromarray(smooth), 32)[0].astype(int)
    exact = np.asarray(Image.fromarray(smooth).resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(quick - exact).max() <= 2


def test_a_fingerprint_names_the_weights(tiny, tmp_path):
    other = models.folder(tmp_path / "tiny-v1", size=16)
    assert EmbeddedEncoder(tiny).fingerprint.startswith("tiny-v1:")
    assert EmbeddedEncoder(tiny).fingerprint != EmbeddedEncoder(other).fingerprint


@pytest.mark.parametrize("name", ["encoder.onnx", "head.npz", "preprocessing.json", "calibration.json", "parity.npz"])
def test_an_incomplete_folder_is_refused_by_the_missing_files_name(tmp_path, name):
    folder = models.folder(tmp_path / "tiny-v1")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}"):
        EmbeddedEncoder(folder)


def test_weights_that_were_not_measured_are_refused(tmp_path):
    folder = models.folder(tmp_path / "tiny-v1")
    (folder / "calibration.json").write_text(models.dumps(models.calibration(sha256="1")))
    with pytest.raises(ModelError, match="do not match calibration.json"):
        EmbeddedEncoder(folder)


@pytest.mark.parametrize(("name", "change"), [("score", lambda s: s + 1), ("vector", lambda v: v[:, ::-1])])
def test_a_machine_that_answers_otherwise_is_refused(tmp_path, name, change):
    folder = models.folder(tmp_path / "tiny-v1")
    with np.load(folder / "parity.npz") as known:
        changed = {**known, name: change(known[name])}
    np.savez(folder / "parity.npz", **changed)
    with pytest.raises(ModelError, match="on this machine the model's outputs differ"):
        EmbeddedEncoder(folder)


def test_a_head_of_other_numbers_is_refused(tmp_path):
    folder = models.folder(tmp_path / "tiny-v1")
    with np.load(folder / "head.npz") as known:
        np.savez(folder / "head.npz", **{**known, "weights": known["weights"] * 2})
    with pytest.raises(ModelError, match="do not match calibration.json"):
        EmbeddedEncoder(folder)


def test_another_preparation_is_refused(tmp_path):
    folder = models.folder(tmp_path / "tiny-v1")
    changed = json.loads((folder / "preprocessing.json").read_text())
    changed["resize"]["filter"] = "nearest"
    (folder / "preprocessing.json").write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="does not match this version's preparation"):
        EmbeddedEncoder(folder)


@pytest.mark.parametrize("name", ["encoder.onnx", "head.npz", "calibration.json", "parity.npz"])
def test_a_cut_file_is_refused_in_one_line_that_says_what_to_do(tmp_path, name):
    folder = models.folder(tmp_path / "tiny-v1")
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(ModelError, match="reinstall") as told:
        EmbeddedEncoder(folder)
    assert "\n" not in str(told.value)


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
