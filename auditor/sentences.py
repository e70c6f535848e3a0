"""The sentences about shares and their limits that people read: in commands, decisions and reports. Pure.

The bound that decides comes first: what fails is "at least" so much, what passes "at most" so much, and what is open is
a range.
"""

from __future__ import annotations

EVIDENCE = {
    "declared": "metadata",
    "matched": "watermark or known-image match",
    "statistical": "classifier",
    "prior": "weak hint",
}  # kind of evidence (types.Evidence) -> its name for people
_DIGITS = range(1, 5)  # decimal places, until a share and its limit look different


def percent(share: float | None, digits: int = 1) -> str:
    """0.035 -> '3.5 %'; 'unknown' for None."""
    return "unknown" if share is None else f"{100 * share:z.{digits}f} %"


def span(low: float, high: float) -> str:
    """An interval: '3.2 to 8.3 %'; one number if both ends look the same."""
    first, last = percent(low), percent(high)
    return last if first == last else f"{first.removesuffix(' %')} to {last}"


def at_most(low: float, high: float, limit: float, what: str, allowed: str = "the policy allows") -> str:
    """A share and the largest share allowed: 'at least 31.0 % synthetic; the policy allows 14.9 %'.

    low, high: the share's interval. what: what has this share. allowed: what sets the limit.
    """
    if low <= limit < high:
        return f"{span(low, high)} {what}; {allowed} {percent(limit)}"
    bound = low if low > limit else high
    word = "" if low == high else "at least " if low > limit else "at most "
    digits = _telling_apart(bound, limit)
    return f"{word}{percent(bound, digits)} {what}; {allowed} {percent(limit, digits)}"


def at_least(share: float, limit: float, what: str) -> str:
    """A share and the smallest share that a policy requires."""
    digits = _telling_apart(share, limit)
    return f"{percent(share, digits)} {what}; the policy requires {percent(limit, digits)}"


def counted(count: int, what: str) -> str:
    """'1 image', '1,204 images'. what: in the singular."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def p_value(p: float) -> str:
    """With two digits, and one if it is small: '1', '0.034', '2e-09'."""
    return f"{p:.2g}" if p >= 1e-3 else f"{p:.0e}"


def capitalized(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _telling_apart(share: float, limit: float) -> int:
    """The number of decimal places at which two different shares look different."""
    different = (digits for digits in _DIGITS if percent(share, digits) != percent(limit, digits))
    return next(different, _DIGITS[0])
