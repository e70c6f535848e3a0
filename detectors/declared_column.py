"""A column of the manifest that says whether an image is synthetic.

Sees: columns named synthetic, is_synthetic, is_ai, ai_generated or digital_source_type (any case), or the one given
with --declared-col. True, 1, yes, ai, synthetic, generated and similar values declare; their opposites do not. An IPTC
digital source type is interpreted by its term. Columns with a generator's settings (steps, and two or more of sampler,
seed, guidance, size) declare too, as in DiffusionDB. No other column counts as a declaration.

Defeated by: manifests without such columns, and columns filled by a classifier instead of from knowledge.
Tier B (an explicit label, unsigned), C for settings.
"""

from __future__ import annotations

import numpy as np

from auditor.images import generation_settings
from auditor.images.iptc import is_source_type, source_type_claim
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.row_columns import RowColumns
from auditor.types import Claim, Evidence, Need, Tier

_YES = frozenset("true t yes y 1 1.0 ai synthetic generated ai-generated ai_generated fake".split())
_NO = frozenset("false f no n 0 0.0 real human photo natural authentic not-ai".split())


class DeclaredColumn(Detector):
    """See the module."""

    id = "declared-column"
    evidence = Evidence.DECLARED
    needs = Need.ROW

    def resources(self) -> tuple[str, ...]:
        """The parser of settings."""
        return (generation_settings.__file__,)

    def alike(self, columns: RowColumns) -> np.ndarray:
        """Rows with the same cells in the columns that may declare are alike."""
        if columns.facts is None:
            return np.zeros(len(columns), np.int64)
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(repr(facts), len(numbers)) for facts in columns.facts], np.int64)

    def look(self, view: View) -> DetectorResult:
        """The result for the column's value; an abstention if it is not yes, no or a source type."""
        if view.sample.declared is None:
            found = generation_settings.in_row(view.sample.row)
            if found:
                return DetectorResult.hit(Tier.C, f"{found.generator}: settings in columns", generator=found.generator)
            return DetectorResult.abstained("no such column, or no value in it")
        column, value = view.sample.declared
        text = f"column {column} = {value[:80]}"
        folded = value.strip().casefold()
        claim = Claim.SYNTHETIC if folded in _YES else source_type_claim(value)
        if claim:
            return DetectorResult.hit(Tier.B, text, claim=claim)
        if folded in _NO or is_source_type(value):
            return DetectorResult.negative(text)
        return DetectorResult.abstained(f"{text}: not recognised")
