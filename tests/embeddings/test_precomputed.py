"""Vectors made elsewhere: found by name, checked against their tables, refused by file and row where they are odd."""

import making
import numpy as np
import pandas as pd
import pytest

import auditor
from auditor.config import Config
from auditor.embeddings.precomputed import Existing, Lookup, pairs, vector_stats
from auditor.errors import DatasetError
from auditor.evidence_store.store import Store
from auditor.resources import Resources
from auditor.types import Sample


def matrix(rows, dimension=8, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (rows, dimension)).astype(np.float16)


def clip_retrieval(folder, names, column="image_path", split=2):
    """As `clip-retrieval inference` writes it."""
    for part in ("img_emb", "metadata"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    whole = matrix(len(names))
    for number, rows in enumerate(np.array_split(np.arange(len(names)), split)):
        np.save(folder / "img_emb" / f"img_emb_{number}.npy", whole[rows])
        table = pd.DataFrame({column: [names[row] for row in rows], "caption": "c"})
        table.to_parquet(folder / "metadata" / f"metadata_{number}.parquet")
    return whole.astype(np.float32)


def datacomp(folder, uids, dimension=8):
    folder.mkdir(parents=True, exist_ok=True)
    whole = matrix(len(uids), dimension)
    np.savez(folder / "00000000.npz", b32_img=whole, l14_img=np.hstack([whole, whole]))
    urls = [f"http://a.example/{uid}.jpg" for uid in uids]
    pd.DataFrame({"uid": uids, "url": urls, "text": "c"}).to_parquet(folder / "00000000.parquet")
    return whole.astype(np.float32)


def sample(key, image="", url=None):
    return Sample(key, "", image or key, url=url)


def along(found, wanted):
    return float(found @ wanted / np.linalg.norm(wanted))


@pytest.mark.parametrize("column", ["image_path", "key", "url"])
def test_rows_are_found_by_key_path_or_url(tmp_path, column):
    whole = clip_retrieval(tmp_path, [f"n{row}" for row in range(7)], column)
    found = Lookup(Existing(str(tmp_path))).vectors(
        [sample("n5"), sample("x", url="n6"), sample("x", "n0"), sample("y")]
    )
    assert found[3] is None
    for vector, row in zip(found[:3], (5, 6, 0), strict=True):
        assert along(vector, whole[row]) == pytest.approx(1, abs=1e-3)


def test_paths_count_from_the_folder_they_share(tmp_path):
    whole = clip_retrieval(tmp_path, ["/data/set/a/1.jpg", "/data/set/a/2.jpg", "/data/set/b/1.jpg"], split=1)
    (found,) = Lookup(Existing(str(tmp_path))).vectors([sample("b/1.jpg")])
    assert along(found, whole[2]) == pytest.approx(1, abs=1e-3)


def test_more_than_ten_files_keep_their_tables(tmp_path):
    names = [f"n{row}" for row in range(24)]
    whole = clip_retrieval(tmp_path, names, split=12)
    assert [pair.vectors.stem for pair in pairs(Existing(str(tmp_path)))][-1] == "img_emb_11"
    for row, found in enumerate(Lookup(Existing(str(tmp_path))).vectors([sample(name) for name in names])):
        assert along(found, whole[row]) == pytest.approx(1, abs=1e-3)


def test_of_datacomp_the_better_array_is_taken_unless_one_is_named(tmp_path):
    whole = datacomp(tmp_path, ["u1", "u2"])
    assert vector_stats(Existing(str(tmp_path))).fingerprint == "given:l14_img:16"
    assert vector_stats(Existing(str(tmp_path), "b32_img")).fingerprint == "given:b32_img:8"
    (found,) = Lookup(Existing(str(tmp_path), "b32_img")).vectors([sample("u2")])
    assert along(found, whole[1]) == pytest.approx(1, abs=1e-3)


def test_a_scan_keeps_them_instead_of_encoding(tmp_path, scan, monkeypatch):
    monkeypatch.setattr("auditor.scanning.shard_scan.embedded", None)  # encoding would fail
    names = []
    for number in range(4):
        making.write(tmp_path / "set" / f"{number}.png", making.encoded("PNG", seed=number))
        names.append(f"{number}.png")
    whole = clip_retrieval(tmp_path / "emb", names[:3])
    given = {"embeddings": str(tmp_path / "emb"), "embeddings_model": "ViT-B/32"}
    audit = scan(tmp_path / "set", detectors=("generator-text",), **given)
    (part,) = Store(tmp_path / "audit").parts()
    found = part.vectors.open()
    assert auditor.evidence(tmp_path / "audit")["vector"].notna().tolist() == [True, True, True, False]
    assert along(found[1], whole[1]) == pytest.approx(1, abs=2e-3)
    assert part.vectors.fingerprint == "given:ViT-B/32:8"
    assert audit.digests.vectors["rows"] == 3
    assert str(tmp_path) not in str(audit.config)


def test_a_table_of_urls_has_vectors_without_a_single_image(tmp_path, scan):
    datacomp(tmp_path / "set", ["u1", "u2"])
    scan(tmp_path / "set", detectors=("generator-text",), embeddings=str(tmp_path / "set"))
    (part,) = Store(tmp_path / "audit").parts()
    assert len(part.vectors.open()) == part.rows == 2


def test_none_of_the_rows_known_there_is_an_error(tmp_path, scan):
    making.write(tmp_path / "set/a.png", making.encoded("PNG"))
    clip_retrieval(tmp_path / "emb", ["x", "y"])
    with pytest.raises(DatasetError, match="has a vector for none of the 1 rows"):
        scan(tmp_path / "set", detectors=("c2pa",), embeddings=str(tmp_path / "emb"))


def test_other_vectors_are_another_configuration(tmp_path):
    clip_retrieval(tmp_path, ["a", "b"])
    config = Config.of(detectors=(), embeddings=str(tmp_path))
    before = Resources.load(config).evidence_digest(config)
    np.save(tmp_path / "img_emb/img_emb_0.npy", matrix(1, seed=5))
    assert Resources.load(config).evidence_digest(config) != before


def spoil_rows(folder):
    np.save(folder / "img_emb/img_emb_1.npy", matrix(9))


def spoil_dimension(folder):
    np.save(folder / "img_emb/img_emb_1.npy", matrix(2, 5))


def spoil_value(value):
    def spoil(folder):
        whole = matrix(2)
        whole[1] = value
        np.save(folder / "img_emb/img_emb_1.npy", whole)

    return spoil


@pytest.mark.parametrize(("spoil", "words"), [
    (spoil_rows, r"img_emb_1\.npy has 9 rows, metadata_1\.parquet has 2: not from the same run"),
    (spoil_dimension, r"img_emb_1\.npy: 5 dimensions, the others have 8"),
    (spoil_value(np.nan), r"img_emb_1\.npy, row 1: a vector that is not finite"),
    (spoil_value(0), r"img_emb_1\.npy, row 1: a vector that is zero"),
    (lambda folder: (folder / "metadata/metadata_1.parquet").unlink(), r"metadata_1\.parquet: no such file"),
    (lambda folder: (folder / "metadata/metadata_1.parquet").write_bytes(b"x"), r"metadata_1\.parquet: "),
    (lambda folder: (folder / "img_emb/img_emb_1.npy").write_bytes(b"x"), r"img_emb_1\.npy: no vectors in this file"),
    (lambda folder: np.save(folder / "img_emb/img_emb_1.npy", np.zeros(3)), "must be a matrix of floats"),
])  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, spoil, words):
    clip_retrieval(tmp_path, ["a", "b", "c", "d"])
    spoil(tmp_path)
    with pytest.raises(DatasetError, match=words):
        vector_stats(Existing(str(tmp_path)))


def test_a_folder_of_neither_kind_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="neither img_emb"):
        pairs(Existing(str(tmp_path)))
    (tmp_path / "img_emb").mkdir()
    with pytest.raises(DatasetError, match=r"img_emb: no \.npy"):
        pairs(Existing(str(tmp_path)))


def test_an_array_that_is_not_there_is_refused_by_name(tmp_path):
    datacomp(tmp_path, ["u"])
    with pytest.raises(DatasetError, match="no array ViT-H; there are: b32_img, l14_img"):
        pairs(Existing(str(tmp_path), "ViT-H"))


def test_tables_without_a_column_of_names_are_refused(tmp_path):
    clip_retrieval(tmp_path, ["a", "b"], column="note")
    with pytest.raises(DatasetError, match="none of the columns uid, key"):
        Lookup(Existing(str(tmp_path)))
