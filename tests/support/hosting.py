"""A local web server that can misbehave, and host names that resolve to it."""

from __future__ import annotations

import gzip
import math
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from making import encoded

from auditor.errors import SampleError
from auditor.fetching.download import Bounds
from auditor.fetching.fetcher import Fetcher

IMAGE = encoded("PNG")
LOCAL = "127.0.0.1"
BOUNDS = Bounds(max_bytes=1 << 20, seconds=20, read_timeout=20, redirects=3)


class Host(ThreadingHTTPServer):
    """asked: [host, path, when it was asked, when its answer began] of every request, each noted before it is seen."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOCAL, 0), _Handler)
        self.asked: list[list[Any]] = []
        self.agents: set[str] = set()
        self.ending = threading.Event()

    def url(self, path: str, host: str = "a.test", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server_port}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores errors of aborted connections."""


@contextmanager
def host(context: Any = None) -> Iterator[Host]:
    """A server for the time of a test. context: the TLS context."""
    server = Host()
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def raw(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """The port of a server that says to each caller what `talk` says."""
    ending = threading.Event()
    with socket.create_server((LOCAL, 0)) as server:

        def answer() -> None:
            while not ending.is_set():
                try:
                    connected, _ = server.accept()
                except OSError:
                    return
                with connected:
                    try:
                        talk(connected, ending)
                    except OSError:
                        continue

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ending.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Host
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.agents.add(self.headers["User-Agent"])
        name = (self.headers["Host"] or "").partition(":")[0]
        self.asked = [name, self.path, time.monotonic(), math.inf]
        self.server.asked.append(self.asked)
        path = self.path.partition("?")[0].strip("/")
        if path.isdigit():
            self._send(b"", status=int(path))
        else:
            getattr(self, f"_{path.replace('-', '_')}", self._image)()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def _send(self, body: bytes, *, status: int = 200, length: int | None = -1, **headers: str) -> None:
        self.send_response(status)
        given = {"Content-Type": "image/png", **{key.replace("_", "-"): value for key, value in headers.items()}}
        if length is not None:
            given["Content-Length"] = str(len(body) if length == -1 else length)
        for key, value in given.items():
            self.send_header(key, value)
        self.asked[-1] = time.monotonic()
        self.end_headers()
        self.wfile.write(body)

    def _image(self) -> None:
        self._send(IMAGE)

    def _chunked(self) -> None:
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (IMAGE[:100], IMAGE[100:]))
        self._send(body + b"0\r\n\r\n", length=None, Transfer_Encoding="chunked")

    def _unending_chunk(self) -> None:
        self._send(b"ffffff\r\nabc", length=None, Transfer_Encoding="chunked")

    def _drip(self) -> None:
        self._send(b"", length=None)
        while not self.server.ending.wait(0.02):
            self.wfile.write(b"x")

    def _drip_with_length(self) -> None:
        self._send(b"", length=1_000_000)
        while not self.server.ending.wait(0.02):
            self.wfile.write(b"x")

    def _silent(self) -> None:
        self._send(IMAGE[:50], length=len(IMAGE))
        self.server.ending.wait()

    def _endless(self) -> None:
        self._send(b"", length=None)
        while not self.server.ending.is_set():
            self.wfile.write(bytes(65536))

    def _announced(self) -> None:
        self._send(b"", length=10**12)

    def _short(self) -> None:
        self._send(IMAGE[:50], length=len(IMAGE))

    def _empty(self) -> None:
        self._send(b"")

    def _gzip(self) -> None:
        self._send(gzip.compress(IMAGE), Content_Encoding="gzip")

    def _deflate(self) -> None:
        self._send(zlib.compress(IMAGE), Content_Encoding="deflate")

    def _bomb(self) -> None:
        self._send(gzip.compress(bytes(100 << 20), 9), Content_Encoding="gzip")

    def _short_gzip(self) -> None:
        self._send(gzip.compress(IMAGE)[:-20], Content_Encoding="gzip")

    def _not_gzip(self) -> None:
        self._send(IMAGE, Content_Encoding="gzip")

    def _brotli(self) -> None:
        self._send(IMAGE, Content_Encoding="br")

    def _html(self) -> None:
        self._send(b"<html>", Content_Type="text/html; charset=utf-8")

    def _untyped(self) -> None:
        self._send(IMAGE, Content_Type="")

    def _noai(self) -> None:
        self._send(IMAGE, X_Robots_Tag="noindex, NoAI")

    def _redirect(self) -> None:
        self._send(b"", status=302, Location=self.path.partition("?")[2])

    def _redirect_astray(self) -> None:
        self._send(b"", status=302, Location="http://[")

    def _redirect_nowhere(self) -> None:
        self._send(b"", status=302)


def fetcher(cache: Path, bounds: Bounds = BOUNDS, pause: float = 0.0, **options: Any) -> Fetcher:
    """One to which every name is this machine, which alone it may reach."""
    known = {"resolve": lambda host, port: [LOCAL], "reachable": lambda address: address == LOCAL}
    return Fetcher(cache, bounds=bounds, pause=pause, **{**known, **options})


def refusal(fetcher: Fetcher, url: str) -> str:
    """The reason why a URL is not fetched."""
    with pytest.raises(SampleError) as found:
        fetcher.fetch(url)
    return str(found.value)
