"""Makes text from a dataset safe to show: it cannot move a cursor, change a colour or reverse a line."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # controls, invisible marks, lone surrogates, line separators


def safe_text(text: str, limit: int = 200) -> str:
    """One line of visible characters, cut at `limit`."""
    if len(text) <= limit and text.isprintable():  # the fast path: hidden characters are not printable
        return text
    shown = "".join("�" if _is_hidden(char) else char for char in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _is_hidden(char: str) -> bool:
    """Includes U+FFFE, U+FFFF and their counterparts in other planes, which XML does not allow."""
    return unicodedata.category(char) in _HIDDEN or ord(char) & 0xFFFE == 0xFFFE
