"""open_clip models as encoders of a scan: weights that lie here, fingerprints, captions."""

import json

import making
import pytest

pytest.importorskip("open_clip", reason="the extra `clip` is not installed")

import models
import numpy as np

import auditor
from auditor.embeddings import open_clip
from auditor.embeddings.open_clip import OpenClipEncoder, open_clip_encoder, weights_of
from auditor.errors import ModelError
from auditor.evidence_store.store import Store
from auditor.similarity.summary import captions


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    return f"local-dir:{models.clip(tmp_path_factory.mktemp('clip'))}"


def test_a_scan_keeps_the_models_vectors_and_how_captions_fit(tmp_path, scan, name):
    for number in range(3):
        making.write(tmp_path / "set" / f"{number}.png", making.encoded("PNG", seed=number))
    making.write(tmp_path / "set/0.txt", "a red square")
    making.write(tmp_path / "set/1.txt", "noise")
    audit = scan(tmp_path / "set", detectors=("generator-text",), encoder=name)
    (part,) = Store(tmp_path / "audit").parts()
    encoder = open_clip_encoder(name)
    assert part.vectors.fingerprint == encoder.fingerprint
    rows = auditor.evidence(tmp_path / "audit")
    (vector,) = (found.vector for found in encoder.encode([making.pixels(seed=1)]))
    wanted = float(vector @ encoder.encode_texts(["noise"])[0])
    assert rows["caption_similarity"].notna().tolist() == [True, True, False]
    assert rows["caption_similarity"][1] == pytest.approx(wanted, abs=1e-5)
    assert [(group.name, group.n) for group in audit.caption_similarity] == [("all", 2), ("others", 2)]
    assert audit.caption_similarity == captions([part])


def test_without_a_text_tower_nothing_is_said_of_captions(tmp_path, scan):
    making.write(tmp_path / "set/0.png", making.encoded("PNG", width=220, height=200))
    making.write(tmp_path / "set/0.txt", "a caption")
    assert scan(tmp_path / "set", detectors=("classifier",)).caption_similarity == ()


def test_texts_have_unit_vectors_of_the_images_dimension(name):
    found = open_clip_encoder(name).encode_texts([f"caption {number}" for number in range(20)])
    assert found.shape == (20, 16)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


def test_another_preprocessing_is_another_fingerprint(name, tmp_path):
    folder = models.clip(tmp_path / "clip")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.5, 0.5, 0.5]
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert OpenClipEncoder(f"local-dir:{folder}").fingerprint != open_clip_encoder(name).fingerprint


def test_half_precision_is_for_gpus(monkeypatch):
    for is_there, wanted in ((True, ("cuda", "fp16")), (False, ("cpu", "fp32"))):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=is_there: there)
        assert open_clip.running_on() == wanted


def test_vectors_of_both_precisions_are_single_of_unit_length_and_of_one_fingerprint(name, monkeypatch):
    monkeypatch.setattr(open_clip, "running_on", lambda: ("cpu", "fp16"))
    half, single = OpenClipEncoder(name), open_clip_encoder(name)
    images = [making.pixels(seed=seed) for seed in range(3)]
    for one, other in zip(half.encode(images), single.encode(images), strict=True):
        assert one.vector.dtype == np.float32
        assert np.linalg.norm(one.vector) == pytest.approx(1, abs=1e-6)
        assert float(one.vector @ other.vector) > 0.999
    assert half.fingerprint == single.fingerprint
    assert half.encode_texts(["a cat"]) == pytest.approx(single.encode_texts(["a cat"]), abs=0.01)


def test_weights_that_are_not_here_are_not_fetched(monkeypatch):
    asked = []
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *where: asked.append(where))
    with pytest.raises(
        ModelError, match="hf download laion/CLIP-ViT-B-32-laion2B-s34B-b79K open_clip_model.safetensors"
    ):
        weights_of("open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert asked == [("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "open_clip_model.safetensors")]


def test_a_text_tower_that_would_be_fetched_is_refused_unless_the_hub_is_offline(monkeypatch, tmp_path):
    making.write(tmp_path / "w.safetensors", b"x")
    name = f"roberta-ViT-B-32:{tmp_path / 'w.safetensors'}"
    with pytest.raises(ModelError, match="its text encoder roberta-base would be downloaded"):
        OpenClipEncoder(name)
    folder = models.clip(tmp_path / "clip")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = "someone/tower"
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="someone/tower would be downloaded"):
        OpenClipEncoder(f"local-dir:{folder}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    open_clip._refuse_fetching(name, "roberta-ViT-B-32")
    (folder / "open_clip_config.json").write_text("{")
    with pytest.raises(ModelError, match="no open_clip_config.json that describes"):
        OpenClipEncoder(f"local-dir:{folder}")


def test_weights_in_the_hubs_cache_are_used_with_their_own_preprocessing(monkeypatch, tmp_path):
    making.write(tmp_path / "w.safetensors", b"x")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *where: str(tmp_path / "w.safetensors"))
    assert weights_of("open_clip:ViT-B-32/openai") == tmp_path / "w.safetensors"
    architecture, options = open_clip._plan("open_clip:ViT-B-32/openai", tmp_path / "w.safetensors")
    assert (architecture, options["force_quick_gelu"], options["image_interpolation"]) == ("ViT-B-32", True, "bicubic")


def test_a_tag_that_open_clip_does_not_know_is_refused_with_those_there_are():
    with pytest.raises(ModelError, match="for ViT-B-32 there are: openai"):
        weights_of("open_clip:ViT-B-32/nonsense")
    with pytest.raises(ModelError, match="no such architecture"):
        weights_of("open_clip:nonsense/openai")
