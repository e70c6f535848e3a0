"""Which network addresses are public. A URL from a dataset must not reach the local network of the audit."""

from __future__ import annotations

import ipaddress
import socket

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 addresses embedded in IPv6 (RFC 6052)


def resolve(host: str, port: int) -> list[str]:
    """The distinct addresses of a host, in the system's order. Raises OSError."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in infos))


def is_public(text: str) -> bool:
    """Whether an address, and any IPv4 address embedded in it, belongs to the public internet.

    Private, loopback, link-local, shared, multicast, reserved and unspecified addresses (RFC 6890) do not.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public(address)
    if address in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    is_site_local = address.is_site_local  # deprecated, but ipaddress counts it as global
    return _is_public(address) and not is_site_local and (not address.sixtofour or _is_public(address.sixtofour))


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # The ipaddress module counts multicast addresses as global.
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
