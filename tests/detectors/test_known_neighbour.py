"""Nearness to known images: nothing until it was calibrated, and then only with the indexes that it was calibrated with."""

import math

import numpy as np
import pytest
import saving
from PIL import Image

import auditor
from auditor.calibration import measure
from auditor.errors import CalibrationError, IndexFileError, ModelError
from auditor.estimate.calibration import dumps, parse
from auditor.images.view import ReferenceMatch
from auditor.resources import Resources
from auditor.similarity.match import ReferenceIndexes
from detectors.known_neighbour import KnownNeighbour, nearness

RUNNING = ("known-image", "known-neighbour")


def blurred(seed):
    """Soft blots of colour: one generator's style."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return coarse.resize((240, 240), Image.Resampling.BICUBIC)


def striped(seed):
    """Hard stripes."""
    colours = np.random.default_rng(seed).integers(0, 256, (30, 3), dtype=np.uint8)
    return Image.fromarray(np.broadcast_to(colours.repeat(8, axis=0)[None], (240, 240, 3)).copy())


def saved(folder, make, seeds):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        make(seed).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _few_conditions():
    """Of the seven, which tests/models/test_calibrating.py is of: an eighth of a second each an image."""
    few = {name: measure.CHANGES[name] for name in ("clean", "jpeg75", "img2dataset256")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "CHANGES", few)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An index of pictures in one style; a calibration with it, on others in that style and in another one."""
    base = tmp_path_factory.mktemp("neighbours")
    auditor.build_index(base / "index", saved(base / "known", blurred, range(12)), engine="serial")
    for number, source in enumerate("ab"):
        saved(base / "fake" / source, blurred, range(100 + 10 * number, 106 + 10 * number))
        saved(base / "real" / source, striped, range(200 + 10 * number, 206 + 10 * number))
    made = auditor.calibrate(
        base / "real", base / "fake", detector="known-neighbour", indexes=[base / "index"], engine="serial"
    )
    (base / "calibration.json").write_text(dumps(made))
    saved(base / "set", blurred, range(300, 304))
    saved(base / "set", striped, range(400, 404))
    blurred(3).save(base / "set" / "copy.jpg", quality=60)
    return base


def answers(out):
    rows = auditor.evidence(out).set_index("key")
    signals = {key: {signal["detector"]: signal for signal in row} for key, row in rows["signals"].items()}
    return rows, {key: found["known-neighbour"] for key, found in signals.items()}


def test_with_a_calibration_near_images_are_likely_and_far_ones_are_not_called_real(place, tmp_path, scan):
    own = parse((place / "calibration.json").read_text())
    indexes = (str(place / "index"),)
    audit = scan(place / "set", detectors=RUNNING, indexes=indexes, calibration=own)
    rows, found = answers(tmp_path / "audit")
    near, far = ([f"{seed}.png" for seed in range(first, first + 4)] for first in (300, 400))
    assert rows.loc[near, "verdict"].eq("likely-synthetic").all()
    assert rows.loc[far, "verdict"].eq("unknown").all()
    assert min(found[key]["score"] for key in near) > 0.5 > max(found[key]["score"] for key in far)
    assert audit.estimate is not None
    assert audit.estimate.calibration == f"known-neighbour: {own.origin}"
    assert (rows.loc["copy.jpg", "decided_by"], found["copy.jpg"]["score"]) == ("known-image", None)
    assert "see known-image" in found["copy.jpg"]["reason"]


def test_without_a_calibration_it_says_nothing_and_why(place, tmp_path, scan):
    audit = scan(place / "set", detectors=RUNNING, indexes=(str(place / "index"),))
    rows, found = answers(tmp_path / "audit")
    assert {signal["score"] for signal in found.values()} == {None}
    assert "not calibrated for these indexes: auditor calibrate" in found["300.png"]["reason"]
    assert rows["verdict"].tolist().count("unknown") == 8
    assert audit.estimate is None


def test_without_an_index_it_says_nothing(place, tmp_path, scan):
    scan(place / "set", detectors=("classifier", "known-neighbour"))
    _, found = answers(tmp_path / "audit")
    assert {signal["reason"] for signal in found.values()} == {
        "no index of synthetic images with vectors was given, or the image has none"
    }


def test_a_calibration_is_for_its_indexes_and_no_others(place, tmp_path, scan):
    auditor.build_index(tmp_path / "other", saved(tmp_path / "more", blurred, range(50, 53)), engine="serial")
    for indexes in ((str(tmp_path / "other"),), (str(place / "index"), str(tmp_path / "other")), ()):
        with pytest.raises(CalibrationError, match="with other indexes: calibrate again"):
            scan(place / "set", detectors=RUNNING, indexes=indexes, calibration=str(place / "calibration.json"))


def test_evidence_is_made_anew_with_another_calibration(place, tmp_path):
    own = parse((place / "calibration.json").read_text())
    digests = set()
    for counts in (None, own, parse(dumps(own).replace('"prior": 0.5', '"prior": 0.4'))):
        made = saving.config(tmp_path, detectors=RUNNING, indexes=(str(place / "index"),), calibration=counts)
        digests.add(Resources.load(made).evidence_digest(made))
    assert len(digests) == 3


def test_images_that_are_copies_of_known_ones_are_not_counted(place, tmp_path):
    folder = saved(tmp_path / "fake", blurred, [*range(6), *range(110, 114)])
    made = auditor.calibrate(
        place / "real", folder, detector="known-neighbour", indexes=[place / "index"], engine="serial"
    )
    assert [len(scores) for scores in made.conditions["clean"].synthetic.values()] == [4]


def test_calibrating_takes_an_index_of_synthetic_images(place, tmp_path):
    with pytest.raises(CalibrationError, match="known-neighbour needs the indexes"):
        auditor.calibrate(place / "real", place / "fake", detector="known-neighbour", engine="serial")
    auditor.build_index(tmp_path / "reals", place / "known", kind="real", engine="serial")
    with pytest.raises(ModelError, match="no index of synthetic images"):
        auditor.calibrate(
            place / "real", place / "fake", detector="known-neighbour", indexes=[tmp_path / "reals"], engine="serial"
        )


def test_an_index_of_another_encoder_is_refused_when_calibrating(place, tmp_path):
    import corpora

    from auditor.evidence_store.store import Store
    from auditor.similarity import index_writer

    corpora.part(tmp_path / "evidence", corpora.directions(3), corpora.pictures(3))
    index_writer.add_parts(tmp_path / "index", Store(tmp_path / "evidence").parts(), "synthetic")
    with pytest.raises(IndexFileError, match="its vectors are from made:1"):
        auditor.calibrate(
            place / "real", place / "fake", detector="known-neighbour", indexes=[tmp_path / "index"], engine="serial"
        )


def known(kind, cosine, is_copy=False):
    return ReferenceMatch("b", kind, "x.png", cosine, is_copy)


def test_nearness_is_to_the_nearest_known_synthetic_image_less_that_to_the_nearest_real_one():
    assert nearness([known("synthetic", 0.3), known("synthetic", 0.5)]) == pytest.approx(5)
    assert nearness([known("synthetic", 0.5), known("real", 0.2)]) == pytest.approx(3)
    assert nearness([known("synthetic", 0.2), known("real", 0.5)]) == pytest.approx(-3)
    assert nearness([known("real", 0.5)]) is None
    assert nearness([]) is None
    assert math.isnan(nearness([known("synthetic", 0.9, True), known("real", 0.2)]))


def test_the_order_and_the_names_of_indexes_do_not_matter():
    assert (
        ReferenceIndexes.mark({"0:a": "x", "1:b": "y"})
        == ReferenceIndexes.mark({"0:c": "y", "1:d": "x"})
        != ReferenceIndexes.mark({"0:a": "x"})
    )
    assert KnownNeighbour().weights() == ReferenceIndexes.mark({})
