"""One image from one URL of a dataset, which is to say from anywhere: nothing that the other side does can hurt.

http and https on ordinary ports only; the addresses of a host are looked up once a request, must all be public, and
one of them is spoken to, so that what was checked is what is reached (DNS rebinding); each redirect is a new request
that is checked again; size, time and redirects are bounded, what is compressed is inflated within the bound; no
cookies, no credentials, no proxy.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import IO
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, IncompleteRead, LocationParseError, ReadTimeoutError
from urllib3.util import Url, parse_url

from auditor.errors import FetchError
from auditor.fetching import addresses

AGENT = "mad-auditor"
USER_AGENT = f"{AGENT} (audit of an image dataset; opt out by X-Robots-Tag: noai)"
_BLOCK = 1 << 16
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_RETRYABLE_STATUS = (408, 425, 429, 500, 502, 503, 504)  # statuses that may be others tomorrow
_GZIPPED = {"gzip", "x-gzip", "deflate"}
# img2dataset's list (its --disallowed_header_directives): whom it leaves alone, this tool does too.
_OPT_OUTS = frozenset(("noai", "noimageai", "noindex", "noimageindex"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one image may cost: bytes (also once inflated), seconds in all, seconds without a byte, redirects."""

    max_bytes: int = 64 << 20
    seconds: float = 60.0
    read_timeout: float = 15.0
    redirects: int = 5


class Failed(Exception):
    """Why there is no image. passing: another day there may be one."""

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


Slot = Callable[[str], AbstractContextManager[None]]


class Downloader:
    """resolve: host and port to addresses. reachable: whether an address may be spoken to."""

    def __init__(
        self,
        bounds: Bounds,
        *,
        resolve: Callable[[str, int], Sequence[str]] = addresses.resolve,
        reachable: Callable[[str], bool] = addresses.is_public,
    ) -> None:
        self.bounds = bounds
        self._resolve = resolve
        self._reachable = reachable
        self._open: set[socket.socket] = set()
        self._is_stopped = False

    def stop(self) -> None:
        """Break off whatever is under way, from another thread; nothing is fetched any more."""
        self._is_stopped = True
        for connected in tuple(self._open):
            _abort(connected)

    def get(self, url: str, out: IO[bytes], slot: Slot) -> None:
        """Write the image at a URL. slot: held around each request to a host. Raises Failed."""
        left = self.bounds.seconds
        for _ in range(self.bounds.redirects + 1):
            parsed = _parsed(url)
            with slot(parsed.host or ""):
                began = time.monotonic()
                redirect_location = self._request(parsed, out, began + left)
                left -= time.monotonic() - began
            if redirect_location is None:
                return
            url = _joined(url, redirect_location)
        raise Failed(f"more than {self.bounds.redirects} redirects")

    def _request(self, url: Url, out: IO[bytes], deadline: float) -> str | None:
        """One request: the image is written, or the address to go on to returned."""
        try:
            with self._connected(url, deadline) as connected, closing(_answer(connected, url)) as response:
                redirect_location = response.headers.get("Location") if response.status in _REDIRECTS else None
                if redirect_location is None:
                    _check(response, self.bounds.max_bytes)
                    _write(response, out, self.bounds.max_bytes)
        except Failed:
            self._check_time(deadline)
            raise
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            self._check_time(deadline)
            raise Failed(_reason(error, self.bounds), transient=True) from error
        self._check_time(deadline)
        return redirect_location

    def _check_time(self, deadline: float) -> None:
        """Raises Failed where it was hung up: what came until then may look whole, or like anything."""
        if self._is_stopped:
            raise Failed("interrupted", transient=True)
        if time.monotonic() >= deadline:
            raise Failed(f"not there within {self.bounds.seconds:g} s", transient=True)

    @contextmanager
    def _connected(self, url: Url, deadline: float) -> Iterator[socket.socket]:
        """A connection to a checked address, hung up at `deadline` whatever is going on."""
        connected = self._connection(url, deadline)
        if url.scheme == "https":
            connected = _encrypted(connected, (url.host or "").strip("[]"))
        self._open.add(connected)
        watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), _abort, [connected])
        watchdog.daemon = True
        watchdog.start()
        try:
            self._check_time(deadline)
            if isinstance(connected, ssl.SSLSocket):
                connected.do_handshake()
            yield connected
        finally:
            watchdog.cancel()
            self._open.discard(connected)
            connected.close()

    def _connection(self, url: Url, deadline: float) -> socket.socket:
        """Connected to the first address that answers."""
        host, port = (url.host or "").strip("[]"), url.port or _PORTS[url.scheme or ""]
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError):
            found = []
        if private := [address for address in found if not self._reachable(address)]:
            raise Failed(f"its host is at {private[0]}, which is no public address")
        failure: Exception = Failed("no such host", transient=True)
        for address in found:
            timeout = min(self.bounds.read_timeout, deadline - time.monotonic())
            try:
                return socket.create_connection((address, port), max(0.001, timeout))
            except OSError as error:
                failure = error
        raise failure


def _parsed(text: str) -> Url:
    """The URL in its parts, everything quoted that has to be. Raises Failed."""
    try:
        url = parse_url(text.strip())
    except (LocationParseError, ValueError):
        raise Failed("not a URL that can be fetched") from None
    if url.scheme not in _PORTS:
        raise Failed("only http and https are fetched")
    if not url.host:
        raise Failed("the URL names no host")
    if url.auth:
        raise Failed("the URL holds a user's name")
    if url.port is not None and url.port < 1024 and url.port not in _PORTS.values():
        raise Failed(f"port {url.port} is no web server's")
    return url


def _joined(base: str, redirect_location: str) -> str:
    try:
        return urljoin(base, redirect_location.strip())
    except ValueError:
        raise Failed("redirected to what is no URL") from None


@cache
def _tls() -> ssl.SSLContext:
    """Certificates and names are checked, by the system's authorities."""
    return ssl.create_default_context()


def _encrypted(connected: socket.socket, host: str) -> ssl.SSLSocket:
    """Its handshake comes later: until then nobody could hang up on a host that draws it out."""
    try:
        return _tls().wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        connected.close()
        raise


def _answer(connected: socket.socket, url: Url) -> BaseHTTPResponse:
    headers = {
        "Host": url.netloc or "",
        "User-Agent": USER_AGENT,
        "Accept": "image/*,*/*;q=0.1",
        "Accept-Encoding": "identity",
    }
    connection = HTTPConnection(url.host or "", timeout=connected.gettimeout())
    connection.sock = connected
    connection.request("GET", url.request_uri, headers=headers, preload_content=False, decode_content=False)
    return connection.getresponse()


def _check(response: BaseHTTPResponse, limit: int) -> None:
    """Raises Failed for answers that are no image, too large, or not meant for us."""
    headers = response.headers
    if response.status != 200:
        raise Failed(f"HTTP {response.status}", transient=response.status in _RETRYABLE_STATUS)
    if opts_out(headers.getlist("X-Robots-Tag"), headers.get("TDM-Reservation")):
        raise Failed("the host opts out")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith("image/") and kind not in ("application/octet-stream", "binary/octet-stream"):
        raise Failed(f"{kind[:60]} is no image")
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) > limit:
        raise Failed(_too_large(limit))


def opts_out(robots: Sequence[str], reservation: str | None = None) -> bool:
    """Whether a host does not want its images used for models.

    robots: values of X-Robots-Tag, which may begin with the agent that they are for, as img2dataset reads them.
    reservation: TDM-Reservation of the W3C's TDM Reservation Protocol.
    """
    for value in robots:
        agent, colon, said = value.partition(":")
        agent = agent.strip().lower()
        if not colon or "," in agent or agent == "unavailable_after":
            said = value
        elif agent != AGENT:
            continue
        if _OPT_OUTS & {directive.strip().lower() for directive in said.split(",")}:
            return True
    return reservation is not None and reservation.strip() == "1"


def _write(response: BaseHTTPResponse, out: IO[bytes], limit: int) -> None:
    size = 0
    for block in _inflated(response.stream(_BLOCK, decode_content=False), response.headers, limit):
        size += len(block)
        if size > limit:
            raise Failed(_too_large(limit))
        try:
            out.write(block)
        except OSError as error:  # of this machine, not of the other one
            raise FetchError(f"an image of {size:,} bytes cannot be kept: {error.strerror or error}") from error
    if not size:
        raise Failed("an empty answer")


def _inflated(blocks: Iterator[bytes], headers: Mapping[str, str], limit: int) -> Iterator[bytes]:
    """The body, no more than a byte above the limit of it. Raises Failed."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        yield from blocks
        return
    if coding not in _GZIPPED:
        raise Failed(f"compressed as {coding[:20]!r}, which was not asked for")
    inflate, left = zlib.decompressobj(wbits=47), limit + 1  # 47: gzip or zlib, by its header
    try:
        for block in blocks:
            inflated = inflate.decompress(block, left)
            left -= len(inflated)
            yield inflated
    except zlib.error:
        raise Failed("its compression is damaged") from None
    if not inflate.eof:
        raise Failed("the answer ends early", transient=True)


def _too_large(limit: int) -> str:
    return f"larger than {limit:,} bytes"


def _reason(error: Exception, bounds: Bounds) -> str:
    """In a few words, without addresses or numbers that differ from run to run."""
    kinds = [error, error.__cause__, *error.args]
    reasons: dict[type[Exception] | tuple[type[Exception], ...], str] = {
        ssl.SSLCertVerificationError: "its certificate is not valid",
        (TimeoutError, ReadTimeoutError): f"silent for {bounds.read_timeout:g} s",
        ssl.SSLError: "no secure connection",
        ConnectionRefusedError: "no connection",
        (IncompleteRead, http.client.IncompleteRead): "the answer ends early",
        ValueError: "not HTTP",
    }
    for kind, reason in reasons.items():
        if any(isinstance(found, kind) for found in kinds):
            return reason
    return "the connection broke off"


def _abort(connected: socket.socket) -> None:
    try:
        # Not SSLSocket's own, which would let its reader go on with what is not decrypted.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:  # it is over already
        return
