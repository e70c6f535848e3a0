"""What becomes of a detector on each view."""

import pytest

from auditor.errors import SampleError
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.scanning.detect import run_detector
from auditor.types import Claim, Evidence, Need, Sample, SignalOutcome, Tier
from tests.support import looking, making


class Fixed(Detector):
    """Gives what its class says, or raises it."""

    id = "fixed"
    evidence = Evidence.DECLARED
    needs = Need.FILE
    result: DetectorResult | Exception = DetectorResult.negative()

    def look(self, view):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def run(view, result=Fixed.result, needs=Need.FILE):
    [signal] = run_detector(type("Fixed", (Fixed,), {"result": result, "needs": needs})(), [view])
    return signal


@pytest.mark.parametrize(
    ("result", "outcome", "score"),
    [
        (DetectorResult.hit(Tier.C, "found"), SignalOutcome.HIT, 1.0),
        (DetectorResult.negative("nothing"), SignalOutcome.NEGATIVE, 0.0),
        (DetectorResult.abstained("too small"), SignalOutcome.ABSTAINED, None),
        (DetectorResult.scored(0.7, "no claim"), SignalOutcome.NEGATIVE, 0.7),
        (DetectorResult.scored(0.7, "so far", Claim.SUSPECTED), SignalOutcome.NEGATIVE, 0.7),
        (DetectorResult.scored(0.1, "real", Claim.LIKELY_REAL), SignalOutcome.NEGATIVE, 0.1),
        (DetectorResult.scored(0.9, "synthetic", Claim.LIKELY_SYNTHETIC), SignalOutcome.HIT, 0.9),
        (SampleError("a broken block"), SignalOutcome.ABSTAINED, None),
        (ArithmeticError("a bug"), SignalOutcome.FAILED, None),
    ],
)
def test_each_answer_has_its_outcome(result, outcome, score):
    signal = run(looking.view(making.png({})), result)
    assert (signal.outcome, signal.score, signal.is_hit) == (outcome, score, outcome is SignalOutcome.HIT)


def test_a_detector_abstains_on_a_row_without_an_image():
    signal = run(View(Sample("k", "s", "i")))
    assert (signal.outcome, signal.reason) == (SignalOutcome.ABSTAINED, "no image bytes")


@pytest.mark.parametrize(
    ("needs", "outcome"),
    [
        (Need.ROW, SignalOutcome.NEGATIVE),
        (Need.FILE, SignalOutcome.NEGATIVE),
        (Need.PIXELS, SignalOutcome.NOT_SAMPLED),
        (Need.EMBEDDING, SignalOutcome.NOT_SAMPLED),
    ],
)
def test_a_row_outside_the_sample_is_told_from_one_that_cannot_be_looked_at(needs, outcome):
    sample = looking.view(making.png({})).sample
    assert run(View(sample, depth=Need.FILE, is_sampled=False), needs=needs).outcome is outcome
    assert run(View(sample, depth=Need.FILE), needs=needs).outcome in (outcome, SignalOutcome.ABSTAINED)


def test_one_view_that_raises_costs_no_other_view_its_answer():
    class Picky(Fixed):
        def look(self, view):
            if view.sample.image == "bad":
                raise ArithmeticError("a bug")
            return DetectorResult.hit(Tier.C, "found")

    views = [looking.view(making.png({}), image=image) for image in ("good", "bad", "good")]
    assert [s.outcome for s in run_detector(Picky(), views)] == [
        SignalOutcome.HIT,
        SignalOutcome.FAILED,
        SignalOutcome.HIT,
    ]
