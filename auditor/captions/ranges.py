"""The ranges of the figures of diversity over sources of captions by people, by machines, and of prompts.

benchmarks/captions.py measured them on sources in English of BLOCK captions or more, and wrote ranges.json. The lists
of sources are in docs/explanation/captions.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from auditor.caption_results import CaptionDiversity, CaptionFigure, FigureRange, Phrase
from auditor.captions import diversity

PATH = Path(__file__).with_name("ranges.json")
HUMAN = "human"
# Figures that show repetition, and whether a greater value shows more of it.
REPETITION = {"openings": True, "phrases": True, "distinct_2": False, "compression": False}


@cache
def ranges() -> dict[str, dict[str, FigureRange]]:
    """Figure -> kind of source (human, machine, prompt) -> its range."""
    content = json.loads(PATH.read_text())["figures"]
    return {
        figure: {kind: FigureRange(*numbers) for kind, numbers in by_kind.items()}
        for figure, by_kind in content.items()
    }


def diversity_of(sample: Sequence[str], *, is_english: bool) -> CaptionDiversity:
    """The diversity of a sample of captions. is_english: otherwise nothing is compared, because the sources are
    English. Raises ValueError for fewer than BLOCK captions."""
    known = ranges() if is_english else {}
    figures = {
        name: CaptionFigure(value, known.get(name, {}), _is_outside(name, value, known.get(name, {})))
        for name, value in diversity.figures(sample).items()
    }
    openings, phrases = (
        tuple(Phrase(text, round(share, 4)) for text, share in diversity.commonest(sample, parts))
        for parts in (diversity.openings, diversity.phrases)
    )
    return CaptionDiversity(len(sample), figures, openings, phrases)


def _is_outside(name: str, value: float, by_kind: dict[str, FigureRange]) -> bool:
    if name not in REPETITION or HUMAN not in by_kind:
        return False
    human = by_kind[HUMAN]
    return value > human.high if REPETITION[name] else value < human.low
