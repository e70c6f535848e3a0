"""CARD.md (to be written)."""


def card(*a, **k) -> str:
    """Nothing yet."""
    return ""
