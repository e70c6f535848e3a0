"""Downloads one image from an untrusted URL.

Only http and https on ordinary ports are used. The addresses of a host are resolved once per request and must all be
public; the connection goes to one of them, so that the checked address is the one reached (no DNS rebinding). Each
redirect is a new request with the same checks. Size, time and redirects are limited; compressed content is decompressed
within the limit. There are no cookies, credentials or proxies.
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

from auditor.errors import FetchError, SampleError
from auditor.fetching import addresses

AGENT = "mad-auditor"
USER_AGENT = f"{AGENT} (audit of an image dataset; opt out by X-Robots-Tag: noai)"
_BLOCK = 1 << 16
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_RETRYABLE_STATUS = (408, 425, 429, 500, 502, 503, 504)  # later requests may succeed
_GZIPPED = {"gzip", "x-gzip", "deflate"}
# As in img2dataset (--disallowed_header_directives): hosts that opt out there opt out here.
_OPT_OUTS = frozenset(("noai", "noimageai", "noindex", "noimageindex"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits for one image: bytes (also decompressed), seconds in total, seconds without data, redirects."""

    max_bytes: int = 64 << 20
    seconds: float = 60.0
    read_timeout: float = 15.0
    redirects: int = 5


class Failed(SampleError):
    """The reason why there is no image. transient: a later attempt may succeed."""

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


Slot = Callable[[str], AbstractContextManager[None]]


class Downloader:
    """Downloads images. resolve: (host, port) -> addresses. reachable: whether connecting to an address is allowed."""

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
        """Abort all downloads, from another thread; later ones fail at once."""
        self._is_stopped = True
        for connection in tuple(self._open):
            _abort(connection)

    def get(self, url: str, out: IO[bytes], slot: Slot) -> None:
        """Write the image at a URL to `out`. slot: a context manager for each request to a host. Raises Failed."""
        remaining = self.bounds.seconds
        for _ in range(self.bounds.redirects + 1):
            parsed = _parsed(url)
            with slot(parsed.host or ""):
                began = time.monotonic()
                redirect_location = self._request(parsed, out, began + remaining)
                remaining -= time.monotonic() - began
            if redirect_location is None:
                return
            url = _joined(url, redirect_location)
        raise Failed(f"more than {self.bounds.redirects} redirects")

    def _request(self, url: Url, out: IO[bytes], deadline: float) -> str | None:
        """Make one request. Either writes the image and returns None, or returns the location of a redirect."""
        try:
            with self._connected(url, deadline) as connected, closing(_response(connected, url)) as response:
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
        """Raises Failed after a stop or the deadline: the data received until then may be incomplete."""
        if self._is_stopped:
            raise Failed("interrupted", transient=True)
        if time.monotonic() >= deadline:
            raise Failed(f"not received within {self.bounds.seconds:g} s", transient=True)

    @contextmanager
    def _connected(self, url: Url, deadline: float) -> Iterator[socket.socket]:
        """A connection to a checked address, aborted at the deadline."""
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
        """A connection to the first address that accepts one."""
        host, port = (url.host or "").strip("[]"), url.port or _PORTS[url.scheme or ""]
        try:
            resolved = self._resolve(host, port)
        except (OSError, UnicodeError):
            resolved = []
        if private := [address for address in resolved if not self._reachable(address)]:
            raise Failed(f"its host is at {private[0]}, which is not a public address")
        failure: Exception = Failed("no such host", transient=True)
        for address in resolved:
            timeout = min(self.bounds.read_timeout, deadline - time.monotonic())
            try:
                return socket.create_connection((address, port), max(0.001, timeout))
            except OSError as error:
                failure = error
        raise failure


def _parsed(text: str) -> Url:
    """The parts of a URL, percent-encoded where needed. Raises Failed."""
    try:
        url = parse_url(text.strip())
    except (LocationParseError, ValueError):
        raise Failed("not a URL that can be fetched") from None
    if url.scheme not in _PORTS:
        raise Failed("only http and https are fetched")
    if not url.host:
        raise Failed("the URL names no host")
    if url.auth:
        raise Failed("the URL contains a user name")
    if url.port is not None and url.port < 1024 and url.port not in _PORTS.values():
        raise Failed(f"port {url.port} is not allowed: use 80, 443, or 1024 and higher")
    return url


def _joined(base: str, redirect_location: str) -> str:
    try:
        return urljoin(base, redirect_location.strip())
    except ValueError:
        raise Failed("redirected to an invalid URL") from None


@cache
def _tls() -> ssl.SSLContext:
    """Verifies certificates and host names with the system's certificate authorities."""
    return ssl.create_default_context()


def _encrypted(connected: socket.socket, host: str) -> ssl.SSLSocket:
    """A TLS socket. Its handshake comes later, when the watchdog can abort a slow one."""
    try:
        return _tls().wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        connected.close()
        raise


def _response(connected: socket.socket, url: Url) -> BaseHTTPResponse:
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
    """Raises Failed for a response that is not an image, is too large, or opts out."""
    headers = response.headers
    if response.status != 200:
        raise Failed(f"HTTP {response.status}", transient=response.status in _RETRYABLE_STATUS)
    if opts_out(headers.getlist("X-Robots-Tag"), headers.get("TDM-Reservation")):
        raise Failed("the host opts out")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith("image/") and kind not in ("application/octet-stream", "binary/octet-stream"):
        raise Failed(f"{kind[:60]} is not an image")
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) > limit:
        raise Failed(_too_large(limit))


def opts_out(robots: Sequence[str], reservation: str | None = None) -> bool:
    """Whether a host forbids the use of its images for models.

    robots: values of X-Robots-Tag, which may begin with a user agent, as img2dataset parses them. reservation:
    TDM-Reservation of the W3C's TDM Reservation Protocol.
    """
    for value in robots:
        agent, colon, directives = value.partition(":")
        agent = agent.strip().lower()
        if not colon or "," in agent or agent == "unavailable_after":
            directives = value
        elif agent != AGENT:
            continue
        if _OPT_OUTS & {directive.strip().lower() for directive in directives.split(",")}:
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
        except OSError as error:  # a local error, not one of the host
            raise FetchError(f"an image of {size:,} bytes cannot be stored: {error.strerror or error}") from error
    if not size:
        raise Failed("an empty response")


def _inflated(blocks: Iterator[bytes], headers: Mapping[str, str], limit: int) -> Iterator[bytes]:
    """The decompressed body, up to one byte more than the limit. Raises Failed."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        yield from blocks
        return
    if coding not in _GZIPPED:
        raise Failed(f"compressed as {coding[:20]!r}, which was not requested")
    inflate, remaining = zlib.decompressobj(wbits=47), limit + 1  # 47: gzip or zlib, by the header
    try:
        for block in blocks:
            inflated = inflate.decompress(block, remaining)
            remaining -= len(inflated)
            yield inflated
    except zlib.error:
        raise Failed("its compressed data are damaged") from None
    if not inflate.eof:
        raise Failed("the response ends early", transient=True)


def _too_large(limit: int) -> str:
    return f"larger than {limit:,} bytes"


def _reason(error: Exception, bounds: Bounds) -> str:
    """A short reason, without addresses or numbers that differ from run to run."""
    causes = [error, error.__cause__, *error.args]
    reasons: dict[type[Exception] | tuple[type[Exception], ...], str] = {
        ssl.SSLCertVerificationError: "its certificate is not valid",
        (TimeoutError, ReadTimeoutError): f"no data for {bounds.read_timeout:g} s",
        ssl.SSLError: "no secure connection",
        ConnectionRefusedError: "no connection",
        (IncompleteRead, http.client.IncompleteRead): "the response ends early",
        ValueError: "not HTTP",
    }
    for kind, reason in reasons.items():
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    return "the connection was interrupted"


def _abort(connected: socket.socket) -> None:
    try:
        # SSLSocket.shutdown would drop the TLS layer, and the reader would go on with encrypted data.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:  # already closed
        return
