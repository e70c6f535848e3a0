"""A lock on a remote folder: an object that its holder renews, and that expires if the holder is gone.

A file lock ends with its process; an object does not. So it says until when it holds, by the clock of the holder.
Stores that can create an object only if there is none (S3, Google Cloud Storage …) let one of two runs have it.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from auditor.errors import EvidenceError
from auditor.storage.remote import RemoteFolder

NAME = "evidence/.lease"
_SECONDS = 300.0  # for which it holds
_RENEWAL = 60.0  # seconds between two renewals
_MOMENT = 1.0  # seconds, until a lease that was taken over is looked at again


@contextmanager
def leased(folder: RemoteFolder) -> Iterator[Callable[[], None]]:
    """Hold the folder's lease in this block. Gives a function that raises EvidenceError if the lease was lost, because
    it could not be renewed in time. Raises EvidenceError if another run holds it."""
    token, stopped = secrets.token_hex(8), threading.Event()
    _take(folder, token)
    renewing = threading.Thread(target=_renew, args=(folder, token, stopped), daemon=True)
    renewing.start()
    try:
        yield lambda: _confirm(folder, token)
    finally:
        stopped.set()
        renewing.join()
        if _is_ours(folder, token):
            folder.remove([NAME])


def _confirm(folder: RemoteFolder, token: str) -> None:
    if not _is_ours(folder, token):
        raise EvidenceError(f"{folder.url}: another audit now writes here: this one could not renew its lock in time")


def _take(folder: RemoteFolder, token: str) -> None:
    if folder.create(NAME, _content(token)):
        return
    holder = _read(folder)
    if holder and holder["expires"] > time.time():
        until = datetime.fromtimestamp(holder["expires"]).astimezone().strftime("%H:%M:%S %Z")
        raise EvidenceError(
            f"{folder.url}: another audit is writing here ({holder['holder']}); give it another --out. If that run was "
            f"killed, try again after {until}"
        )
    folder.write(NAME, _content(token))
    time.sleep(_MOMENT)
    if not _is_ours(folder, token):
        raise EvidenceError(f"{folder.url}: another audit is writing here; give it another --out")


def _renew(folder: RemoteFolder, token: str, stopped: threading.Event) -> None:
    while not stopped.wait(_RENEWAL):
        try:
            if not _is_ours(folder, token):
                return
            folder.write(NAME, _content(token))
        except EvidenceError:  # the store may answer again before the lease ends
            continue


def _is_ours(folder: RemoteFolder, token: str) -> bool:
    return (_read(folder) or {}).get("token") == token


def _content(token: str) -> bytes:
    holder = f"{socket.gethostname()}, process {os.getpid()}"
    return json.dumps({"holder": holder, "token": token, "expires": time.time() + _SECONDS}).encode()


def _read(folder: RemoteFolder) -> dict[str, Any] | None:
    """The lease; None if there is none, or none that makes sense."""
    try:
        content = json.loads(folder.read(NAME) or b"")
    except ValueError:
        return None
    is_lease = isinstance(content, dict) and isinstance(content.get("expires"), int | float)
    return content if is_lease and "holder" in content else None
