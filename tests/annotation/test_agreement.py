"""Agreement between annotators."""

import pytest

from auditor.annotation.agreement import agreements
from auditor.annotation.file import Annotation, HumanLabel

S, R, U = HumanLabel


def answers(**labels):
    return [Annotation(str(key), "", truth, "", who) for who, said in labels.items() for key, truth in enumerate(said)]


def test_the_published_example_of_fifty_grant_proposals():
    """Both yes 20, both no 15, only the first yes 5, only the second yes 10: kappa 0.4 (the usual worked example)."""
    first, second = [S] * 20 + [R] * 15 + [S] * 5 + [R] * 10, [S] * 20 + [R] * 15 + [R] * 5 + [S] * 10
    [found] = agreements(answers(a=first, b=second))
    assert (found.double_annotated, found.disagreements) == (50, 15)
    assert found.kappa == pytest.approx(0.4)


def test_images_that_one_could_not_tell_are_no_disagreement():
    [found] = agreements(answers(b=[S, U, R, R, S], a=[S, R, U, R]))
    assert found.labellers == ("a", "b")
    assert (found.both, found.unsure, found.double_annotated, found.disagreements, found.kappa) == (4, 2, 2, 0, 1.0)


def test_without_pairs_or_without_variety_there_is_no_kappa():
    assert [found.kappa for found in agreements(answers(a=[U], b=[S]))] == [None]
    assert [found.kappa for found in agreements(answers(a=[R, R], b=[R, R]))] == [None]
    assert agreements(answers(a=[R, R])) == []


def test_every_two_labellers_are_compared():
    found = agreements(answers(a=[R, S], b=[R, R], c=[S, R]))
    assert {(x.labellers, x.disagreements) for x in found} == {(("a", "b"), 1), (("a", "c"), 2), (("b", "c"), 1)}
