"""Parsing URLs and finding their registered domains. A regular expression is used, because every row is parsed.

The expression is that of RFC 3986, appendix B. It matches any text, so parsing never fails.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from auditor.storage.files import is_web

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


def domain_of_authority(authority: str) -> str:
    """The registered domain of any URL with this authority (RFC 3986, section 3.2)."""
    return domain(f"//{authority}")


def is_address(text: str) -> bool:
    """Whether a text is a web address, with its scheme or without (`//host.org/1.jpg`, `host.org/1.jpg`)."""
    return is_web(text) or absolute(text) != text


def absolute(text: str) -> str:
    """An address without a scheme, with `http://` before it; any other text unchanged.

    `//host/1.jpg` is a network-path reference (RFC 3986, section 4.2). Without the slashes, the text is an address if
    its first part is a host below a suffix of the public suffix list.
    """
    if text.startswith(("http://", "https://")):
        return text
    if text.startswith("//"):
        return f"http:{text}" if _is_host(hostname(text)) else text
    host, slash, _ = text.partition("/")
    return f"http://{text}" if slash and "." in host and _is_host(hostname(f"//{host}")) else text


@lru_cache(maxsize=65536)
def _is_host(host: str) -> bool:
    return _is_address(host) or _known_suffixes().privatesuffix(host) is not None


@lru_cache(maxsize=65536)
def _registered(host: str) -> str:
    return host if _is_address(host) else _suffixes().privatesuffix(host) or host


def _is_address(host: str) -> bool:
    if not (host[-1:].isdigit() or ":" in host):  # no address of IPv4 or IPv6; an exception is slow
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _known_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)
