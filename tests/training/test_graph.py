"""The ONNX graph is CLIP's image tower, as float32 exactly and as int8 nearly."""

from __future__ import annotations

from pathlib import Path

import making
import numpy as np
import onnxruntime as ort
import pytest
import real_clip
from PIL import Image

pytest.importorskip("onnx", reason="the extra `test` is not installed")
if why := real_clip.missing():
    pytest.skip(why, allow_module_level=True)

from auditor.embeddings.embedded_encoder import embedded, tokens_of
from auditor.embeddings.preparation import squashed
from training import clip, graph
from training.embed import session
from training.fit import Recipe
from training.graph import Shape

pytestmark = pytest.mark.system
IMAGE = making.pixels(width=400, height=300)
Answer = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def tower() -> clip.Tower:
    return clip.read(real_clip.PLACE)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return squashed(Image.fromarray(IMAGE), 224)


@pytest.fixture(scope="module")
def exact(tower: clip.Tower, pixels: np.ndarray) -> Answer:
    """Tokens of blocks 7 to 12 and the vector, in float32."""
    return run(graph.build(tower, Shape()), pixels)


@pytest.fixture(scope="module")
def watched(tower: clip.Tower) -> ort.InferenceSession:
    """The float32 graph in full, whose inputs of layers are outputs too."""
    return session(graph.build(tower, Shape(), watched=True))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


def run(model: bytes, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tokens, vector = session(model).run(["tokens", "vector"], {"pixels": pixels})
    return tokens, vector


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"other")
    with pytest.raises(ValueError, match="README"):
        clip.read(tmp_path / "a.onnx")


def test_as_float32_it_is_open_clips_tower(tower: clip.Tower, pixels: np.ndarray) -> None:
    open_clip = pytest.importorskip("open_clip", reason="the extra `clip` is not installed")
    import torch

    model = open_clip.CLIP(**open_clip.get_model_config(real_clip.ARCHITECTURE))
    state = {name: torch.from_numpy(np.array(part)) for name, part in real_clip.image_tower().items()}
    assert not model.load_state_dict(state, strict=False).unexpected_keys
    normalised = (pixels / 255 - clip.MEAN) / clip.STD
    with torch.inference_mode():
        wanted = model.visual.eval()(torch.from_numpy(normalised.transpose(0, 3, 1, 2)).float())[0].numpy()
    tokens, vector = run(graph.build(tower, Shape(taken=(1, 12))), pixels)
    assert tokens.shape == (2, clip.WIDTH)
    assert cosine(vector, wanted) > 0.99999
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_of_the_last_block_only_the_cls_token_is_needed(
    watched: ort.InferenceSession, exact: Answer, pixels: np.ndarray
) -> None:
    for one, other in zip(watched.run(["tokens", "vector"], {"pixels": pixels}), exact, strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_the_vector_is_that_of_the_last_block_whichever_tokens_come_out(
    tower: clip.Tower, exact: Answer, pixels: np.ndarray
) -> None:
    some, vector = run(graph.build(tower, Shape(taken=(7, 11))), pixels)
    assert np.allclose(vector, exact[1], atol=1e-5)
    assert np.allclose(some, exact[0][[0, 4]], atol=1e-4)


def test_the_shipped_encoder_gives_clips_embedding_and_tokens(exact: Answer) -> None:
    (shipped,) = embedded().encode([IMAGE])
    assert cosine(exact[1], shipped.vector) > 0.985
    tokens = tokens_of([shipped]).reshape(-1, clip.WIDTH)
    for block, token in zip(Recipe().blocks, tokens, strict=True):
        assert cosine(exact[0][block - Shape().taken[0]], token) > 0.985


def test_as_int8_it_is_nearly_the_same_and_a_quarter_of_the_size(
    tower: clip.Tower, watched: ort.InferenceSession, exact: Answer, pixels: np.ndarray
) -> None:
    names = [output.name for output in watched.get_outputs() if "." in output.name]
    highest = {
        name: np.abs(value).max(axis=0)
        for name, value in zip(names, watched.run(names, {"pixels": pixels}), strict=True)
    }
    small = graph.build(tower, Shape(), graph.factors(highest, tower))
    assert len(small) < 95e6
    tokens, quantised = run(small, pixels)
    assert cosine(exact[1], quantised) > 0.99
    assert min(cosine(one, other) for one, other in zip(exact[0], tokens, strict=True)) > 0.98


def test_merged_tokens_change_little_and_every_shape_has_answers(
    tower: clip.Tower, exact: Answer, pixels: np.ndarray
) -> None:
    image = Image.fromarray(IMAGE)
    _, merged = run(graph.build(tower, Shape(merged=4)), pixels)
    assert 0.9 < cosine(exact[1], merged) < 1 - 1e-6
    tokens, _ = run(graph.build(tower, Shape(size=160, merged=3, taken=(3, 9))), squashed(image, 160))
    assert np.isfinite(tokens).all()
