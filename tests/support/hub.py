"""A server on this machine that answers huggingface_hub as its hub does: folders as repositories of datasets."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_API = "/api/datasets/"


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The address of a hub whose datasets are the folders root/owner/name."""

    class Handler(_Handler):
        folder = root

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _entry(path: Path, repository: Path) -> dict[str, object]:
    is_folder = path.is_dir()
    return {
        "type": "directory" if is_folder else "file",
        "path": path.relative_to(repository).as_posix(),
        "size": 0 if is_folder else path.stat().st_size,
        "oid": "0" * 40 if is_folder else hashlib.sha1(path.read_bytes()).hexdigest(),
    }


class _Handler(BaseHTTPRequestHandler):
    folder: Path

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if not path.startswith(_API):
            self._file(path)
            return
        owner, name, *more = path.removeprefix(_API).split("/")
        repository = self.folder / owner / name
        if not repository.is_dir():
            self._refuse("RepoNotFound")
        elif more[:1] == ["tree"]:
            self._tree(repository, "/".join(more[2:]))
        else:
            self._json({"id": f"{owner}/{name}", "sha": "0" * 40, "siblings": [], "tags": [], "private": False})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _tree(self, repository: Path, below: str) -> None:
        if (repository / below).is_dir():
            self._json([_entry(path, repository) for path in sorted((repository / below).iterdir())])
        else:
            self._refuse("EntryNotFound")

    def _file(self, path: str) -> None:
        repository, _, name = path.removeprefix("/datasets/").partition("/resolve/")
        file = self.folder / repository / name.partition("/")[2]
        if not file.is_file():
            self._refuse("EntryNotFound")
            return
        data = file.read_bytes()
        start, _, stop = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
        part = data[int(start) : int(stop) + 1 if stop else None]
        self._send(part, 206, {"Content-Range": f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"})

    def _refuse(self, code: str) -> None:
        self._send(b"{}", 404, {"X-Error-Code": code})

    def _json(self, content: object) -> None:
        self._send(json.dumps(content).encode(), headers={"Content-Type": "application/json"})

    def _send(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
