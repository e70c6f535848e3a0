"""Where the annotation page listens, and the names by which browsers may call it.

By default only this machine can reach the page. With another host, everybody who can reach it and knows the token can.
A name that somebody else can point to this machine (DNS rebinding) is refused; an IP address cannot be pointed.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from auditor.errors import LabelError

LOOPBACK = "127.0.0.1"


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Family and socket address to listen on. Raises LabelError for a name without an address."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise LabelError(
            f"host {host}: {error}: give an address of this machine, or 0.0.0.0 for all of them"
        ) from error
    return family, address


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an IP address."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def reachable_name(host: str, address: str) -> str:
    """The host for the page's URL: an address of this machine if the page listens on all of them."""
    if not ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        return f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737); UDP sends nothing on connect
        except OSError:  # no network
            return socket.gethostname()
        return str(probe.getsockname()[0])


def is_own_name(name: str, host: str, address: str) -> bool:
    """Whether a request may call the page by this name. host: that was asked for; address: that it resolved to."""
    if is_loopback(address):
        return name in {LOOPBACK, "localhost", host, f"[{address}]", address}
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return name.casefold() in {"localhost", host.casefold(), socket.gethostname().casefold()}
    return True
