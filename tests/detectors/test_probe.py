"""The probe, on a small open_clip model made on the spot: real loading code, random weights."""

import pickle

import making
import models
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("open_clip", reason="the extra `clip` is not installed")

from auditor import api
from auditor.embedding.clip import OpenClipEncoder, open_clip_encoder
from auditor.errors import ModelError
from auditor.models import probes
from auditor.models.probes import Probe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return models.clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def name(folder):
    return f"local-dir:{folder}"


@pytest.fixture
def images(tmp_path, monkeypatch):
    """real/ and fake/ to fit on, more/ and fresh/ to calibrate on, mixed/: four synthetic of ten."""
    monkeypatch.setenv("AUDITOR_MODELS", str(tmp_path / "models"))

    def picture(path, synthetic, seed):
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 60, (160, 210, 3)) + np.where(synthetic, [160, 20, 20], [20, 20, 160])
        making.write(path, b"")
        Image.fromarray(pixels.astype(np.uint8)).save(path)

    for number in range(16):
        for side, synthetic in (("real", False), ("fake", True), ("more", False), ("fresh", True)):
            seed = number + 100 * (side in ("more", "fresh"))
            picture(tmp_path / side / "ab"[number % 2] / f"{number}.png", synthetic, seed)
    for number in range(10):
        picture(tmp_path / "mixed" / f"{number}.png", number < 4, 500 + number)
    return tmp_path


# ---- the encoder


def test_vectors_are_of_unit_length_and_do_not_depend_on_their_neighbours(name):
    encoder = open_clip_encoder(name)
    images = [making.pixels(width=50 + n, height=70, seed=n) for n in range(20)]
    together = np.stack([encoding.vector for encoding in encoder.encode(images)])
    alone = np.stack([encoder.encode([image])[0].vector for image in images])
    assert together.shape == (20, encoder.dimension) == (20, 16)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    assert together == pytest.approx(alone, abs=1e-5)


def test_other_weights_have_another_fingerprint(folder, tmp_path, name):
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "open_clip_model.safetensors")
    other = {
        key: value + (0.1 * torch.ones_like(value) if key == "visual.proj" else 0) for key, value in weights.items()
    }
    save_file(other, tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text((folder / "open_clip_config.json").read_text())
    assert OpenClipEncoder(f"local-dir:{tmp_path}").fingerprint != open_clip_encoder(name).fingerprint


def test_pickles_and_names_of_the_hub_are_refused(tmp_path, folder):
    (tmp_path / "w.pt").write_bytes(pickle.dumps({}))
    for bad, why in (
        (f"ViT-B-32:{tmp_path}/w.pt", "pickles can hold code"),
        ("ViT-B-32", "name local weights"),
        ("hf-hub:org/model", "pickles can hold code"),
        ("local-dir:/nowhere", "not fetched"),
        (f"ViT-B-32:{folder}/open_clip_model.safetensors", "cannot load it"),
        (f"no-such-model:{folder}/open_clip_model.safetensors", "cannot load it"),
    ):
        with pytest.raises(ModelError, match=why):
            OpenClipEncoder(bad)


# ---- the head


def test_it_separates_what_can_be_separated_whatever_a_sources_size():
    rng = np.random.default_rng(0)
    real = {"many": rng.normal(0, 1, (500, 8)), "few": rng.normal(0, 1, (10, 8))}
    synthetic = {"other": rng.normal(0, 1, (30, 8)) + np.eye(8)[0] * 3}
    weight, bias = probes.fit(real, synthetic)
    assert np.abs(weight).argmax() == 0
    assert (real["few"] @ weight + bias).mean() < 0 < (synthetic["other"] @ weight + bias).mean()


def test_a_probe_is_read_back_as_it_was_written(tmp_path):
    made = Probe("local-dir:x", "open_clip:0", "3 images", np.arange(4, dtype=np.float32), 0.5)
    (tmp_path / "p.safetensors").write_bytes(probes.dumps(made))
    found, _ = probes.load(tmp_path / "p.safetensors")
    assert (found.encoder, found.fingerprint, found.origin, found.bias) == (
        "local-dir:x",
        "open_clip:0",
        "3 images",
        0.5,
    )
    assert (found.weight == made.weight).all()


@pytest.mark.parametrize("data", [b"", b"no", pickle.dumps({"weight": 1})])
def test_what_is_no_probe_is_refused(tmp_path, data):
    (tmp_path / "p.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="cannot be read as a probe"):
        probes.load(tmp_path / "p.safetensors")


def test_safetensors_of_another_kind_are_refused(folder):
    with pytest.raises(ModelError, match="not a probe"):
        probes.load(folder / "open_clip_model.safetensors")


# ---- from images to an estimate


def test_fit_calibrate_scan(images, name, scan):
    probe, path = api.fit_probe(images / "real", images / "fake", name)
    assert probe.origin == "16 real images of 2 sources, 16 synthetic images of 2 sources"
    assert path.exists()
    assert scan(images / "mixed", out="first", detectors=("probe",)).estimate is None
    made = api.calibrate(images / "more", images / "fresh", detector="probe", engine="serial")
    found = scan(images / "mixed", out="second", detectors=("probe",), calibration=made).estimate
    assert found.n == 10
    assert found.low <= 0.4 <= found.high


def test_a_probe_fitted_anew_needs_a_calibration_of_its_own(images, name, tmp_path):
    from auditor.errors import CalibrationError
    from auditor.estimate.calibration import dumps

    api.fit_probe(images / "real", images / "fake", name)
    made = api.calibrate(images / "more", images / "fresh", detector="probe", engine="serial")
    (tmp_path / "c.json").write_text(dumps(made))
    assert api.read_calibration(tmp_path / "c.json") == made
    api.fit_probe(images / "more", images / "fake", name)
    with pytest.raises(CalibrationError, match="other weights"):
        api.read_calibration(tmp_path / "c.json")


def test_without_a_probe_a_scan_does_not_begin(images, scan):
    with pytest.raises(ModelError, match="`auditor probe` makes one"):
        scan(images / "mixed", detectors=("probe",))


def test_images_that_cannot_be_read_are_an_error(images, name):
    making.write(images / "bad/a.png", b"broken")
    with pytest.raises(ModelError, match="no image in it can be read"):
        api.fit_probe(images / "bad", images / "fake", name)
