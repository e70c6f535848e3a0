"""The page on which people label, served to this machine alone.

It listens on 127.0.0.1 only; every address begins with a random token, so that other users and other web pages cannot
guess one; a request for any other host name is refused, so that no name can be pointed here (DNS rebinding); and the
page may load nothing from anywhere else. What it is sent of an image are its pixels: no key, no name, no verdict. What
the dataset says of an image goes out when the labeller asks for it.
"""

from __future__ import annotations

import json
import secrets
import socketserver
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from auditor.annotation.app.pictures import ImageStore
from auditor.annotation.app.session import HOW, OutOfTurn, Session
from auditor.annotation.file import HumanLabel
from auditor.errors import LabelError

_LONGEST_BODY = 10_000
_PAGES = {"": "label.html", "label.css": "label.css", "label.js": "label.js"}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "json": "application/json"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class LabelServer(ThreadingHTTPServer):
    """Raises LabelError where the port is taken. `serve_forever` ends when the labeller says that it is finished."""

    daemon_threads = True

    def __init__(self, session: Session, shown: ImageStore, port: int = 0) -> None:
        self.session = session
        self.shown = shown
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise LabelError(
                f"port {port}: {error.strerror or error}: another --port, or none for a free one"
            ) from error

    def server_bind(self) -> None:
        """As the base class does, without asking who 127.0.0.1 is."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that was closed while it loaded is nobody's error; anything else is ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class _SlashLeftOut(Exception):
    """The page's address without its end, below which everything else lies."""


class _Handler(BaseHTTPRequestHandler):
    server: LabelServer
    timeout = 60  # seconds for a request to arrive
    finished = False

    def do_GET(self) -> None:
        """Pages, images, and where the labeller stands."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Labels; and the end, once the page has its answer: a process that ends takes answers under way along."""
        try:
            self._answer(self._post)
        finally:
            if self.finished:
                self.server.shutdown()

    def version_string(self) -> str:
        """Of the server: none of anyone's business."""
        return "auditor"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is the labeller's."""

    def _answer(self, respond: Callable[[str], tuple[str, bytes]]) -> None:
        try:
            kind, body = respond(self._checked())
            self._send(HTTPStatus.OK, kind, body)
        except _SlashLeftOut:
            self._send(HTTPStatus.PERMANENT_REDIRECT, _TYPES["html"], b"", Location=f"/{self.server.token}/")
        except _Refusal as refusal:
            self._send(refusal.status, *_json({"error": str(refusal)}))
        except OutOfTurn as error:
            self._send(HTTPStatus.CONFLICT, *_json({"error": str(error)}))
        except LabelError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, *_json({"error": str(error)}))

    def _checked(self) -> str:
        """The path below the token. Raises _Refusal for requests that are not our page's."""
        port = self.server.server_port
        own = {f"127.0.0.1:{port}", f"localhost:{port}"}
        if self.headers.get("Host", "") not in own:
            raise _Refusal(HTTPStatus.FORBIDDEN, "not this host")
        if (origin := self.headers.get("Origin")) is not None and origin not in {f"http://{name}" for name in own}:
            raise _Refusal(HTTPStatus.FORBIDDEN, "not from this page")
        _, token, *rest = (*self.path.split("/", 2), "")
        if not secrets.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise _Refusal(HTTPStatus.FORBIDDEN, "the address lacks its token: take it from the terminal")
        return rest[0]

    def _get(self, path: str) -> tuple[str, bytes]:
        if self.path == f"/{self.server.token}":
            raise _SlashLeftOut
        if path in _PAGES:
            name = _PAGES[path]
            return _TYPES[name.rpartition(".")[2]], page(name)
        if path == "progress":
            return self._progress()
        kind, _, text = path.partition("/")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if 0 <= number < len(self.server.session.drawn):
            if kind == "about":
                return _json(self.server.shown.about(number))
            if kind == "reason":
                return _json({"reason": self.server.shown.reason(number)})
            if kind == "image" and (jpeg := self.server.shown.jpeg(number)) is not None:
                return "image/jpeg", jpeg
        raise _Refusal(HTTPStatus.NOT_FOUND, "no such page")

    def _post(self, path: str) -> tuple[str, bytes]:
        said = self._said()
        session = self.server.session
        if path == "answer":
            number, truth, how = said.get("number"), said.get("label"), said.get("how")
            if not isinstance(number, int) or truth not in tuple(HumanLabel) or how not in HOW:
                raise _Refusal(HTTPStatus.BAD_REQUEST, "no such answer")
            session.answer(number, HumanLabel(truth), how)
        elif path == "undo":
            session.undo()
        elif path == "finish":
            self.finished = True
        else:
            raise _Refusal(HTTPStatus.NOT_FOUND, "no such page")
        return self._progress()

    def _progress(self) -> tuple[str, bytes]:
        return _json({**asdict(self.server.session.progress), "missing": self.server.shown.missing})

    def _said(self) -> dict[str, Any]:
        """The body, JSON that another site's form cannot send. Raises _Refusal."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not (length.isascii() and length.isdigit()):
            raise _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON only")
        if len(length) > 9 or int(length) > _LONGEST_BODY:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much")
        try:
            said = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "not JSON") from error
        if not isinstance(said, dict):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "not an object")
        return said

    def _send(self, status: HTTPStatus, kind: str, body: bytes, **more: str) -> None:
        self.send_response(status)
        charset = "" if kind.startswith("image/") else "; charset=utf-8"
        own = {"Content-Type": f"{kind}{charset}", "Content-Length": str(len(body))}
        for name, value in {**_HEADERS, **own, **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def page(name: str) -> bytes:
    """One of the files in auditor/annotation/app/pages."""
    return resources.files("auditor.annotation.app").joinpath("pages", name).read_bytes()


def _json(content: Mapping[str, Any]) -> tuple[str, bytes]:
    return _TYPES["json"], json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
