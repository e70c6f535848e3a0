r"""Caption wording that is typical of generated images: prompt syntax, settings and plain statements.

Sees: Midjourney's switches (`--ar 16:9`), LoRA tags, weighted words `(detailed:1.2)`, `Negative prompt:`,
generation settings (auditor/images/generation_settings.py), and the stock phrases of prompts ("masterpiece, best
quality", "trending on artstation"), "AI-generated" and generators' names.

A prior (tier E, a score below 1): pages about AI art use the same words beside photographs, and most captions of
generated images have none of them. Before mid-2022 the base rate is close to zero. It stratifies and ranks; it never
decides.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.images import generation_settings
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.row_columns import RowColumns
from auditor.types import Evidence, Need, Tier

# (strength, generator or None, name, pattern): the strength is for ranking; it is not a probability
_FORMS = (
    (0.9, "Midjourney", "switches", r"(?:^|\s)(?:--|—)(?:ar|v|niji|stylize|s|chaos|seed|style|q|no|iw|sref|cref)\s+\S"),
    (0.9, None, "a LoRA tag", r"<lora:[^<>]{1,80}>"),
    (0.9, None, "a negative prompt", r"\bNegative prompt:"),
    (0.8, None, "weighted words", r"\([\w ,\-]{1,80}:\d\.\d+\)"),
    (0.6, None, "stock phrases of prompts", r"\bmasterpiece, best quality\b|\btrending on artstation\b"),
    (0.6, None, "“AI-generated”", r"\bAI[ -]generated\b|\bgenerated (?:by|with|using) AI\b|\bAI[ -]art\b"),
    (0.5, "Midjourney", "“Midjourney”", r"\bmidjourney\b"),
    (0.5, "Stable Diffusion", "“Stable Diffusion”", r"\bstable diffusion\b"),
    (0.5, "DALL·E", "“DALL·E”", r"\bDALL[·\-]E\b"),
)
_COMPILED = tuple((s, g, what, re.compile(form, re.IGNORECASE)) for s, g, what, form in _FORMS)
_ANY_WORD = r"--|—|<lora|steps|prompt:|:\d\.\d|masterpiece|artstation|\bAI\b|midjourney|diffusion|dall"
_ANY = re.compile(_ANY_WORD, re.IGNORECASE)
_MAY_BE_SETTINGS = r"[{\x00-\x1f\x7f]|steps"


class CaptionPrior(Detector):
    """See the module."""

    id = "caption-prior"
    evidence = Evidence.PRIOR
    needs = Need.ROW

    def resources(self) -> tuple[str, ...]:
        """The parsers that decide what settings are."""
        return (generation_settings.__file__,)

    def alike(self, columns: RowColumns) -> np.ndarray:
        """Rows are alike without a caption, if no form matches, and if the same form is the first that does.

        Arrow's expressions (RE2) and Python's mean the same in ASCII without control characters; other captions, and
        those that may hold settings, are rows of their own.
        """
        numbers = np.where(np.asarray(columns.caption.is_valid()), 0, -1)
        is_candidate = pc.match_substring_regex(columns.caption, _ANY_WORD, ignore_case=True)
        rows = np.flatnonzero(np.asarray(is_candidate.fill_null(False)))
        caption = columns.caption.take(pa.array(rows))
        is_plain = pc.and_(
            pc.string_is_ascii(caption),
            pc.invert(pc.match_substring_regex(caption, _MAY_BE_SETTINGS, ignore_case=True)),
        )
        for number, (_, _, _, form) in reversed(list(enumerate(_FORMS, 1))):
            matches = pc.match_substring_regex(caption, form, ignore_case=True)
            numbers[rows[np.asarray(pc.and_(is_plain, matches))]] = number
        others = rows[~np.asarray(is_plain)]
        numbers[others] = len(_FORMS) + 1 + np.arange(len(others))
        return numbers

    def look(self, view: View) -> DetectorResult:
        """The result for the strongest wording in the caption."""
        caption = view.sample.caption
        if not caption:
            return DetectorResult.abstained("no caption")
        if not _ANY.search(caption):  # most captions end here
            return DetectorResult.negative()
        if settings := generation_settings.find(caption):
            return DetectorResult.hit(Tier.E, f"caption with {settings.form}", generator=settings.generator, score=0.9)
        for strength, generator, what, form in _COMPILED:
            if form.search(caption):
                return DetectorResult.hit(Tier.E, f"caption with {what}", generator=generator, score=strength)
        return DetectorResult.negative()
