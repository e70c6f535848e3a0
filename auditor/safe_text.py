"""Makes text that people or files of others wrote safe to show: it cannot move a cursor, reverse or break a line, or be
a workflow command. All such text passes here before it reaches a terminal or a report."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # controls, invisible marks, lone surrogates, line separators
_COMMANDS = ("::", "##[")  # at the start of a line, GitHub's runner would take these for a command
_MAX_TEXT = 100_000  # of a text that is not cut for want of room
_MARK = "�"


def safe_text(text: str, limit: int = 200) -> str:
    """One line of visible characters, cut at `limit`."""
    start = text.lstrip()[:3] if text[:1] in " :#" else ""
    if len(text) <= limit and text.isprintable() and not start:  # the fast path: hidden characters are not printable
        return text
    shown = "".join(_MARK if is_hidden(char) else char for char in text[: limit + 1])
    if start.startswith(_COMMANDS):
        shown = _MARK + shown
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def safe_json(text: str) -> str:
    """The same JSON, with hidden characters as escapes."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(_escaped(char) if char != "\n" and is_hidden(char) else char for char in text)


def safe_values(value: Any) -> Any:
    """The same JSON value, in which every text is safe."""
    if isinstance(value, str):
        return safe_text(value, _MAX_TEXT)
    if isinstance(value, Mapping):
        return {safe_values(key): safe_values(item) for key, item in value.items()}
    return [safe_values(item) for item in value] if isinstance(value, list | tuple) else value


def is_hidden(char: str) -> bool:
    """Includes U+FFFE, U+FFFF and their counterparts in other planes, which XML does not allow."""
    return unicodedata.category(char) in _HIDDEN or ord(char) & 0xFFFE == 0xFFFE


def _escaped(char: str) -> str:
    code = ord(char)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
