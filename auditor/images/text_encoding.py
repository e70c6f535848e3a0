"""Texts whose encoding a file does not tell, or tells wrongly: each is tried, and the most plausible text is kept.

EXIF 2.32, section 4.6.5, names the code of UserComment, but not the byte order of UTF-16, and programs write UTF-8
under every code. Zero bytes do not tell the order either: Chinese and Japanese text has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

_SAMPLE = 1024  # characters at the beginning and at the end that are looked at
_USER_COMMENT_CODES = (b"ASCII\0\0\0", b"UNICODE\0", b"Unicode\0", b"JIS\0\0\0\0\0", bytes(8))
_ORDERS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# Chinese, traditional Chinese, Japanese and Korean standards, and the lead bytes of their frequent characters
# (GB 2312 rows 1–55, Big5 level 1, JIS X 0208 level 1, KS X 1001).
_FREQUENT = {"gb2312": (0xA1, 0xD7), "big5": (0xA1, 0xC6), "shift_jis": (0x81, 0x97), "euc_kr": (0xA1, 0xC8)}


def user_comment(value: bytes) -> str:
    """EXIF's UserComment as text: eight bytes may name the code."""
    code, body = value[:8], value[8:]
    if code not in _USER_COMMENT_CODES:
        return decoded(value)
    if code.startswith(b"JIS") and b"\x1b" in body:
        return _stripped(body.decode("iso2022_jp", "replace"))
    return decoded(body)


def decoded(data: bytes, *, orders: tuple[str, ...] = ("utf-16-be", "utf-16-le")) -> str:
    """The most plausible of UTF-8 (or Latin-1) and UTF-16. orders: of UTF-16, the usual one first."""
    if order := _ORDERS.get(data[:2]):
        orders = (order,)
    if data.isascii() and b"\0" not in data.rstrip(b"\0"):
        return _stripped(data.decode("ascii"))
    return max(_readings(data, orders), key=plausibility)


def _readings(data: bytes, orders: tuple[str, ...]) -> Iterator[str]:
    try:
        yield _stripped(data.decode("utf-8"))
    except UnicodeDecodeError:
        yield _stripped(data.decode("latin-1"))
    whole = data[: len(data) & ~1]
    for order in orders:
        yield _stripped(whole.decode(order, "replace"))


def plausibility(text: str) -> float:
    """The share of a text's characters that people write often, from 0 to 1."""
    sample = text if len(text) <= 2 * _SAMPLE else text[:_SAMPLE] + text[-_SAMPLE:]
    return sum(map(_is_frequent, sample)) / len(sample) if sample else 0.0


@lru_cache(maxsize=1 << 16)
def _is_frequent(char: str) -> bool:
    code = ord(char)
    if code < 0x80:
        return code >= 0x20 or char in "\t\n\r"
    if code < 0x2000:  # alphabets: Latin, Greek, Cyrillic, Arabic, Devanagari, Thai …
        return code >= 0xA0 and char.isprintable()
    if code >= 0x1F000:  # pictographs
        return char.isprintable()
    return any(_is_in(char, standard, *lead) for standard, lead in _FREQUENT.items())


def _is_in(char: str, standard: str, first: int, last: int) -> bool:
    try:
        return first <= char.encode(standard)[0] <= last
    except UnicodeEncodeError:
        return False


def _stripped(text: str) -> str:
    return text.strip("\0 \ufeff")
