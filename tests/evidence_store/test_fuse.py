import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence_store.fuse import fuse
from auditor.types import Claim, Evidence, Signal, SignalOutcome, Tier, VerdictKind


def hit(detector="d", evidence=Evidence.DECLARED, tier=Tier.C, claim=Claim.SYNTHETIC, score=1.0):
    return Signal(detector, evidence, SignalOutcome.HIT, tier, score, "", claim)


def test_nothing_found_leaves_the_verdict_unknown():
    assert fuse([]).kind is VerdictKind.UNKNOWN
    negative = Signal("d", Evidence.DECLARED, SignalOutcome.NEGATIVE, score=0.0)
    abstained = Signal("e", Evidence.MATCHED, SignalOutcome.ABSTAINED)
    assert fuse([negative, abstained]).kind is VerdictKind.UNKNOWN


@pytest.mark.parametrize("evidence", [Evidence.DECLARED, Evidence.MATCHED])
@pytest.mark.parametrize(
    ("claim", "label"), [(Claim.SYNTHETIC, VerdictKind.SYNTHETIC), (Claim.EDITED, VerdictKind.EDITED)]
)
def test_declared_and_matched_evidence_decide(evidence, claim, label):
    verdict = fuse([hit("x", evidence, claim=claim)])
    assert (verdict.kind, verdict.decided_by) == (label, "x")


def test_priors_and_suspicions_decide_nothing():
    assert fuse([hit(evidence=Evidence.PRIOR, tier=Tier.E), hit(claim=Claim.SUSPECTED)]).kind is VerdictKind.UNKNOWN


def scored(claim, score=0.8):
    outcome = SignalOutcome.HIT if claim is Claim.LIKELY_SYNTHETIC else SignalOutcome.NEGATIVE
    return Signal("model", Evidence.STATISTICAL, outcome, None, score, "", claim)


@pytest.mark.parametrize(
    ("claim", "label"),
    [
        (Claim.LIKELY_SYNTHETIC, VerdictKind.LIKELY_SYNTHETIC),
        (Claim.LIKELY_REAL, VerdictKind.LIKELY_REAL),
        (None, VerdictKind.UNKNOWN),
    ],
)
def test_a_model_says_what_is_likely_where_nothing_decides(claim, label):
    verdict = fuse([scored(claim)])
    assert (verdict.kind, verdict.p_synthetic) == (label, 0.8)


def test_a_models_probability_stands_beside_what_decided():
    verdict = fuse([scored(Claim.LIKELY_REAL, 0.1), hit("x")])
    assert (verdict.kind, verdict.decided_by, verdict.p_synthetic) == (VerdictKind.SYNTHETIC, "x", 0.1)


def test_the_strongest_tier_decides():
    signed_edit, token = hit("c2pa", tier=Tier.A, claim=Claim.EDITED), hit("tags", tier=Tier.D)
    assert fuse([token, signed_edit]).decided_by == "c2pa"


def test_within_a_tier_generation_comes_before_an_edit():
    assert fuse([hit("a", claim=Claim.EDITED), hit("b")]).decided_by == "b"


def test_of_two_models_that_are_as_sure_the_one_that_claims_real_decides():
    found = [scored(claim) for claim in (Claim.LIKELY_REAL, Claim.LIKELY_SYNTHETIC)]
    assert {fuse(found).kind, fuse(found[::-1]).kind} == {VerdictKind.LIKELY_REAL}


@st.composite
def signals(draw):
    outcome = draw(st.sampled_from(SignalOutcome))
    return Signal(
        draw(st.sampled_from("abcdef")),
        draw(st.sampled_from(Evidence)),
        outcome,
        draw(st.none() | st.sampled_from(Tier)),
        draw(st.sampled_from([0.0, 0.5, 1.0])) if outcome.has_looked else None,
        claim=draw(st.none() | st.sampled_from(Claim)),
    )


@given(st.lists(signals(), max_size=6), st.randoms())
def test_the_verdict_does_not_depend_on_the_order(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert fuse(found).kind is fuse(shuffled).kind


@given(st.lists(signals(), max_size=6))
def test_a_verdict_names_a_signal_that_was_there(found):
    verdict = fuse(found)
    assert (verdict.decided_by is None) == (verdict.kind is VerdictKind.UNKNOWN)
    assert verdict.decided_by is None or verdict.decided_by in {s.detector for s in found if s.outcome.has_looked}
