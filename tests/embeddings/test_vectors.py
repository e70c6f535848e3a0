"""Vectors beside the evidence: whole or absent, aligned with the rows, of one encoder."""

import making
import numpy as np
import pytest

import auditor
from auditor.config import Config
from auditor.embeddings import vector_source
from auditor.embeddings.embedded_encoder import embedded
from auditor.errors import EvidenceError
from auditor.evidence_store.store import Store
from auditor.evidence_store.vectors import MatrixWriter, Vectors, blocks, unit
from auditor.resources import Resources

KEPT = {"detectors": ("generator-text",), "keep_vectors": True}


@pytest.fixture
def dataset(tmp_path):
    for number in range(6):
        data = making.encoded("PNG", width=220, height=200, seed=number) if number != 3 else b"broken"
        making.write(tmp_path / "set" / f"{number}.png", data)
    return tmp_path / "set"


def part(out):
    (found,) = Store(out).parts()
    return found


def test_each_row_has_its_vector_and_an_unreadable_one_has_none(dataset, tmp_path, scan):
    scan(dataset, **KEPT)
    found = part(tmp_path / "audit").vectors
    matrix = found.open()
    rows = auditor.evidence(tmp_path / "audit")
    assert matrix.shape == (5, embedded().dimension)
    assert rows["vector"].notna().tolist() == (rows["status"] == "ok").tolist()
    assert rows["vector"].dropna().tolist() == [0, 1, 2, 3, 4]
    assert found.fingerprint == embedded().fingerprint
    (alone,) = embedded().encode([making.pixels(220, 200, seed=4)])
    at = rows["vector"][rows["key"] == "4.png"].item()
    assert np.allclose(matrix[int(at)], alone.vector, atol=2e-3)


def test_vectors_come_with_a_detector_that_needs_them(dataset, tmp_path, scan):
    scan(dataset, detectors=("classifier",))
    assert part(tmp_path / "audit").vectors.open().shape[0] == 5


def test_without_anyone_asking_nothing_is_encoded(dataset, tmp_path, scan):
    scan(dataset, detectors=("generator-text",))
    assert part(tmp_path / "audit").vectors is None
    assert not list((tmp_path / "audit/evidence").glob("*.npy"))


def test_a_part_whose_vectors_are_gone_or_short_is_done_again(dataset, tmp_path, scan):
    scan(dataset, **KEPT)
    for path in part(tmp_path / "audit").vectors.files:
        whole = path.read_bytes()
        for damage in (path.unlink, lambda path=path, whole=whole: path.write_bytes(whole[:-2])):
            damage()
            assert not list(Store(tmp_path / "audit").parts())
            scan(dataset, **KEPT)
            assert path.read_bytes() == whole


def test_resuming_keeps_vectors_and_sweeps_up_what_a_killed_run_left(dataset, tmp_path, scan, monkeypatch):
    scan(dataset, **KEPT)
    folder = tmp_path / "audit/evidence"
    making.write(folder / "gone.npy", b"x")
    making.write(folder / "gone.thumbnails.npy", b"x")
    making.write(folder / "gone.npy.1.tmp", b"x")
    monkeypatch.setattr(vector_source, "embedded", None)  # encoding again would fail
    scan(dataset, detectors=("generator-text",), keep_vectors=False, out="other")
    monkeypatch.undo()
    before = part(tmp_path / "audit").vectors.path.stat().st_mtime_ns
    scan(dataset, **KEPT)
    assert part(tmp_path / "audit").vectors.path.stat().st_mtime_ns == before
    assert not list(folder.glob("gone*"))


def test_an_image_that_the_encoder_fails_on_costs_no_other_its_vector(dataset, tmp_path, scan, monkeypatch):
    encoder, odd = embedded(), making.pixels(220, 200, seed=2)

    def encode(images, whole=encoder.encode):
        if any((image == odd).all() for image in images):
            raise RuntimeError("odd")
        return whole(images)

    monkeypatch.setattr(encoder, "encode", encode)
    scan(dataset, **KEPT)
    rows = auditor.evidence(tmp_path / "audit")
    assert len(part(tmp_path / "audit").vectors.open()) == 4
    assert sorted(rows["key"][rows["vector"].notna()]) == ["0.png", "1.png", "4.png", "5.png"]


def test_merging_keeps_vectors(dataset, tmp_path):
    for name, seed in (("one", 10), ("two", 20)):
        making.write(tmp_path / name / "a.png", making.encoded("PNG", width=220, height=200, seed=seed))
        auditor.scan(tmp_path / name, out=tmp_path / f"audit-{name}", engine="serial", config=Config.of(**KEPT))
    auditor.merge([tmp_path / "audit-one", tmp_path / "audit-two"], tmp_path / "both")
    whole = [found.vectors.open()[0] for found in Store(tmp_path / "both").parts()]
    apart = [part(tmp_path / f"audit-{name}").vectors.open()[0] for name in ("one", "two")]
    assert np.array_equal(whole, apart)


def test_vectors_of_different_encoders_are_not_merged(tmp_path, monkeypatch):
    for seed, name in enumerate(("one", "two")):
        making.write(tmp_path / name / "a.png", making.encoded("PNG", width=220, height=200, seed=seed))
        monkeypatch.setattr(embedded(), "fingerprint", f"model-{name}")
        config = Config.of(detectors=("classifier",))
        auditor.scan(tmp_path / name, out=tmp_path / f"audit-{name}", engine="serial", config=config)
    with pytest.raises(EvidenceError, match="different encoders cannot be compared: model-one"):
        auditor.merge([tmp_path / "audit-one", tmp_path / "audit-two"], tmp_path / "both")


def test_what_is_asked_for_is_part_of_the_configuration():
    asked, plain = Config.of(**KEPT), Config.of(detectors=("generator-text",))
    digests = [Resources.load(config).evidence_digest(config) for config in (asked, plain)]
    assert digests[0] != digests[1]
    assert Resources.load(asked).digests("", None).vectors == {"fingerprint": embedded().fingerprint}


# ---- files


def test_rows_before_the_first_vector_are_there_too(tmp_path):
    writer = MatrixWriter(tmp_path / "a.npy", "<f2", np.nan)
    writer.write([None, None])
    writer.write([None, np.array([0.6, 0.8])])
    assert writer.close() == 2
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == np.float16
    assert np.isfinite(found[:, 0]).tolist() == [False, False, False, True]


def test_a_matrix_without_any_row_has_no_file(tmp_path):
    writer = MatrixWriter(tmp_path / "a.npy", "<f2", np.nan)
    writer.write([None, None])
    assert writer.close() == 0
    assert not list(tmp_path.iterdir())


def test_a_vector_of_another_dimension_is_refused(tmp_path):
    writer = MatrixWriter(tmp_path / "a.npy", "<f2", np.nan)
    with pytest.raises(EvidenceError, match="3 dimensions among others of 2"):
        writer.write([np.ones(2), np.ones(3)])
    writer.abandon()


def test_a_file_that_is_not_what_the_footer_says_is_named(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    for rows, dimension in ((2, 3), (3, 2)):
        with pytest.raises(EvidenceError, match=r"a\.npy: must be float16 .*, got float32 \(2, 3\)"):
            Vectors(tmp_path / "a.npy", "f", rows, dimension).open()


@pytest.mark.parametrize(("odd", "words"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "zero")])
def test_a_vector_that_says_nothing_is_named_by_its_row(odd, words):
    with pytest.raises(EvidenceError, match=f"x.npy, row 12: a vector that is {words}"):
        unit(np.array([[1, 0], [3, 4], [odd, odd]]), "x.npy", first=10)


def test_unit_vectors_have_length_one():
    found = unit(np.random.default_rng(0).normal(0, 5, (20, 7)), "x")
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_blocks_are_the_whole(monkeypatch):
    monkeypatch.setattr("auditor.evidence_store.vectors.BLOCK", 3)
    matrix = np.random.default_rng(0).normal(0, 1, (10, 2)).astype(np.float16)
    assert np.array_equal(np.concatenate([block for _, block in blocks(matrix)]), matrix)
