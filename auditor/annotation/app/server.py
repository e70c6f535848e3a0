"""Serves the annotation page, by default to this machine only.

Every URL starts with a random token, so other users and web pages cannot guess it. Requests for other host names are
refused (address.py), and the page may load nothing from other sites. The page gets the pixels of an image, but no key,
file name or verdict; its context (caption, page, URL, date, file name) is sent on request.
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

from auditor.annotation.app import address
from auditor.annotation.app.pictures import ImageStore
from auditor.annotation.app.session import HOW, PAGE_IMAGES, Answer, OutOfTurn, Session
from auditor.annotation.file import HumanLabel
from auditor.errors import LabelError

_MAX_BODY_BYTES = 10_000
SCRIPTS = ("stores.js", "images.js", "grid.js", "label.js")  # in the order in which the page runs them
_PAGES = {"": "label.html", "label.css": "label.css", **{name: name for name in SCRIPTS}}
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
    """`serve_forever` returns when the annotator finishes. Raises LabelError for an unknown host or a taken port.

    counts_edited: the audit counts images with a generated part as synthetic, which the page explains.
    """

    daemon_threads = True

    def __init__(
        self,
        session: Session,
        images: ImageStore,
        port: int = 0,
        *,
        host: str = address.LOOPBACK,
        counts_edited: bool = False,
    ) -> None:
        self.session = session
        self.images = images
        self.counts_edited = counts_edited
        self.token = secrets.token_urlsafe(24)
        self.host = host
        self.address_family, where = address.resolve(host, port)
        try:
            super().__init__(where, _Handler)
        except OSError as error:
            raise LabelError(
                f"port {port} of {host}: {error.strerror or error}: give another --port, or none for a free one"
            ) from error

    def server_bind(self) -> None:
        """Binds like the base class, but without a DNS lookup of the address."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores connections that the browser closed; prints any other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the page."""
        return address.is_loopback(self.server_name)

    @property
    def url(self) -> str:
        """The page's URL, with its token."""
        return f"http://{address.reachable_name(self.host, self.server_name)}:{self.server_port}/{self.token}/"


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class _MissingSlash(Exception):
    """The page's URL was requested without its final slash."""


class _Handler(BaseHTTPRequestHandler):
    server: LabelServer
    timeout = 60  # seconds until a request has arrived
    finished = False

    def do_GET(self) -> None:
        """Answers with pages, images and progress."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Stores labels. The server shuts down only after the response is sent, because the process may end then."""
        try:
            self._answer(self._post)
        finally:
            if self.finished:
                self.server.shutdown()

    def version_string(self) -> str:
        """The server's name, without versions."""
        return "auditor"

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing, because the annotator uses the terminal."""

    def _answer(self, respond: Callable[[str], tuple[str, bytes]]) -> None:
        try:
            kind, body = respond(self._checked())
            self._send(HTTPStatus.OK, kind, body)
        except _MissingSlash:
            self._send(HTTPStatus.PERMANENT_REDIRECT, _TYPES["html"], b"", Location=f"/{self.server.token}/")
        except _Refusal as refusal:
            self._send(refusal.status, *_json({"error": str(refusal)}))
        except OutOfTurn as error:
            self._send(HTTPStatus.CONFLICT, *_json({"error": str(error)}))
        except LabelError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, *_json({"error": str(error)}))

    def _checked(self) -> str:
        """The path below the token. Raises _Refusal for requests that do not come from the page."""
        server, host = self.server, self.headers.get("Host", "")
        name, _, port = host.rpartition(":")
        if port != str(server.server_port) or not address.is_own_name(name, server.host, server.server_name):
            raise _Refusal(HTTPStatus.FORBIDDEN, "not this host")
        if self.headers.get("Origin") not in (None, f"http://{host}"):
            raise _Refusal(HTTPStatus.FORBIDDEN, "not from this page")
        _, token, *rest = (*self.path.split("/", 2), "")
        if not secrets.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise _Refusal(HTTPStatus.FORBIDDEN, "the address lacks its token: take it from the terminal")
        return rest[0]

    def _get(self, path: str) -> tuple[str, bytes]:
        if self.path == f"/{self.server.token}":
            raise _MissingSlash
        if path in _PAGES:
            name = _PAGES[path]
            return _TYPES[name.rpartition(".")[2]], page(name)
        if path == "progress":
            return self._progress()
        if path == "judgement":
            judgement = self.server.session.judgement()
            return _json(asdict(judgement) if judgement else {})
        kind, _, text = path.partition("/")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if 0 <= number < len(self.server.session.drawn):
            if kind == "context":
                return _json(self.server.images.context(number))
            if kind == "reason":
                return _json({"reason": self.server.images.reason(number)})
            if kind == "image" and (jpeg := self.server.images.jpeg(number)) is not None:
                return "image/jpeg", jpeg
        raise _Refusal(HTTPStatus.NOT_FOUND, "no such page")

    def _post(self, path: str) -> tuple[str, bytes]:
        body = self._json_body()
        session = self.server.session
        if path == "answer":
            session.answer(*_answers(body.get("answers")))
        elif path == "undo":
            session.undo()
        elif path == "finish":
            self.finished = True
        else:
            raise _Refusal(HTTPStatus.NOT_FOUND, "no such page")
        return self._progress()

    def _progress(self) -> tuple[str, bytes]:
        progress = asdict(self.server.session.progress)
        return _json({**progress, "missing": self.server.images.missing, "countsEdited": self.server.counts_edited})

    def _json_body(self) -> dict[str, Any]:
        """The body. It must be JSON, which forms of other sites cannot send. Raises _Refusal."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not (length.isascii() and length.isdigit()):
            raise _Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON only")
        if len(length) > 9 or int(length) > _MAX_BODY_BYTES:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, "not JSON") from error
        if not isinstance(body, dict):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "not an object")
        return body

    def _send(self, status: HTTPStatus, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        charset = "" if kind.startswith("image/") else "; charset=utf-8"
        content = {"Content-Type": f"{kind}{charset}", "Content-Length": str(len(body))}
        for name, value in {**_HEADERS, **content, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _answers(given: object) -> list[Answer]:
    """The labels that a page sends. Raises _Refusal."""
    if not isinstance(given, list) or not 0 < len(given) <= PAGE_IMAGES:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "no labels")
    return [_answer(cells) for cells in given]


def _answer(given: object) -> Answer:
    match given:
        case {"number": int() as number, "label": str() as label, "how": str() as how} if label in tuple(HumanLabel):
            answer = Answer(number, HumanLabel(label), how)
            if not isinstance(number, bool) and (how in HOW or answer.waits):
                return answer
    raise _Refusal(HTTPStatus.BAD_REQUEST, "unknown label")


def page(name: str) -> bytes:
    """The content of a file in auditor/annotation/app/pages."""
    return resources.files("auditor.annotation.app").joinpath("pages", name).read_bytes()


def _json(content: Mapping[str, Any]) -> tuple[str, bytes]:
    return _TYPES["json"], json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
