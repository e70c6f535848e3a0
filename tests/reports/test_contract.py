"""What holds for every report format."""

import re
from dataclasses import replace

import pytest
from audits import ESTIMATES, audit, captions, source

import auditor
from auditor import registry
from auditor.policy import policy
from auditor.results import (
    Cluster,
    Control,
    Counts,
    DatasetTest,
    DetectorTally,
    DuplicateShare,
    FprScenario,
    NearDuplicates,
)
from auditor.types import Evidence

AUDITS = {
    "plain": audit(),
    "full": audit(
        1000,
        30,
        estimate=ESTIMATES["near"],
        subgroups=(source("a", 10, 1), source("b|<i>", 5, 5)),
    ),
    "nothing read": audit(0, no_bytes=10),
    "no rows": audit(0, counts=Counts(), coverage={}),
    "model that could not look": audit(
        detectors={"classifier": DetectorTally(Evidence.STATISTICAL, 0, 0.0, 0, answers={"too small": 1000})}
    ),
    "everything": audit(
        1000,
        30,
        estimate=replace(
            ESTIMATES["over"],
            detector="classifier",
            threshold=0.9,
            flagged=40,
            conditions={"clean": 900},
            controls=(Control("declared", 3, 9, (0.5, 0.1, 0.9), 0.01, True),),
            fpr_scenarios=(FprScenario(2.0, 0.1, 0.2),),
        ),
        detectors={"classifier": DetectorTally(Evidence.STATISTICAL, 900, 0.9, 40, scores=(90,) * 10)},
        dataset_tests=(DatasetTest("dwt-dct", "FLUX", 900, 5.0, 3, 1e-9, 0.01),),
        captions=captions(),
    ),
    "hostile": audit(
        subgroups=(source("<script>alert(1)</script>\x1b[2J|`", 10, 1),),
        unreadable_reasons={"</td><script>": 3},
        contradictions=2,
        captions=captions(text="</td><script>alert(1)</script>\x1b[2J|`"),
        near_duplicates=NearDuplicates(
            "made:1",
            9,
            5,
            5 / 9,
            2,
            False,
            7,
            (Cluster(3, 1, 0, "<b>", ("</td><script>\x1b[2J", "b")),),
            (DuplicateShare("others", 8, 2, 0.25, 2), DuplicateShare("flagged by a model", 1, 0, 0.0, 1)),
        ),
    ),
}


@pytest.fixture(params=list(registry.table("reports")))
def format(request):
    return request.param


@pytest.mark.parametrize("name", AUDITS)
def test_every_audit_can_be_rendered(format, name):
    of = AUDITS[name]
    text = auditor.render(of, auditor.decide(of), format)
    assert text.endswith("\n")
    assert text == auditor.render(of, auditor.decide(of), format)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)


@pytest.mark.parametrize("name", AUDITS)
def test_the_outcome_and_its_reason_are_told(format, name):
    of = AUDITS[name]
    decision = policy.decide(of, policy.default())
    text = auditor.render(of, decision, format)
    assert decision.outcome.value in text.lower()


def test_a_floor_is_never_called_the_synthetic_fraction():
    of = audit(1000, 30)
    for name in ("html", "markdown", "terminal"):
        text = auditor.render(of, auditor.decide(of), name)
        assert "synthetic fraction 3.0" not in text
        assert "3.0 %" in text


def test_markdown_tables_stay_tables():
    text = auditor.render(AUDITS["hostile"], auditor.decide(AUDITS["hostile"]), "markdown")
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5, 8)


def test_near_copies_are_told_in_every_format_for_people(format):
    if format in ("html", "markdown"):
        text = auditor.render(AUDITS["hostile"], auditor.decide(AUDITS["hostile"]), format).replace("\\", "")
        assert "5 of 9 images (55.6 %) in 2 clusters" in text
        assert "without confirmation by thumbnails" in text
