"""The optional detector, with a small model in the place of its weights: bright red is synthetic."""

import looking
import making
import numpy as np
import pytest
from PIL import Image

import auditor
from auditor import registry
from auditor.config import Config
from auditor.errors import CalibrationError, ModelError
from auditor.types import Claim
from detectors.community_forensics import CommunityForensics, preprocess

RED, BLUE = (220, 30, 30), (30, 30, 220)


def picture(colour, number=0):
    noise = np.random.default_rng(number).integers(-25, 25, (190, 230, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def folders(tmp_path):
    """real/ and fake/, two sources each, and mixed/: three red of eight."""
    for side, colour in (("real", BLUE), ("fake", RED)):
        for number in range(12):
            making.write(path := tmp_path / side / "ab"[number % 2] / f"{number}.png", b"")
            Image.fromarray(picture(colour, number)).save(path)
    for number in range(8):
        making.write(path := tmp_path / "mixed" / f"{number}.png", b"")
        Image.fromarray(picture(RED if number < 3 else BLUE, number)).save(path)
    return tmp_path


def test_an_image_is_prepared_as_for_its_training():
    found = preprocess(np.full((100, 300, 3), 255, np.uint8))
    assert (found.shape, found.dtype) == ((3, 384, 384), np.float32)
    assert found[:, 0, 0] == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], abs=1e-5)


def test_only_the_centre_is_seen():
    image = np.zeros((440, 1200, 3), np.uint8)
    image[:, :300] = 255
    assert np.ptp(preprocess(image), axis=(1, 2)) == pytest.approx([0, 0, 0])


def test_it_gives_a_chance_and_calls_nothing_likely(community_forensics):
    red, blue = (CommunityForensics().look(looking.view(making_png(picture(colour)))) for colour in (RED, BLUE))
    assert red.score > 0.9 > 0.1 > blue.score
    assert red.claim is blue.claim is Claim.SUSPECTED
    assert "not measured" in red.reason


def making_png(pixels):
    import io

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_without_its_weights_a_scan_does_not_begin(folders, scan, monkeypatch):
    monkeypatch.setenv("AUDITOR_MODELS", str(folders / "none"))
    with pytest.raises(ModelError, match="auditor models pull community-forensics"):
        scan(folders / "mixed", detectors=("community-forensics",))


def test_without_a_calibration_it_gives_no_estimate(community_forensics, folders, scan):
    audit = scan(folders / "mixed", detectors=("community-forensics",))
    assert audit.detectors["community-forensics"].evaluable == 8
    assert audit.estimate is None


def test_with_a_calibration_of_ones_own_it_does(community_forensics, folders, scan):
    made = auditor.calibrate(
        folders / "real", folders / "fake", detector="community-forensics", engine="serial", jobs=1
    )
    assert (made.detector, made.sha256) == ("community-forensics", CommunityForensics().weights())
    audit = scan(folders / "mixed", detectors=("community-forensics",), calibration=made)
    assert audit.estimate.flagged == 3
    assert audit.estimate.low <= 3 / 8 <= audit.estimate.high


def test_real_images_alone_do_not_calibrate_what_ships_no_counts(community_forensics, folders):
    with pytest.raises(CalibrationError, match="give --synthetic too"):
        auditor.calibrate(folders / "real", detector="community-forensics", engine="serial")


def test_only_detectors_with_logits_are_calibrated(folders):
    with pytest.raises(CalibrationError, match="only classifiers can be calibrated"):
        auditor.calibrate(folders / "real", detector="c2pa", engine="serial")


def test_a_calibration_of_a_detector_that_does_not_run_is_refused(community_forensics, folders, scan):
    made = auditor.calibrate(folders / "real", folders / "fake", detector="community-forensics", engine="serial")
    with pytest.raises(CalibrationError, match="does not run"):
        scan(folders / "mixed", detectors=("caption-prior",), calibration=made)


def test_it_is_asked_for():
    assert "community-forensics" not in registry.default_detectors()
    assert "community-forensics" not in Config().scan.detectors


def test_explaining_an_image_without_the_weights_says_so(folders, monkeypatch):
    monkeypatch.setenv("AUDITOR_MODELS", str(folders / "none"))
    row = auditor.examine(folders / "mixed" / "0.png")
    signal = next(signal for signal in row.signals if signal.detector == "community-forensics")
    assert signal.score is None
    assert "models pull" in signal.reason
