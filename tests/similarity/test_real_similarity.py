"""Similarity on real images: an index found again in a re-encoded mix, and the panel on real embeddings."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import auditor
from auditor import audit as pipeline
from auditor.config import Config, ReadOptions
from auditor.similarity.diversity import metrics

pytestmark = pytest.mark.system

FEW = 20


def reencoded(path, folder):
    """As img2dataset leaves it: at most 256 pixels, JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.open(path).convert("RGBA")
    whole = Image.new("RGB", image.size, "white")
    whole.paste(image, mask=image.getchannel("A"))
    whole.thumbnail((256, 256))
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=80)
    (folder / f"{path.stem}.jpg").write_bytes(out.getvalue())


@pytest.fixture(scope="module")
def chosen(data):
    """Some synthetic and some real images of the sample, spread over its sources."""
    table = pd.read_csv(data / "sample/metadata.csv")
    ai, real = (table[table["file_name"].str.startswith(f"{side}/")]["file_name"] for side in ("ai", "real"))
    return [[data / "sample" / name for name in side[:: len(side) // FEW][:FEW]] for side in (ai, real)]


def test_an_index_is_found_again_in_a_reencoded_mix_and_no_real_image_is(chosen, tmp_path, scan):
    ai, real = chosen
    for side, paths in zip(("ai", "real"), chosen, strict=True):
        (tmp_path / f"known-{side}").mkdir()
        for path in paths:
            (tmp_path / f"known-{side}" / path.name).symlink_to(path)
            reencoded(path, tmp_path / "mix" / side)
    config = Config.of(detectors=(), read=ReadOptions(follow_links=True), keep_vectors=True)
    auditor.build_index(tmp_path / "index", tmp_path / "known-ai", config=config, engine="serial")
    scan(tmp_path / "mix", detectors=(), indexes=(str(tmp_path / "index"),))
    rows = auditor.evidence(tmp_path / "audit")
    found = rows[rows["decided_by"] == "known-image"]["key"]
    assert found.str.startswith("ai/").sum() >= len(ai) - 1
    assert not found.str.startswith("real/").any()
    assert len(rows) == len({path.stem for path in ai}) + len({path.stem for path in real})


@pytest.fixture(scope="module")
def vectors(chosen, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    (folder / "set").mkdir()
    for path in chosen[0] + chosen[1]:
        (folder / "set" / f"{path.parent.name}-{path.name}").symlink_to(path)
    config = Config.of(detectors=(), keep_vectors=True, read=ReadOptions(follow_links=True))
    parts = pipeline.gather([folder / "set"], folder / "audit", config, pipeline.make_engine(1, "serial"))
    return np.concatenate([part.vectors.open() for part in parts]).astype(np.float32)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def moved(vectors, change):
    """How the panel of one half against the other changes, over several halves."""
    rng, found = np.random.default_rng(0), []
    for _ in range(20):
        reference, clean = np.array_split(vectors[rng.permutation(len(vectors))], 2)
        before, after = metrics(reference, unit(clean)), metrics(reference, unit(change(clean, rng)))
        found.append({name: after[name] - before[name] for name in before})
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def test_contraction_crowds_the_reference_and_leaves_its_edges(vectors):
    found = moved(vectors, lambda clean, rng: clean.mean(0) + 0.7 * (clean - clean.mean(0)))
    assert found["density"] > 0
    assert found["recall"] < 0
    assert found["nearest"] < 0
    assert found["trace"] < 0


def test_too_much_of_a_few_is_seen_by_vendi(vectors):
    found = moved(vectors, lambda clean, rng: clean[rng.integers(0, len(clean) // 5, len(clean))])
    assert found["vendi"] < 0
    assert found["spacing"] < 0


def test_an_artefact_that_all_share_is_seen_by_cmmd(vectors):
    found = moved(vectors, lambda clean, rng: clean + 2 * clean.std(0) * rng.normal(0, 1, clean.shape[1]))
    assert found["cmmd"] > 0
    assert found["precision"] < 0
