"""Parsing URLs and finding their registered domains. A regular expression is used, because every row is parsed.

The expression is that of RFC 3986, appendix B. It matches any text, so parsing never fails.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

_PARTS = re.compile(r"(?:[^:/?#]+:)?(?://(?:[^/?#]*@)?(\[[^\]/?#]*\]|[^/?#:]*)[^/?#]*)?([^?#]*)", re.DOTALL)


def hostname(url: str) -> str:
    """The host in lower case; '' if there is none."""
    match = _PARTS.match(url)
    return (match[1] or "").strip("[]").rstrip(".").lower() if match else ""


def path(url: str) -> str:
    """The path, as written."""
    match = _PARTS.match(url)
    return match[2] if match else ""


def domain(url: str) -> str:
    """The registered domain, by the public suffix list (which its library contains; nothing is fetched).

    `http://images.example.co.uk/1.jpg` -> `example.co.uk`; the host itself if it has no known suffix or is an IP
    address; '?' without a host.
    """
    host = hostname(url if "//" in url else f"//{url}")
    return _registered(host) if host else "?"


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
    return PublicSuffixList()
