"""Agreement between annotators on the images that they share. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from auditor.annotation.file import Annotation, HumanLabel


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two annotators.

    both: images that both labelled. unsure: those of them that at least one labelled unsure. double_annotated: the
    others. disagreements: double-annotated images with different labels. kappa: Cohen's kappa of the double-annotated
    images; None without any, and if all labels are the same.
    """

    labellers: tuple[str, str]
    both: int
    unsure: int
    double_annotated: int
    disagreements: int
    kappa: float | None


def agreements(annotations: Iterable[Annotation]) -> list[Agreement]:
    """The agreement of every two annotators who share an image, ordered by name."""
    labels: dict[str, dict[str, HumanLabel]] = {}
    for annotation in annotations:
        labels.setdefault(annotation.labeller, {})[annotation.key] = annotation.label
    results = []
    for first, second in combinations(sorted(labels), 2):
        shared = labels[first].keys() & labels[second].keys()
        if pairs := [(labels[first][key], labels[second][key]) for key in shared]:
            sure = [pair for pair in pairs if HumanLabel.UNSURE not in pair]
            disagreements = sum(left is not right for left, right in sure)
            unsure = len(pairs) - len(sure)
            results.append(
                Agreement((first, second), len(pairs), unsure, len(sure), disagreements, _cohens_kappa(sure))
            )
    return results


def _cohens_kappa(pairs: list[tuple[HumanLabel, HumanLabel]]) -> float | None:
    """(observed - expected) / (1 - expected) (Cohen, Educational and Psychological Measurement 20, 1960)."""
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(left is right for left, right in pairs) / n
    expected = sum(
        sum(left is label for left, _ in pairs) / n * sum(right is label for _, right in pairs) / n
        for label in HumanLabel
    )
    return None if expected == 1 else (observed - expected) / (1 - expected)
