"""Text from a dataset made safe to show: nothing in it can move a cursor, change a colour or reverse a line."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # controls, invisible marks, lone surrogates, line separators


def safe_text(text: str, limit: int = 200) -> str:
    """One line of visible characters, cut at `limit`."""
    if len(text) <= limit and text.isprintable():  # as most text is: never so with anything hidden in it
        return text
    shown = "".join("�" if _is_hidden(char) else char for char in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _is_hidden(char: str) -> bool:
    """Also U+FFFE, U+FFFF and their kin of other planes, which no XML may hold."""
    return unicodedata.category(char) in _HIDDEN or ord(char) & 0xFFFE == 0xFFFE
