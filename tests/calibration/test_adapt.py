"""The classifier fitted to images of one's own: better on folders left out, or left as it was."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor.calibration import adapt
from auditor.calibration.adapt import adapt_head
from auditor.errors import CalibrationError
from auditor.estimate.head import Head

NUMBERS = 24


def head(direction):
    zero, one = np.zeros(NUMBERS, np.float32), np.ones(NUMBERS, np.float32)
    return Head(zero, one, np.asarray(direction, np.float32), np.zeros(1, np.float32))


def axis(number):
    return np.eye(NUMBERS)[number]


def folders(rng, centre, *, count=4, images=15, spread=0.3):
    """Tokens of some folders about a centre, each a little off."""
    return {
        ("clean", str(number)): list(
            (centre + spread * rng.standard_normal(NUMBERS) + rng.standard_normal((images, NUMBERS))).astype(np.float32)
        )
        for number in range(count)
    }


def test_what_the_shipped_head_cannot_see_is_learnt():
    rng = np.random.default_rng(0)
    real, synthetic = folders(rng, -2 * axis(1)), folders(rng, 2 * axis(1))
    found = adapt_head(real, synthetic, head(axis(0)))
    assert found.before < 0.7
    assert found.after > 0.9
    assert found.head is not None
    assert found.head.weights[1] > 0.2


def test_where_nothing_is_to_be_learnt_the_shipped_head_is_kept():
    rng = np.random.default_rng(1)
    shipped = head(axis(0) / 2)
    found = adapt_head(folders(rng, -2 * axis(0)), folders(rng, 2 * axis(0)), shipped)
    kept = found.head or shipped
    assert found.after >= found.before or found.head is None
    assert np.abs(kept.weights - shipped.weights).max() < 0.2


@examples(10)
@given(st.integers(0, 10_000))
def test_a_head_is_kept_only_where_it_is_better_out_of_folder(seed):
    rng = np.random.default_rng(seed)
    real, synthetic = folders(rng, 0 * axis(0), spread=1), folders(rng, 0.5 * axis(0), spread=1)
    found = adapt_head(real, synthetic, head(axis(0) / 2))
    assert (found.head is not None) == (found.strength is not None)
    if found.head is not None:
        assert found.after > found.before


def test_a_folders_scores_do_not_depend_on_its_own_labels():
    """Labels of one folder turned round: its scores out of folder stay as they were."""
    rng = np.random.default_rng(2)
    real, synthetic = folders(rng, -axis(1)), folders(rng, axis(1))
    odd = {**real, ("clean", "odd"): list(rng.standard_normal((15, NUMBERS)).astype(np.float32))}
    turned = {**synthetic, ("clean", "odd"): odd[("clean", "odd")]}
    asked = head(axis(0) / 2)
    one = adapt_head(odd, synthetic, asked).real[("clean", "odd")]
    other = adapt_head(real, turned, asked).synthetic[("clean", "odd")]
    assert np.corrcoef(one, other)[0, 1] > 0.98  # weights of the classes differ a little, nothing else does


def test_leaving_out_in_closed_form_is_leaving_out():
    """Against fits that never saw the folder."""
    rng = np.random.default_rng(3)
    sides = folders(rng, -axis(1)), folders(rng, axis(1))
    keys = [(label, key) for label in (0, 1) for key in sides[label]]
    rows = adapt._rows(keys, sides, head(axis(0) / 2))
    fit, out = adapt._Fit(rows, 1000.0), rows.folder == 2
    kept = replace(rows, **{name: getattr(rows, name)[~out] for name in adapt._ROW_FIELDS})
    again = adapt._Fit(kept, 1000.0).change(np.zeros((~out).sum(), bool))
    assert np.allclose(fit.change(out), again, atol=1e-8)


def test_many_images_are_thinned(monkeypatch):
    monkeypatch.setattr(adapt, "_MAX_ROWS", 60)
    rng = np.random.default_rng(4)
    real, synthetic = folders(rng, -2 * axis(1)), folders(rng, 2 * axis(1))
    found = adapt_head(real, synthetic, head(axis(0)))
    assert found.after > 0.9
    assert sum(map(len, found.real.values())) == 60


@pytest.mark.parametrize(("count", "images"), [(1, 50), (4, 3)])
def test_too_little_to_leave_out_is_refused_by_side_and_number(count, images):
    rng = np.random.default_rng(0)
    few, enough = folders(rng, axis(0), count=count, images=images), folders(rng, axis(1))
    with pytest.raises(CalibrationError, match=rf"needs 2 folders and 20 images .* real class has {count} "):
        adapt_head(few, enough, head(axis(0)))
    with pytest.raises(CalibrationError, match=r"synthetic class"):
        adapt_head(enough, few, head(axis(0)))


def test_a_folder_left_out_does_not_pull_its_own_scores_down():
    """With a constant, the fit without a real folder leans to synthetic, and the other way round."""
    rng = np.random.default_rng(5)
    real, synthetic = folders(rng, 0 * axis(0), count=2, spread=0), folders(rng, 0 * axis(0), count=2, spread=0)
    rows = adapt._rows(
        [*((0, key) for key in real), *((1, key) for key in synthetic)], (real, synthetic), head(axis(0))
    )
    fit = adapt._Fit(rows, 10_000.0)
    means = [(rows.x[rows.folder == number] @ fit.change(rows.folder == number)).mean() for number in range(4)]
    assert np.abs(means).max() < 0.05
