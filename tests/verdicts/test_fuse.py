import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.types import Claim, Evidence, Label, Signal, Tier
from auditor.verdicts.fuse import fuse


def hit(detector="d", evidence=Evidence.DECLARED, tier=Tier.C, claim=Claim.SYNTHETIC, score=1.0):
    return Signal(detector, evidence, tier, score, "", claim)


def test_nothing_found_leaves_the_verdict_unknown():
    assert fuse([]).label is Label.UNKNOWN
    assert fuse([Signal("d", Evidence.DECLARED, score=0.0), Signal("e", Evidence.MATCHED)]).label is Label.UNKNOWN


@pytest.mark.parametrize("evidence", [Evidence.DECLARED, Evidence.MATCHED])
@pytest.mark.parametrize(("claim", "label"), [(Claim.SYNTHETIC, Label.SYNTHETIC), (Claim.EDITED, Label.EDITED)])
def test_declared_and_matched_evidence_decide(evidence, claim, label):
    verdict = fuse([hit("x", evidence, claim=claim)])
    assert (verdict.label, verdict.decided_by) == (label, "x")


def test_priors_and_suspicions_decide_nothing():
    assert fuse([hit(evidence=Evidence.PRIOR, tier=Tier.E), hit(claim=Claim.SUSPECTED)]).label is Label.UNKNOWN


def scored(claim, score=0.8):
    return Signal("model", Evidence.STATISTICAL, None, score, "", claim)


@pytest.mark.parametrize(
    ("claim", "label"),
    [(Claim.LIKELY, Label.LIKELY_SYNTHETIC), (Claim.UNLIKELY, Label.LIKELY_REAL), (None, Label.UNKNOWN)],
)
def test_a_model_says_what_is_likely_where_nothing_decides(claim, label):
    verdict = fuse([scored(claim)])
    assert (verdict.label, verdict.p_synthetic) == (label, 0.8)


def test_a_models_chance_stands_beside_what_decided():
    verdict = fuse([scored(Claim.UNLIKELY, 0.1), hit("x")])
    assert (verdict.label, verdict.decided_by, verdict.p_synthetic) == (Label.SYNTHETIC, "x", 0.1)


def test_the_strongest_tier_decides():
    signed_edit, token = hit("c2pa", tier=Tier.A, claim=Claim.EDITED), hit("tags", tier=Tier.D)
    assert fuse([token, signed_edit]).decided_by == "c2pa"


def test_within_a_tier_generation_comes_before_an_edit():
    assert fuse([hit("a", claim=Claim.EDITED), hit("b")]).decided_by == "b"


signals = st.builds(
    Signal,
    st.sampled_from("abcdef"),
    st.sampled_from(Evidence),
    st.none() | st.sampled_from(Tier),
    st.none() | st.sampled_from([0.0, 0.5, 1.0]),
    st.just(""),
    st.none() | st.sampled_from(Claim),
)


@given(st.lists(signals, max_size=6), st.randoms())
def test_the_verdict_does_not_depend_on_the_order(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert fuse(found).label is fuse(shuffled).label


@given(st.lists(signals, max_size=6))
def test_a_verdict_names_a_signal_that_was_there(found):
    verdict = fuse(found)
    assert (verdict.decided_by is None) == (verdict.label is Label.UNKNOWN)
    assert verdict.decided_by is None or verdict.decided_by in {s.detector for s in found if s.score is not None}
