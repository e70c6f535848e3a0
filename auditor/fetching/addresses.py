"""Which network addresses are public: a URL from a dataset must not reach into the network that an audit runs in."""

from __future__ import annotations

import ipaddress
import socket

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 as networks without it see it (RFC 6052)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system gives them, each once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet's, and so is an IPv4 address that it holds.

    Private, loopback, link-local, shared, multicast, reserved and unspecified ones (RFC 6890) are not.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public(address)
    if address in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    is_site_local = address.is_site_local  # deprecated, and global by the standard library's count
    return _is_public(address) and not is_site_local and (not address.sixtofour or _is_public(address.sixtofour))


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # Multicast addresses are global by the standard library's count.
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
