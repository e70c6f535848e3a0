"""How far labellers agree on the images that they share. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from auditor.annotation.file import Annotation, HumanLabel


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two labellers. both: images that both labelled, of which at least one of them could not tell `unsure`.

    pairs: images on which both committed themselves; disagreements among those. kappa: of the pairs, corrected for
    chance; None without pairs, or where both gave one and the same label throughout.
    """

    labellers: tuple[str, str]
    both: int
    unsure: int
    pairs: int
    disagreements: int
    kappa: float | None


def agreements(answers: Iterable[Annotation]) -> list[Agreement]:
    """Every two labellers who share an image, by name."""
    said: dict[str, dict[str, HumanLabel]] = {}
    for answer in answers:
        said.setdefault(answer.labeller, {})[answer.key] = answer.truth
    found = []
    for first, second in combinations(sorted(said), 2):
        if both := [(said[first][key], said[second][key]) for key in said[first].keys() & said[second].keys()]:
            sure = [pair for pair in both if HumanLabel.UNSURE not in pair]
            differ = sum(one is not other for one, other in sure)
            found.append(Agreement((first, second), len(both), len(both) - len(sure), len(sure), differ, _kappa(sure)))
    return found


def _kappa(pairs: list[tuple[HumanLabel, HumanLabel]]) -> float | None:
    """Cohen's (Educational and Psychological Measurement 20, 1960): (observed - chance) / (1 - chance)."""
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(one is other for one, other in pairs) / n
    chance = sum(
        sum(one is truth for one, _ in pairs) / n * sum(other is truth for _, other in pairs) / n
        for truth in HumanLabel
    )
    return None if chance == 1 else (observed - chance) / (1 - chance)
