"""The labels that people gave one image, and how probable they are if it is synthetic or real. Pure.

Annotators err independently of each other, given the truth (Dawid & Skene, Applied Statistics 28, 1979). So images with
labels of two people inform about the error rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from auditor.annotation.basis import PRIORS, Basis, ErrorRates, basis_of
from auditor.annotation.file import Annotation, HumanLabel


@dataclass(frozen=True, order=True, slots=True)
class Votes:
    """The bases and labels of one image's annotators, sorted."""

    votes: tuple[tuple[Basis, HumanLabel], ...]

    @classmethod
    def of(cls, annotations: Iterable[Annotation]) -> Votes:
        """The votes for one image."""
        return cls(tuple(sorted((basis_of(annotation.how), annotation.label) for annotation in annotations)))

    @property
    def definite(self) -> tuple[tuple[Basis, HumanLabel], ...]:
        """The votes that are not unsure."""
        return tuple(vote for vote in self.votes if vote[1] is not HumanLabel.UNSURE)

    @property
    def at_face_value(self) -> frozenset[HumanLabel]:
        """The definite labels that are taken at face value."""
        return frozenset(label for basis, label in self.definite if PRIORS[basis] is None)

    @property
    def usable(self) -> tuple[tuple[Basis, HumanLabel], ...]:
        """The definite votes; none if two that are taken at face value contradict each other."""
        return () if len(self.at_face_value) > 1 else self.definite

    @property
    def consensus(self) -> HumanLabel:
        """The label on which all annotators agree; otherwise unsure."""
        labels = {label for _, label in self.votes}
        return labels.pop() if len(labels) == 1 else HumanLabel.UNSURE

    def likelihood(self, rates: ErrorRates, draws: int) -> tuple[np.ndarray, np.ndarray]:
        """The probability of the usable votes if the image is synthetic, and if it is real, float64 (draws,) each."""
        if_synthetic, if_real = np.ones(draws), np.ones(draws)
        for basis, label in self.usable:
            false_positive, false_negative = rates.false_positive[basis], rates.false_negative[basis]
            is_synthetic = label is HumanLabel.SYNTHETIC
            if_synthetic = if_synthetic * (1 - false_negative if is_synthetic else false_negative)
            if_real = if_real * (false_positive if is_synthetic else 1 - false_positive)
        return if_synthetic, if_real


# A label without errors.
EXACT: Mapping[HumanLabel, Votes] = {label: Votes(((Basis.PROVENANCE, label),)) for label in HumanLabel}
