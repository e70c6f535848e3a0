r"""Caption wording that is typical of generated images: prompt syntax, settings and plain statements.

Sees: the strong prompt syntax of auditor/captions/patterns.toml (Midjourney's switches such as `--ar 16:9`, LoRA tags,
weighted words `(detailed:1.2)`, `Negative prompt:`, quality and score tags), generation settings
(auditor/images/generation_settings.py), "trending on ArtStation", "AI-generated" and generators' names.

A weak hint (tier E, a score below 1): pages about AI art use the same words beside photographs, and most captions of
generated images have none of them. Before mid-2022 the base rate is close to zero. It ranks images and confirms none.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow.compute as pc

from auditor.captions import marks, patterns
from auditor.captions.patterns import BY_ID, PATTERNS, Kind
from auditor.images import generation_settings
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.row_columns import RowColumns
from auditor.types import Evidence, Need, Tier

# The strength of a pattern is for ranking; it is not a probability.
_STRENGTHS = {
    **{pattern.id: 0.9 for pattern in PATTERNS if pattern.kind is Kind.STRONG},
    "weights": 0.8,
    "quality-tags": 0.6,
    "trending": 0.6,
    "ai-generated": 0.6,
    "midjourney": 0.5,
    "stable-diffusion": 0.5,
    "dall-e": 0.5,
}
_MARKS = marks.bits_of(_STRENGTHS)
_COMPILED = [
    (BY_ID[id], strength, re.compile(BY_ID[id].expression))
    for id, strength in sorted(_STRENGTHS.items(), key=lambda item: -item[1])
]
# Every pattern needs one of these; most captions have none. (RE2 compiles in milliseconds, which only columns repay.)
_ANY_WORD = (
    r"--|—|–|<l|<hyper|steps|prompt|:[0-2]?\.\d|quality|masterpiece|trending|\bAI\b|midjourney|diffusion|dall|/imagine|"
    r"cfg|denois|score_|rating_|source_|\||negative|bad[-_]?|embedding:|artstation"
)
_ANY = re.compile(_ANY_WORD, re.IGNORECASE)
_MAY_BE_SETTINGS = r"[{\x00-\x1f\x7f]|steps"


class CaptionPrior(Detector):
    """See the module."""

    id = "caption-prior"
    evidence = Evidence.PRIOR
    needs = Need.ROW

    def resources(self) -> tuple[str, ...]:
        """The patterns, and the parsers that decide what settings are."""
        return (str(patterns.PATH), generation_settings.__file__)

    def alike(self, columns: RowColumns) -> np.ndarray:
        """Rows are alike without a caption, and if the same patterns match.

        Arrow's expressions (RE2) and Python's mean the same in ASCII without control characters; other captions with a
        word of any pattern, and those that may hold settings, are rows of their own.
        """
        caption = columns.caption
        numbers = np.where(np.asarray(caption.is_valid()), marks.of_rows(columns) & _MARKS, -1)
        has_word = pc.match_substring_regex(caption, _ANY_WORD, ignore_case=True).fill_null(False)
        rows, texts = np.flatnonzero(np.asarray(has_word)), caption.filter(has_word)
        may_be_settings = pc.match_substring_regex(texts, _MAY_BE_SETTINGS, ignore_case=True)
        others = rows[np.asarray(pc.or_(may_be_settings, pc.invert(pc.string_is_ascii(texts))))]
        numbers[others] = -2 - np.arange(len(others))
        return numbers

    def look(self, view: View) -> DetectorResult:
        """The result for the strongest wording in the caption."""
        caption = view.sample.caption
        if not caption:
            return DetectorResult.abstained("no caption")
        if not _ANY.search(caption):
            return DetectorResult.negative()
        if settings := generation_settings.find(caption):
            return DetectorResult.hit(Tier.E, f"caption with {settings.form}", generator=settings.generator, score=0.9)
        for pattern, strength, form in _COMPILED:
            if form.search(caption):
                generator = pattern.writer or None
                return DetectorResult.hit(Tier.E, f"caption with {pattern.what}", generator=generator, score=strength)
        return DetectorResult.negative()
