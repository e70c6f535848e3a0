"""The source of a URL: its registered domain, by the public suffix list (data that the library ships, not fetched)."""

from __future__ import annotations

import ipaddress
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


def domain(url: str) -> str:
    """`images.example.co.uk/…` -> `example.co.uk`; the host itself where it has no suffix; '?' without a host."""
    host = hostname(url)
    return _registered(host) if host else "?"


def hostname(url: str) -> str:
    """The host of a URL in lower case, '' where there is none."""
    try:
        return (urlsplit(url if "://" in url else f"//{url}").hostname or "").rstrip(".")
    except ValueError:
        return ""


@lru_cache(maxsize=65536)
def _registered(host: str) -> str:
    return host if _is_address(host) else _suffixes().privatesuffix(host) or host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
