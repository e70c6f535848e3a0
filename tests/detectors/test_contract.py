"""What holds for every detector that is registered."""

import re
from pathlib import Path

import looking
import making
import pytest

import detectors
from auditor import registry
from auditor.errors import SampleError
from auditor.plugin import Detector, DetectorResult
from auditor.types import Evidence, Need, Tier

IDS = list(registry.table("detectors"))
IMAGES = {
    "jpeg": making.encoded(),
    "png": making.png(),
    "grey": making.encoded("PNG", "L"),
    "alpha": making.encoded("PNG", "RGBA"),
    "tiny": making.encoded("PNG", width=1, height=1),
    "marked": making.png({"parameters": making.A1111}),
    "flat": making.encoded("PNG", width=300, height=300),
}
VIEWS = {
    **{
        name: lambda data=data: looking.view(data, url="http://x.org/a.jpg", caption="words")
        for name, data in IMAGES.items()
    },
    "url only": lambda: looking.view(url="http://x.org/a.jpg", caption="words"),
    "nothing": lambda: looking.view(),
    "hostile": lambda: looking.view(url="http://[::1", caption="\x1b[2J<script>\ud800" * 100, row={"is_ai": "\0"}),
}


@pytest.fixture(params=IDS)
def detector(request) -> Detector:
    if request.param == "community-forensics":
        request.getfixturevalue("community_forensics")
    return registry.load("detectors", request.param)()


def answers(detector, names=VIEWS):
    views = [view for name in names if (view := VIEWS[name]()).unavailable_reason(detector.needs) is None]
    return views, detector.read(views)


def test_every_module_is_registered():
    folder = Path(detectors.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    registered = {registry.table("detectors")[id].partition(":")[0].rpartition(".")[2] for id in IDS}
    assert modules == registered, "a module without a line in auditor/registry.py, or the other way round"


def test_its_id_is_its_file_name_in_kebab_case(detector):
    assert detector.id == type(detector).__module__.rpartition(".")[2].replace("_", "-")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", detector.id)


def test_it_declares_its_kind_and_its_need(detector):
    assert isinstance(detector.evidence, Evidence)
    assert isinstance(detector.needs, Need)


def test_its_documentation_says_what_it_sees_and_what_defeats_it(detector):
    text = registry.documentation("detectors", detector.id)
    assert len(text.splitlines()[0]) < 120
    assert "Sees:" in text or "Looks at" in text
    assert "Defeated by" in text or "A weak hint" in text


def test_it_answers_once_a_view_in_order(detector):
    views, readings = answers(detector)
    assert len(readings) == len(views)
    assert all(isinstance(reading, DetectorResult) for reading in readings)


def test_its_scores_are_shares_and_its_abstentions_have_reasons(detector):
    for reading in answers(detector)[1]:
        assert reading.score is None or 0 <= reading.score <= 1
        assert reading.score is not None or reading.reason


def test_a_hit_of_evidence_that_is_not_statistical_has_a_tier_a_claim_and_a_reason(detector):
    for reading in answers(detector)[1]:
        if reading.score and detector.evidence is not Evidence.STATISTICAL:
            assert isinstance(reading.tier, Tier)
            assert reading.claim
            assert reading.reason


def test_its_answer_does_not_depend_on_the_batch(detector):
    views, together = answers(detector)
    alone = [detector.read([view])[0] for view in views]
    assert together == alone


def test_its_answer_does_not_depend_on_the_order(detector):
    names = list(VIEWS)
    _, forward = answers(detector, names)
    _, backward = answers(detector, names[::-1])
    assert forward == backward[::-1]


def test_an_empty_batch_has_no_answers(detector):
    assert detector.read([]) == []


def test_a_prior_never_scores_like_a_declaration(detector):
    if detector.evidence is Evidence.PRIOR:
        assert all(reading.tier in (None, Tier.E) for reading in answers(detector)[1])


def test_its_digest_covers_its_source_and_its_data(detector):
    assert re.fullmatch(r"[0-9a-f]{64}", registry.digest(detector.id))
    assert all(Path(path).is_file() for path in detector.resources())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_files_cut_anywhere_are_answered_or_refused(detector, format):
    data = making.encoded(format, width=16, height=16, exif=making.camera_exif())
    for end in range(1, len(data), 7):
        view = looking.view(data[:end])
        if view.unavailable_reason(detector.needs) is None:
            try:
                assert isinstance(detector.look(view), DetectorResult)
            except SampleError:
                pass
