"""Reference indexes: what is in them is found again, what is not is not, and nothing half-made is ever used."""

import hashlib
import io
import json
import shutil

import corpora
import making
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

import auditor
from auditor.config import Config
from auditor.embeddings.embedded_encoder import embedded
from auditor.errors import IndexFileError
from auditor.evidence_store.store import Store
from auditor.resources import Resources
from auditor.similarity import index_writer, reference_index
from auditor.similarity.reference_index import ReferenceIndex
from auditor.types import VerdictKind


def picture(seed):
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return coarse.resize((240, 240), Image.Resampling.BICUBIC)


def saved(path, image, **how):
    out = io.BytesIO()
    image.save(out, path.suffix[1:].upper().replace("JPG", "JPEG"), **how)
    return making.write(path, out.getvalue())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An index of six pictures."""
    folder = tmp_path_factory.mktemp("indexes")
    for seed in range(6):
        saved(folder / "known" / f"{seed}.png", picture(seed))
    auditor.build_index(folder / "index", folder / "known", engine="serial")
    return folder


def filled(folder, count=4, *, seed=0, kind="synthetic", fingerprint="made:1", labels=(), **more):
    """An index made of vectors, without encoding."""
    evidence = folder.parent / f"evidence-{folder.name}-{seed}"
    corpora.part(evidence, corpora.directions(count, seed=seed), corpora.pictures(count, seed),
                 name=f"s{seed}", fingerprint=fingerprint, labels=labels)  # fmt: skip
    return index_writer.add_parts(folder, Store(evidence).parts(), kind, **more)


# ---- recognised


def test_changed_copies_are_matched_and_others_are_not(made, tmp_path, scan):
    saved(tmp_path / "set/recompressed.jpg", picture(1), quality=30)
    saved(tmp_path / "set/mirrored.png", ImageOps.mirror(picture(2)))
    saved(tmp_path / "set/cropped.png", picture(3).crop((10, 10, 225, 225)))
    saved(tmp_path / "set/other.png", picture(77))
    audit = scan(tmp_path / "set", detectors=("generator-text",), indexes=(str(made / "index"),))
    rows = auditor.evidence(tmp_path / "audit").set_index("key")
    assert rows["decided_by"].fillna("").to_dict() == {
        "recompressed.jpg": "known-image", "mirrored.png": "known-image", "cropped.png": "known-image", "other.png": "",
    }  # fmt: skip
    signals = {signal["detector"]: signal for signal in rows.loc["recompressed.jpg", "signals"]}
    assert "a copy of 1.png in the index index" in signals["known-image"]["reason"]
    assert signals["known-image"]["tier"] == "C"
    assert (audit.confirmed.count, audit.confirmed.n) == (3, 4)
    assert audit.digests.indexes == {"0:index": ReferenceIndex(made / "index").digest}


def test_the_very_file_is_matched_and_so_is_an_original_that_the_manifest_names(made, tmp_path, scan):
    original = (made / "known/4.png").read_bytes()
    making.write(tmp_path / "set/a.png", original)
    row = {
        "url": ["http://a.example/x.png"] * 2,
        "sha256": [hashlib.sha256(original).hexdigest(), "0" * 64],
        "uid": ["k", "n"],
    }
    pd.DataFrame(row).to_parquet(tmp_path / "urls.parquet")
    config = {"detectors": ("generator-text",), "indexes": (str(made / "index"),)}
    scan(tmp_path / "set", **config)
    assert auditor.evidence(tmp_path / "audit")["decided_by"].tolist() == ["known-file"]
    scan(tmp_path / "urls.parquet", out="urls", **config)
    rows = auditor.evidence(tmp_path / "urls").set_index("key")
    assert rows["decided_by"].fillna("").to_dict() == {"k": "known-file", "n": ""}


def test_a_copy_of_a_real_image_is_noted_and_decides_nothing(made, tmp_path, scan):
    auditor.build_index(tmp_path / "reals", made / "known", kind="real", engine="serial")
    saved(tmp_path / "set/a.jpg", picture(1), quality=60)
    making.write(tmp_path / "set/b.png", (made / "known/2.png").read_bytes())
    scan(tmp_path / "set", detectors=(), indexes=(str(tmp_path / "reals"),))
    rows = auditor.evidence(tmp_path / "audit").set_index("key")
    assert rows["decided_by"].isna().all()
    reasons = {signal["reason"] for signals in rows["signals"] for signal in signals}
    assert "a copy of a known real image, in the index reals" in reasons
    assert "a known real file, in the index reals" in reasons


def test_an_index_that_is_built_again_is_opened_again(tmp_path):
    made = [making.encoded("PNG", seed=number) for number in range(3)]
    for number, data in enumerate(made):
        making.write(tmp_path / f"set/{number}.png", data)
    index = tmp_path / "index"
    for number, (added, confirmed) in enumerate([((0,), 1), ((2,), 2), ((1,), 1)]):
        if number == 2:
            shutil.rmtree(index)
        lines = "\n".join(hashlib.sha256(made[each]).hexdigest() for each in added)
        auditor.build_index(index, digests=[making.write(tmp_path / f"{number}.txt", lines)])
        config = Config.of(detectors=("known-file",), indexes=(str(index),))
        assert auditor.scan(tmp_path / "set", config=config, engine="serial").confirmed.count == confirmed


def test_an_index_of_digests_alone_needs_no_model(tmp_path, scan):
    data = making.encoded("PNG")
    making.write(tmp_path / "list.txt", f"{hashlib.sha256(data).hexdigest()}  a.png\n\n{'f' * 64}\n")
    facts = auditor.build_index(tmp_path / "index", digests=[tmp_path / "list.txt"])
    assert (facts.rows, facts.hashes, facts.fingerprint) == (2, 2, "")
    making.write(tmp_path / "set/a.png", data)
    scan(tmp_path / "set", detectors=(), indexes=(str(tmp_path / "index"),))
    assert auditor.evidence(tmp_path / "audit")["decided_by"].tolist() == ["known-file"]
    assert not list((tmp_path / "audit/evidence").glob("*.npy"))


def test_another_index_is_another_configuration(made, tmp_path):
    filled(tmp_path / "index")
    configs = [Config.of(detectors=(), indexes=(str(folder / "index"),)) for folder in (made, tmp_path)]
    digests = {Resources.load(config).evidence_digest(config) for config in configs}
    assert len(digests) == 2


def test_an_index_of_another_encoder_is_refused_before_anything_is_read(tmp_path, scan):
    filled(tmp_path / "index")
    making.write(tmp_path / "set/a.png", making.encoded("PNG"))
    with pytest.raises(IndexFileError, match=f"vectors are from made:1, the dataset's from {embedded().fingerprint}"):
        scan(tmp_path / "set", indexes=(str(tmp_path / "index"),))
    assert not (tmp_path / "audit").exists()


def test_searching_lists_the_nearest_and_tells_copies(made, tmp_path):
    image = saved(tmp_path / "a.jpg", picture(5), quality=90)
    found = auditor.search_index(made / "index", image, nearest=3)
    assert (found[0].image, found[0].is_copy) == ("5.png", True)
    assert len(found) == 3
    assert not any(one.is_copy for one in found[1:])


# ---- made and grown


def test_adding_keeps_what_was_there(tmp_path):
    filled(tmp_path / "index", 4)
    facts = filled(tmp_path / "index", 3, seed=1)
    reference_index = ReferenceIndex(tmp_path / "index")
    assert (facts.rows, facts.generation, reference_index.index.size) == (7, 2, 7)
    wanted = np.concatenate([corpora.directions(4), corpora.directions(3, seed=1)])
    assert np.allclose(reference_index.vectors, wanted, atol=2e-3)
    assert np.array_equal(reference_index.thumbnails[4:], corpora.pictures(3, 1))
    assert reference_index.images(np.array([5])) == ["s1-1"]
    assert {path.name.rpartition(".")[0] for path in (tmp_path / "index").iterdir()} >= {"rows-2", "index-2"}
    assert not list((tmp_path / "index").glob("*-1.*"))


def test_a_damaged_index_matches_nothing_and_is_not_added_to(tmp_path):
    saved(tmp_path / "known/a.png", picture(0))
    auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial")
    for path in (tmp_path / "index").glob("*-1.*"):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        config = auditor.Config.of(detectors=(), indexes=(str(tmp_path / "index"),))
        with pytest.raises(IndexFileError, match="index"):
            auditor.scan(tmp_path / "known", config=config, engine="serial")
        with pytest.raises(IndexFileError, match="index"):
            auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial")
        path.write_bytes(whole)


def test_the_same_file_is_in_it_once_however_often_it_is_added(tmp_path, monkeypatch):
    for name, seed in (("a", 0), ("b", 1), ("twin of b", 1)):
        saved(tmp_path / "known" / f"{name}.png", picture(seed))
    with monkeypatch.context() as broken:  # killed when all was added, and before that was noted
        broken.setattr(index_writer, "finish", lambda folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial")
    again = auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial")
    assert (again.rows, again.hashes, again.generation) == (2, 2, 1)
    saved(tmp_path / "known/c.png", picture(2))
    more = auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial")
    assert ReferenceIndex(tmp_path / "index").images(np.arange(more.rows)) == ["a.png", "b.png", "c.png"]


def test_the_same_digest_is_in_it_once(tmp_path):
    digests = [hashlib.sha256(bytes([number])).hexdigest() for number in range(3)]
    (tmp_path / "list.txt").write_text("\n".join([*digests[:2], digests[0].upper()]))
    for _ in range(2):
        facts = auditor.build_index(tmp_path / "index", digests=[tmp_path / "list.txt"])
    assert (facts.rows, facts.hashes, facts.generation) == (2, 2, 1)
    (tmp_path / "list.txt").write_text("\n".join(digests))
    assert auditor.build_index(tmp_path / "index", digests=[tmp_path / "list.txt"]).rows == 3


def test_only_declared_images_of_an_audit_are_taken(tmp_path):
    labels = [VerdictKind.SYNTHETIC, VerdictKind.UNKNOWN, VerdictKind.LIKELY_SYNTHETIC, VerdictKind.EDITED]
    assert filled(tmp_path / "index", labels=labels, declared_only=True).rows == 2
    with pytest.raises(IndexFileError, match="no image confirmed as synthetic"):
        filled(tmp_path / "other", declared_only=True)


def test_an_interrupted_addition_changes_nothing_and_is_swept_up(tmp_path, monkeypatch):
    filled(tmp_path / "index")
    before = (tmp_path / "index/index.json").read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(index_writer, "write_atomically", lambda path, data: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            filled(tmp_path / "index", 2, seed=1)
    assert (tmp_path / "index/index.json").read_bytes() == before
    assert ReferenceIndex(tmp_path / "index").metadata.rows == 4
    assert filled(tmp_path / "index", 2, seed=2).rows == 6
    assert len(list((tmp_path / "index").iterdir())) == 7


def test_an_interrupted_reading_goes_on(tmp_path, monkeypatch):
    for seed in range(3):
        saved(tmp_path / "known" / f"{seed}.png", picture(seed))
    with monkeypatch.context() as broken:
        broken.setattr(index_writer, "add_parts", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial")
    monkeypatch.setattr(embedded(), "encode", None)
    assert auditor.build_index(tmp_path / "index", tmp_path / "known", engine="serial").rows == 3
    assert not index_writer.staging_folder(tmp_path / "index").exists()


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    making.write(tmp_path / "mine/index-3.html", "x")
    with pytest.raises(IndexFileError, match=r"contains index-3\.html, which is not part of an index"):
        filled(tmp_path / "mine")
    assert (tmp_path / "mine/index-3.html").exists()


def test_beyond_the_limit_an_inverted_file_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.similarity.index_writer.FLAT", 500)
    filled(tmp_path / "index", 2000)
    reference_index = ReferenceIndex(tmp_path / "index")
    pairs = reference_index.index.nearest(reference_index.space.transform(corpora.directions(2000)[100:140]), 1)
    assert (pairs.found == np.arange(100, 140)).mean() > 0.95


# ---- refused


def test_kinds_and_encoders_are_not_mixed(tmp_path):
    filled(tmp_path / "index")
    with pytest.raises(IndexFileError, match="an index of synthetic images, these are real"):
        filled(tmp_path / "index", kind="real", seed=1)
    with pytest.raises(IndexFileError, match="contains made:1, these are made:2"):
        filled(tmp_path / "index", fingerprint="made:2", seed=2)
    with pytest.raises(IndexFileError, match="give --embeddings-model"):
        filled(tmp_path / "other", fingerprint="given:unnamed:32")


def test_a_newer_index_is_refused(tmp_path):
    filled(tmp_path / "index")
    path = tmp_path / "index/index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": "auditor-index/2"}))
    with pytest.raises(IndexFileError, match="newer version of auditor"):
        ReferenceIndex(tmp_path / "index")


@pytest.mark.parametrize("name", ["index-1.faiss", "rows-1.parquet", "vectors-1.npy", "space-1.npz", "hashes-1.npy"])
def test_an_index_that_lacks_a_file_is_refused_by_name(tmp_path, name):
    filled(tmp_path / "index")
    (tmp_path / "index" / name).unlink()
    with pytest.raises(IndexFileError, match=name):
        ReferenceIndex(tmp_path / "index")


@pytest.mark.parametrize("name", ["index-1.faiss", "space-1.npz"])
def test_a_damaged_file_is_refused(tmp_path, name):
    filled(tmp_path / "index")
    (tmp_path / "index" / name).write_bytes(b"x" * 100)
    with pytest.raises(IndexFileError, match=name):
        ReferenceIndex(tmp_path / "index")


def test_what_is_no_index_is_refused(tmp_path):
    with pytest.raises(IndexFileError, match="no index in this folder"):
        ReferenceIndex(tmp_path)
    (tmp_path / reference_index.FILE).write_text("[]")
    with pytest.raises(IndexFileError, match="no index in this folder"):
        ReferenceIndex(tmp_path)


def test_lines_that_are_no_digests_are_refused_by_number(tmp_path):
    making.write(tmp_path / "list.txt", f"{'a' * 64}\nxyz\n")
    with pytest.raises(IndexFileError, match="list.txt, line 2: must be a sha256 in hexadecimal, got 'xyz'"):
        auditor.build_index(tmp_path / "index", digests=[tmp_path / "list.txt"])
    pd.DataFrame({"md5": ["x"]}).to_parquet(tmp_path / "list.parquet")
    with pytest.raises(IndexFileError, match="no column sha256"):
        auditor.build_index(tmp_path / "index", digests=[tmp_path / "list.parquet"])


def test_an_audit_without_vectors_gives_no_index(tmp_path, scan):
    making.write(tmp_path / "set/a.png", making.encoded("PNG"))
    scan(tmp_path / "set", detectors=("generator-text",))
    with pytest.raises(IndexFileError, match="no vectors with its evidence"):
        auditor.build_index(tmp_path / "index", audits=[tmp_path / "audit"])
