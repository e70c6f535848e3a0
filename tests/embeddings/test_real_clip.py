"""open_clip with real CLIP ViT-B/16 image weights: the vectors are CLIP's, and what is built on them works with them."""

import pytest
import real_clip

pytest.importorskip("open_clip", reason="the extra `clip` is not installed")
pytest.importorskip("onnx", reason="the extra `test` is not installed")
pytest.importorskip("skimage", reason="the extra `demo` is not installed")
if real_clip.missing():
    pytest.skip(real_clip.missing(), allow_module_level=True)

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import auditor
from auditor.config import Config
from auditor.embeddings import open_clip
from auditor.embeddings.open_clip import OpenClipEncoder, open_clip_encoder
from auditor.errors import IndexFileError

pytestmark = pytest.mark.system

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    weights = real_clip.write(tmp_path_factory.mktemp("clip") / "b16.safetensors")
    yield f"{real_clip.ARCHITECTURE}:{weights}"
    weights.unlink()  # 300 MB, which pytest would keep three times


@pytest.fixture(scope="module")
def photos():
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    return {name.partition(".")[0]: Image.open(folder / name).convert("RGB") for name in PHOTOS}


@pytest.fixture(scope="module")
def vectors(name, photos):
    return np.stack([one.vector for one in open_clip_encoder(name).encode([np.asarray(i) for i in photos.values()])])


def test_every_weight_of_the_image_tower_has_its_place():
    wanted = {name: shape for name, shape in real_clip.shapes().items() if name.startswith("visual.")}
    assert {name: part.shape for name, part in real_clip.image_tower().items()} == wanted


def test_the_vectors_are_those_of_the_graph_that_the_weights_are_from(name, photos, vectors):
    import onnxruntime as ort

    session = ort.InferenceSession(str(real_clip.PLACE), providers=["CPUExecutionProvider"])
    prepare = open_clip_encoder(name)._prepare
    found = [session.run(["image_embeds"], {"pixel_values": prepare(i)[None].numpy()})[0][0] for i in photos.values()]
    cosine = [float(one @ other / np.linalg.norm(one)) for one, other in zip(found, vectors, strict=True)]
    apart = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert min(cosine) > 0.95  # the graph rounds activations to 8 bits, too
    assert max(apart) < 0.9


def test_a_vector_does_not_depend_on_its_neighbours(name, photos, vectors):
    alone = open_clip_encoder(name).encode([np.asarray(photos["chelsea"])])[0].vector
    assert alone == pytest.approx(vectors[1], abs=1e-5)


def test_half_precision_is_the_same_encoder(name, photos, vectors, monkeypatch):
    monkeypatch.setattr(open_clip, "running_on", lambda: ("cpu", "fp16"))
    half = OpenClipEncoder(name)
    found = half.encode([np.asarray(photos["coffee"])])[0].vector
    assert half.fingerprint == open_clip_encoder(name).fingerprint
    assert float(found @ vectors[2]) > 0.9999


def copies(image):
    """What scrapers and pipelines make of a picture."""
    width, height = image.size
    return {
        "crop": image.crop((width // 20, height // 20, width - width // 20, height - height // 20)),
        "small": ImageOps.contain(image, (256, 256)),
        "jpeg": image,
    }


@pytest.fixture(scope="module")
def sets(tmp_path_factory, photos):
    """Folders: the pictures, and their copies."""
    base = tmp_path_factory.mktemp("sets")
    for folder in ("originals", "mixed"):
        (base / folder).mkdir()
    for name, image in photos.items():
        image.save(base / "originals" / f"{name}.png")
        for change, changed in copies(image).items():
            changed.save(base / "mixed" / f"{name}-{change}.jpg", quality=30 if change == "jpeg" else 90)
    return base


def test_copies_are_found_in_a_dataset_and_again_by_an_index_of_the_originals(name, sets, tmp_path, scan):
    known = [sets / "originals" / f"{photo.partition('.')[0]}.png" for photo in PHOTOS[:3]]
    config = Config.of(detectors=(), encoder=name, keep_vectors=True)
    auditor.build_index(tmp_path / "index", known, config=config, engine="serial")
    indexes = (str(tmp_path / "index"),)
    audit = scan(sets / "mixed", detectors=(), encoder=name, indexes=indexes)
    assert (audit.near_duplicates.clusters, audit.near_duplicates.in_clusters) == (len(PHOTOS), 3 * len(PHOTOS))
    rows = auditor.evidence(tmp_path / "audit")
    matched = sorted(rows[rows["decided_by"] == "known-image"]["key"])
    stems = sorted(photo.partition(".")[0] for photo in PHOTOS[:3])
    assert matched == sorted(f"{stem}-{change}.jpg" for stem in stems for change in ("crop", "jpeg", "small"))


def test_an_index_of_another_encoder_is_refused(name, sets, tmp_path, scan):
    config = Config.of(detectors=(), keep_vectors=True)
    auditor.build_index(tmp_path / "index", sets / "originals", config=config, engine="serial")
    with pytest.raises(IndexFileError, match="its vectors are from ouro-v2.*the dataset's from open_clip:"):
        scan(sets / "mixed", detectors=(), encoder=name, indexes=(str(tmp_path / "index"),))
