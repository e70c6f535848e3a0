"""What labels rest on, and how often they are wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.annotation.basis import PRIORS, Basis, ErrorRates, basis_of, fitted_beta
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.votes import EXACT, Votes


@pytest.mark.parametrize(
    ("how", "basis"),
    [
        ("looks", Basis.LOOKS),
        ("page", Basis.PAGE),
        ("", Basis.UNSTATED),
        ("I know it", Basis.UNSTATED),
        (" Looks", Basis.LOOKS),
        ("looks alone", Basis.LOOKS),
        ("by eye", Basis.LOOKS),
        ("Provenance ", Basis.PROVENANCE),
    ],
)
def test_own_words_and_none_are_no_stated_basis(how, basis):
    assert basis_of(how) is basis


def test_every_basis_has_a_prior_and_is_better_than_chance():
    assert set(PRIORS) == set(Basis)
    rates = ErrorRates.prior(Basis)
    log_weight = rates.draw(4000, np.random.default_rng(0))
    is_possible = np.isfinite(log_weight)
    for basis in Basis:
        total = rates.false_positive[basis] + rates.false_negative[basis]
        assert (total[is_possible if len(total) > 1 else slice(None)] < 1).all()
    assert rates.false_positive[Basis.PROVENANCE].max() == 0


def test_looks_miss_more_synthetic_images_than_they_accuse_real_ones():
    looks = PRIORS[Basis.LOOKS]
    means = [a / (a + b) for a, b in (looks.false_positive, looks.false_negative)]
    assert means[0] < means[1]
    right = 1 - sum(means) / 2
    assert 0.54 <= right <= 0.62  # of as many real as synthetic images, as in the studies


def test_fitted_draws_keep_the_weights_of_the_prior():
    """The mean of a rate under the prior is the same by draws of the prior and by weighted draws of a fit."""
    rates = ErrorRates.prior([Basis.PAGE])
    rates.draw(20_000, np.random.default_rng(0))
    few = rates.false_positive[Basis.PAGE] > 0.03
    rates.fit(few / few.sum())
    weight = np.exp(rates.draw(20_000, np.random.default_rng(1)))
    assert weight @ rates.false_positive[Basis.PAGE] / weight.sum() == pytest.approx(0.02, abs=0.003)


@given(st.floats(0.01, 0.99), st.floats(2, 1000))
def test_a_fit_has_the_mean_and_a_larger_variance(mean, size):
    draws = np.random.default_rng(0).beta(mean * size, (1 - mean) * size, 4000)
    a, b = fitted_beta(draws, np.full(4000, 1 / 4000))
    assert a / (a + b) == pytest.approx(mean, abs=0.06)
    assert min(a, b) > 0


def votes(*pairs):
    return Votes.of(Annotation("k", "", label, how, f"p{number}") for number, (how, label) in enumerate(pairs))


def test_consensus_needs_agreement():
    synthetic, real, unsure = HumanLabel.SYNTHETIC, HumanLabel.REAL, HumanLabel.UNSURE
    assert votes(("looks", real), ("page", real)).consensus is real
    assert votes(("looks", real), ("page", synthetic)).consensus is unsure
    assert votes(("looks", real), ("looks", unsure)).consensus is unsure
    assert votes(("looks", real), ("looks", unsure)).definite == ((Basis.LOOKS, real),)


def test_statements_of_origin_that_contradict_each_other_are_not_usable():
    torn = votes(("provenance", HumanLabel.REAL), ("provenance", HumanLabel.SYNTHETIC))
    assert len(torn.definite) == 2
    assert torn.usable == ()
    assert votes(("provenance", HumanLabel.REAL), ("looks", HumanLabel.SYNTHETIC)).usable


def test_a_label_without_errors_is_certain():
    rates = ErrorRates.prior([Basis.PROVENANCE])
    if_synthetic, if_real = EXACT[HumanLabel.SYNTHETIC].likelihood(rates, 3)
    assert (if_synthetic.tolist(), if_real.tolist()) == ([1, 1, 1], [0, 0, 0])


def test_two_votes_multiply():
    rates = ErrorRates.prior([Basis.LOOKS])
    rates.draw(5, np.random.default_rng(0))
    one, two = votes(("looks", HumanLabel.REAL)), votes(("looks", HumanLabel.REAL), ("looks", HumanLabel.REAL))
    assert two.likelihood(rates, 5)[0] == pytest.approx(one.likelihood(rates, 5)[0] ** 2)
    assert one.likelihood(rates, 5)[0] == pytest.approx(rates.false_negative[Basis.LOOKS])
