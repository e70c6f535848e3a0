"""A reconstruction is the same picture at the same size, and lives the same life as its original."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
from training.decoder import Decoder
from training.launder import seeded
from training.rebuild import mixed, reconstruction


def picture(width: int = 90, height: int = 61) -> Image.Image:
    """Soft blotches."""
    small = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def layer(kind: str, name: str, *before: str) -> dict[str, object]:
    """One of Keras' layers."""
    return {"class_name": kind, "name": name, "inbound_nodes": [[[one, 0, 0, {}] for one in before]] if before else []}


@pytest.fixture
def decoder(tmp_path: Path) -> Decoder:
    """Enlarges twice by repeating pixels: its only kernel leaves them as they are."""
    (tmp_path / "x2").mkdir()
    layers = [layer("InputLayer", "in"), layer("UpSampling2D", "up", "in"), layer("Conv2D", "out", "up")]
    weights = [{"name": "out/kernel", "shape": [1, 1, 3, 3]}, {"name": "out/bias", "shape": [3]}]
    described = {
        "modelTopology": {"config": {"layers": layers}},
        "weightsManifest": [{"paths": ["blob"], "weights": weights}],
    }
    (tmp_path / "x2" / "model.json").write_text(json.dumps(described))
    (tmp_path / "x2" / "blob").write_bytes(np.r_[np.eye(3).ravel(), np.zeros(3)].astype(np.float32).tobytes())
    return Decoder(tmp_path, 2)


def test_the_network_is_read_as_it_was_written(decoder: Decoder) -> None:
    image = picture(8, 6)
    assert np.array_equal(np.asarray(decoder(image)), np.asarray(image).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("size", [(90, 61), (91, 40)])
def test_a_reconstruction_has_the_size_of_its_original(decoder: Decoder, size: tuple[int, int]) -> None:
    assert reconstruction(picture(*size), decoder).size == size


@pytest.mark.parametrize("number", range(8))
def test_mixing_keeps_size_and_mode(decoder: Decoder, number: int) -> None:
    image = picture()
    out = mixed(image, reconstruction(image, decoder), seeded("a.png", number))
    assert (out.size, out.mode) == (image.size, "RGB")
