"""The summary that a scan prints: the first screen as plain text, in lines of at most 80 characters.

Words are never broken. A command is one line as long as it fits, and otherwise continues with a backslash, so that it
can be copied as it stands.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator

from auditor import sentences
from auditor.decision import Decision
from auditor.plugin import Renderer
from auditor.results import Audit
from auditor.safe_text import safe_text
from reports.first_screen import FirstScreen, Scale, first_screen

_WIDTH = 80
_LABEL = 10  # width of the labels
_BAR = _WIDTH - _LABEL  # characters from 0 to 100 %
_MAX_LINE = 2000  # characters; longer than any line of the summary
_MAX_PROBLEMS = 4


class Terminal(Renderer):
    """See the module."""

    id = "terminal"
    suffix = ".txt"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The text."""
        screen = first_screen(audit, decision, folder)
        return "\n".join(safe_text(line, _MAX_LINE).rstrip() for line in _lines(screen, folder)) + "\n"


def _lines(screen: FirstScreen, folder: str) -> Iterator[str]:
    yield from _wrapped("", f"{screen.headline.upper()} · {screen.dataset}", indent=0)
    yield from _wrapped("", screen.finding, indent=0)
    yield ""
    yield from _bar(screen.scale)
    if screen.estimate:
        yield from _wrapped("estimate", screen.estimate)
    yield from _wrapped("rests on", screen.basis)
    yield from _wrapped("policy", screen.outcome)
    for text in screen.also:
        yield from _wrapped("", text)
    for text in screen.problems[:_MAX_PROBLEMS]:
        yield from _wrapped("note", text)
    if len(screen.problems) > _MAX_PROBLEMS:
        yield from _wrapped("note", f"and {len(screen.problems) - _MAX_PROBLEMS} more, in the report")
    yield from _suspects(screen)
    yield ""
    yield from _wrapped("next", screen.action.text)
    yield from _command(screen.action.command)
    yield from _wrapped("details", f"{folder.rstrip('/')}/report.html")


def _bar(scale: Scale) -> Iterator[str]:
    """The interval on a line from 0 to 100 %, and the limit; nothing without an interval."""
    if scale.low is None or scale.high is None:
        return
    first, last = (min(_BAR - 1, round(share * (_BAR - 1))) for share in (scale.low, scale.high))
    cells = ["█" if first <= cell <= last else "·" for cell in range(_BAR)]
    yield f"{'0 – 100 %':<{_LABEL}}{''.join(cells)}"
    if scale.limit is not None:
        at = min(_BAR - 1, round(scale.limit * (_BAR - 1)))
        text = f"{scale.limit_name} {sentences.percent(scale.limit)}"
        marked = f"▲ {text}" if at + len(text) + 2 <= _BAR else f"{text} ▲".rjust(at + 1)
        yield " " * _LABEL + (" " * at + marked if marked.startswith("▲") else marked)


def _suspects(screen: FirstScreen) -> Iterator[str]:
    if not screen.suspects:
        return
    yield ""
    yield f"most suspicious {screen.suspects[0].by}s"
    for each in screen.suspects:
        yield from _wrapped("", f"{each.value}: {each.fraction}, {each.flagged}; {each.without}", indent=2)


def _wrapped(label: str, text: str, *, indent: int = _LABEL) -> Iterator[str]:
    """Lines of at most _WIDTH characters, if no word is longer."""
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{label:<{indent}}" if label else " " * indent,
        subsequent_indent=" " * (indent if label else indent + 2 if indent else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _command(command: str) -> Iterator[str]:
    """A command, continued by backslashes where it is too long."""
    line = " " * _LABEL
    for word in _pairs(shlex.split(command)):
        if line.strip() and len(line) + len(word) + 3 > _WIDTH:
            yield f"{line} \\"
            line = " " * (_LABEL + 2)
        line += f"{' ' if line.strip() else ''}{word}"
    yield line


def _pairs(words: list[str]) -> Iterator[str]:
    """The words as a shell reads them; an option and its value stay together."""
    quoted = [shlex.quote(word) for word in words]
    while quoted:
        word = quoted.pop(0)
        has_value = word.startswith("--") and "=" not in word and quoted and not quoted[0].startswith("--")
        yield f"{word} {quoted.pop(0)}" if has_value else word
