"""What captions are searched for: artefacts of captioning models, prompt syntax, and file names (patterns.toml).

Artefacts are leaks of chat models and captioning tools (refusals, offers, tokens, Facebook's and Office's alternative
text), Markdown, and openings that people hardly ever write. They were chosen among patterns with 0 to 5 hits in 206,057
captions by people, and made narrower where texts of other kinds could have them: docs/explanation/captions.md says
which popular patterns were left out, and why.

Prompt syntax is *strong* (one pattern is enough) or a weak *cue*: two cues of different groups make a caption
prompt-like. Cues of one group occur together in texts by people: the page of an artist has "concept art" and a name.

Every pattern is English or a program's form; captions in other languages are not found. The expressions are RE2's,
whose time is linear in the length of hostile text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PATH = Path(__file__).with_name("patterns.toml")
MIN_CUE_GROUPS = 2  # of cues that make a caption prompt-like


class Kind(StrEnum):
    """What a pattern shows."""

    LEAK = "leak"
    FORM = "form"
    OPENING = "opening"
    STRONG = "prompt"
    CUE = "cue"
    NAME = "name"
    FILE_NAME = "file-name"


ARTEFACTS = (Kind.LEAK, Kind.FORM, Kind.OPENING)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern with its id, the text that reports show, and its expression.

    writer: the writer or generator that the form names; '' if several leave it. group: of a cue.
    """

    id: str
    kind: Kind
    what: str
    expression: str
    writer: str = ""
    group: str = ""


def _patterns() -> Iterator[Pattern]:
    for id, entry in tomllib.loads(PATH.read_text("utf-8")).items():
        flags = f"(?{entry['flags']})" if "flags" in entry else ""
        expression = f"{flags}{'|'.join(entry['find'])}"
        yield Pattern(
            id, Kind(entry["kind"]), entry["what"], expression, entry.get("writer", ""), entry.get("group", "")
        )


PATTERNS = tuple(_patterns())
BY_ID = {pattern.id: pattern for pattern in PATTERNS}
