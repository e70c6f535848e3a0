"""Near copies: found whatever was done to them, only where both measures agree, joined however many they are."""

import io

import corpora
import making
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from properties import examples

import auditor
from auditor import audit_json
from auditor.embeddings import whitening
from auditor.embeddings.embedded_encoder import embedded
from auditor.errors import EvidenceError
from auditor.evidence_store.store import SCRATCH, Store
from auditor.images.thumbnail_match import NCC_MATCH, SIDE, ncc_similarity, ncc_similarity_whole, thumbnail
from auditor.similarity import near_duplicates, neighbours
from auditor.similarity.near_duplicates import clusters, copies, summarise
from auditor.similarity.neighbours import Index, self_join
from auditor.types import VerdictKind

KEPT = {"detectors": ("generator-text",), "keep_vectors": True}


def jpeg(image, quality):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue()))


def crop(share):
    def cut(image):
        width, height = round(image.width * share), round(image.height * share)
        left, top = (image.width - width) // 3, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))

    return cut


CHANGES = {
    "nothing": lambda image: image,
    "JPEG 30": lambda image: jpeg(image, 30),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "mirrored": ImageOps.mirror,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "cropped to 80 %": crop(0.9),
    "cropped to 60 %": crop(0.775),
}


def picture(seed):
    """A few shapes on a ground, as thumbnails of photographs have them."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return coarse.resize((240, 240), Image.Resampling.BICUBIC)


# ---- the second measure


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(5))
def test_a_changed_copy_is_alike_either_way(change, seed):
    plain, changed = (thumbnail(np.asarray(image)) for image in (picture(seed), CHANGES[change](picture(seed))))
    assert ncc_similarity(plain, changed) >= NCC_MATCH
    assert ncc_similarity(plain, changed) == pytest.approx(ncc_similarity(changed, plain), abs=1e-5)


def test_different_pictures_are_not_alike():
    thumbs = [thumbnail(np.asarray(picture(seed))) for seed in range(25)]
    assert max(ncc_similarity(thumbs[0], other) for other in thumbs[1:]) < NCC_MATCH


def test_blank_pictures_are_alike_to_nothing():
    blank, other = np.full(SIDE * SIDE, 200, np.uint8), corpora.pictures(1)[0]
    assert ncc_similarity(blank, blank) == 0
    assert ncc_similarity(blank, other) < 0.1


@given(st.integers(0, 10_000))
@examples(20)
def test_whole_pictures_are_compared_the_same_in_bulk(seed):
    one, other = corpora.pictures(2, seed)
    mixed = ((one.astype(int) + other) // 2).astype(np.uint8)
    assert ncc_similarity_whole(one[None], mixed[None])[0] <= ncc_similarity(one, mixed) + 1e-5
    assert ncc_similarity_whole(one[None], one[None])[0] == pytest.approx(ncc_similarity(one, one), abs=1e-5)


def test_both_measures_have_to_agree():
    ones = corpora.pictures(3)
    others = np.stack([ones[0], ones[1], corpora.pictures(1, seed=9)[0]])
    found, left = copies(np.array([0.9, 0.3, 0.9]), lambda pairs: (ones[pairs], others[pairs]))
    assert (found.tolist(), left) == ([True, False, False], 0)


def test_pairs_that_are_not_searched_for_crops_are_counted():
    ones, others = corpora.pictures(4), corpora.pictures(4, seed=1)
    _, left = copies(np.array([0.9, 0.95, 0.85, 0.7]), lambda pairs: (ones[pairs], others[pairs]), searches=1)
    assert left == 2


# ---- neighbours


@given(st.integers(2, 60), st.integers(0, 100))
@examples(20)
def test_a_join_finds_what_comparing_all_with_all_finds(count, seed):
    vectors = corpora.directions(count, 4, seed).astype(np.float32)
    cosine = vectors @ vectors.T
    wanted = {(i, j) for i, j in zip(*np.nonzero(cosine > 0.8001), strict=True) if i != j}
    blocks = list(self_join(vectors, count, 0.8))
    found = {(int(i), int(j)) for block in blocks for i, j in zip(block.query, block.found, strict=True)}
    assert wanted <= found <= {(i, j) for i, j in zip(*np.nonzero(cosine > 0.7999), strict=True) if i != j}


def test_an_inverted_file_finds_near_copies_as_well(monkeypatch):
    vectors = corpora.directions(6000, 16).astype(np.float32)
    vectors[3000:3300] = vectors[:300] + 0.02 * corpora.directions(300, 16, seed=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    monkeypatch.setattr("auditor.similarity.neighbours._FLAT_JOIN", 1000)
    found = {
        (int(i), int(j)) for block in self_join(vectors, 8, 0.99) for i, j in zip(block.query, block.found, strict=True)
    }
    assert sum((row, row + 3000) in found for row in range(300)) >= 297


def test_more_than_memory_is_to_hold_is_joined_from_files_alike(tmp_path, monkeypatch):
    vectors, thumbs = corpora.directions(1500), corpora.pictures(1500)
    vectors[1000:1100] = vectors[:100] + 0.01 * corpora.directions(100, seed=1)
    thumbs[1000:1100] = thumbs[:100]
    for number in range(3):
        rows = slice(500 * number, 500 * (number + 1))
        corpora.part(tmp_path, vectors[rows], thumbs[rows], name=f"part{number}")
    monkeypatch.setattr(neighbours, "_FLAT_JOIN", 400)
    wanted, _ = clusters(corpora.corpus(tmp_path))
    asked, mapped = [], neighbours._mapped
    monkeypatch.setattr(neighbours, "_SHARD", 600)
    monkeypatch.setattr(neighbours, "_mapped", lambda *given: (asked.append(given[1]), mapped(*given))[1])
    monkeypatch.setattr(near_duplicates, "MAPPED", 1000)
    found, _ = clusters(corpora.corpus(tmp_path))
    assert isinstance(asked[0], np.memmap)
    assert np.array_equal(found, wanted)
    assert (found[1000:1100] == np.arange(100)).mean() >= 0.98
    assert not list((tmp_path / "evidence").glob(f"{SCRATCH}*"))


def test_files_that_a_killed_run_left_are_removed_by_the_next(tmp_path):
    left = tmp_path / "evidence" / f"{SCRATCH}killed" / "lists"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    Store(tmp_path).claim({"tool": "t"}, restart=False)
    assert not left.parent.exists()


def test_searching_an_index_of_few_gives_no_more_than_there_are():
    few = Index.build(corpora.directions(3, 4).astype(np.float32))
    assert len(few.nearest(corpora.directions(1, 4).astype(np.float32), 10)) == 3


# ---- the space


def test_the_shipped_space_is_the_shipped_encoders():
    """After the model was changed: benchmarks/duplicates.py --fit, and the measurements in docs/benchmarks/similarity.md again."""
    fingerprint, space = whitening.shipped()
    assert fingerprint == embedded().fingerprint
    assert space.components.shape == (embedded().dimension, whitening.COMPONENTS)


# ---- clusters


def test_clusters_go_over_parts_and_leave_the_others_alone(tmp_path):
    vectors, thumbs = corpora.directions(6), corpora.pictures(6)
    corpora.part(tmp_path, vectors[:4], thumbs[:4], name="a")
    corpora.part(tmp_path, [vectors[5], None, vectors[1], vectors[0]], [*thumbs[[5, 0, 1]], thumbs[5]], name="b")
    found = summarise(corpora.corpus(tmp_path), *clusters(corpora.corpus(tmp_path)))
    assert (found.n, found.in_clusters, found.clusters, found.is_verified) == (7, 2, 1, True)
    assert found.largest[0].images == ("a-1", "b-2")  # b-3 has a-0's vector and another picture


@pytest.mark.parametrize("count", [9, 300])
def test_as_many_copies_as_there_are_make_one_cluster(tmp_path, count):
    vectors = np.concatenate([np.tile(corpora.directions(1), (count, 1)), corpora.directions(5, seed=2)])
    thumbs = np.concatenate([np.tile(corpora.pictures(1), (count, 1)), corpora.pictures(5, seed=2)])
    corpora.part(tmp_path, vectors, thumbs)
    label, _ = clusters(corpora.corpus(tmp_path))
    assert np.bincount(label).max() == count
    assert len(np.unique(label)) == 6


def test_groups_are_counted_apart_and_suspects_come_first(tmp_path):
    vectors, thumbs = corpora.directions(3), corpora.pictures(3)
    rows = [0, 0, 1, 1, 1, 2]
    labels = [VerdictKind.SYNTHETIC, VerdictKind.SYNTHETIC, *[VerdictKind.UNKNOWN] * 3, VerdictKind.LIKELY_SYNTHETIC]
    corpora.part(tmp_path, vectors[rows], thumbs[rows], labels=labels)
    found = summarise(corpora.corpus(tmp_path), *clusters(corpora.corpus(tmp_path)))
    assert [(group.name, group.n, group.in_clusters, group.largest) for group in found.groups] == [
        ("confirmed synthetic", 2, 2, 2), ("flagged by the classifier", 1, 0, 1), ("others", 3, 3, 3),
    ]  # fmt: skip
    assert [(cluster.size, cluster.declared) for cluster in found.largest] == [(2, 2), (3, 0)]


def test_without_thumbnails_only_what_is_all_but_the_same_is_joined_and_said_to_be_unverified(tmp_path):
    one, other, far = corpora.directions(3)
    corpora.part(tmp_path, [one, one + 0.01 * other, one + 0.5 * other, far], [None] * 4)
    found = summarise(corpora.corpus(tmp_path), *clusters(corpora.corpus(tmp_path)))
    assert (found.is_verified, found.in_clusters) == (False, 2)


def test_vectors_of_two_encoders_are_refused(tmp_path):
    for name in ("a", "b"):
        corpora.part(tmp_path, corpora.directions(2), corpora.pictures(2), name=name, fingerprint=f"made:{name}")
    with pytest.raises(EvidenceError, match="different encoders cannot be compared: made:a, made:b"):
        corpora.corpus(tmp_path)


# ---- the whole way


def test_a_scan_finds_changed_copies(tmp_path, scan):
    for name, change in CHANGES.items():
        making.write(tmp_path / "set" / f"{name}.png", b"")
        change(picture(1)).save(tmp_path / "set" / f"{name}.png")
    for seed in range(2, 8):
        picture(seed).save(tmp_path / "set" / f"{seed}.png")
    audit = scan(tmp_path / "set", **KEPT)
    found = audit.near_duplicates
    assert (found.n, found.in_clusters, found.clusters) == (13, len(CHANGES), 1)
    table = pd.read_parquet(tmp_path / "audit/duplicates.parquet")
    assert sorted(table["key"]) == sorted(f"{name}.png" for name in CHANGES)
    assert set(table["cluster"]) == {1}
    assert audit_json.loads(audit_json.dumps(audit, auditor.decide(audit))).near_duplicates == found


def test_without_vectors_there_is_nothing_to_say(tmp_path, scan):
    making.write(tmp_path / "set/a.png", making.encoded("PNG"))
    assert scan(tmp_path / "set", detectors=("generator-text",)).near_duplicates is None
    assert not (tmp_path / "audit/duplicates.parquet").exists()


def test_one_image_alone_has_no_copy(tmp_path, scan):
    picture(1).save(tmp_path / "a.png")
    found = scan(tmp_path / "a.png", **KEPT).near_duplicates
    assert (found.n, found.in_clusters, found.largest) == (1, 0, ())


def test_nothing_is_joined_beyond_the_rounds(tmp_path, monkeypatch):
    monkeypatch.setattr(near_duplicates, "_MAX_ROUNDS", 1)
    corpora.part(tmp_path, corpora.directions(4), corpora.pictures(4))
    label, _ = clusters(corpora.corpus(tmp_path))
    assert len(np.unique(label)) == 4
