"""Images of a manifest's URLs, fetched into a cache when the user asks for it.

What was fetched is kept under the digest of its URL, and so is the reason where there was nothing to fetch: a second
run asks nobody, an interrupted one goes on. Hosts are asked one request after the other, with a pause between; several
hosts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import IO, cast

from platformdirs import user_cache_path

from auditor.errors import FetchError, SampleError
from auditor.evidence_store.store import write_atomically
from auditor.fetching import addresses
from auditor.fetching.download import Bounds, Downloader, Failed
from auditor.storage import urls
from auditor.storage.content import FileContent, UnavailableContent
from auditor.types import Content

_OFFLINE = ("AUDITOR_OFFLINE", "HF_HUB_OFFLINE")
_REASON = ".json"
Found = SimpleQueue[tuple[str, Path | SampleError] | BaseException]


def folder() -> Path:
    """Where images are kept unless told otherwise: the user's cache."""
    return user_cache_path("mad-auditor") / "images"


class Fetcher:
    """pause: seconds between two requests to a host. workers: hosts asked at once. again: ask once more where the
    failure may have passed (an outage, not a missing page).

    resolve and reachable are for tests, which fetch from this machine: no option or variable leads to them.
    """

    def __init__(
        self,
        cache: Path | None = None,
        *,
        bounds: Bounds = Bounds(),
        pause: float = 1.0,
        workers: int = 16,
        again: bool = False,
        resolve: Callable[[str, int], Sequence[str]] = addresses.resolve,
        reachable: Callable[[str], bool] = addresses.is_public,
    ) -> None:
        self.cache = cache or folder()
        self._workers = workers
        self._again = again
        self._downloader = Downloader(bounds, resolve=resolve, reachable=reachable)
        self._turns = HostRateLimiter(pause)

    def cached(self, url: str) -> Content | None:
        """What is in the cache of a URL, without asking anybody: its image, why there is none, or None."""
        path = self._path(url)
        if path.exists():
            return FileContent(str(self.cache.resolve()), path.relative_to(self.cache).as_posix())
        failure = self._failure(path)
        return None if failure is None else UnavailableContent(str(failure))

    def fetch(self, url: str) -> Path:
        """The file of a URL's image, fetched unless it is in the cache. Raises SampleError, and FetchError when offline."""
        _require_online()
        path = self._path(url)
        if path.exists():
            return path
        failure = self._failure(path)
        if failure is None or (failure.transient and self._again):
            failure = self._download(url, path)
        if failure is not None:
            raise SampleError(str(failure))
        return path

    def fetch_all(self, wanted: Iterable[str]) -> Iterator[tuple[str, Path | SampleError]]:
        """Each URL once with its file, or why there is none, as they come. Raises FetchError when offline.

        Left early, by an exception or Ctrl-C too, it breaks off what is under way, which is not taken for a failure;
        this fetcher is done with then.
        """
        _require_online()
        hosts: dict[str, list[str]] = defaultdict(list)
        for url in dict.fromkeys(wanted):
            hosts[urls.hostname(url)].append(url)
        found: Found = SimpleQueue()
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for listed in sorted(hosts.values(), key=len, reverse=True):  # the longest first: it takes longest
                    pool.submit(self._fetch_host, listed, found)
                for _ in range(sum(map(len, hosts.values()))):
                    one = found.get()
                    if isinstance(one, BaseException):
                        raise one
                    yield one
            except BaseException:
                self._turns.stop()
                self._downloader.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch_host(self, listed: Sequence[str], found: Found) -> None:
        """The URLs of one host, one after the other."""
        try:
            for url in listed:
                if self._turns.is_stopped:
                    return
                try:
                    found.put((url, self.fetch(url)))
                except SampleError as refusal:
                    found.put((url, refusal))
        except BaseException as error:  # raised where the results are waited for
            found.put(error)

    def _path(self, url: str) -> Path:
        digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
        return self.cache / digest[:2] / digest

    def _failure(self, path: Path) -> Failed | None:
        try:
            content = json.loads(path.with_suffix(_REASON).read_bytes())
            return Failed(str(content["reason"]), transient=bool(content["transient"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _download(self, url: str, path: Path) -> Failed | None:
        """Fetch a URL's image into its file, or note why not."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._get(url, path)
            except Failed as failure:
                if self._turns.is_stopped:
                    raise SampleError("interrupted") from None
                what = {"url": url, "reason": str(failure), "transient": failure.transient}
                write_atomically(path.with_suffix(_REASON), json.dumps(what).encode())
                return failure
            path.with_suffix(_REASON).unlink(missing_ok=True)
        except OSError as error:
            raise FetchError(f"{self.cache}: {error.strerror or error}: nothing can be kept there") from error
        return None

    def _get(self, url: str, path: Path) -> None:
        with _passing(path.parent) as file:
            self._downloader.get(url, file, self._turns.slot)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)


@contextmanager
def _passing(folder: Path) -> Iterator[IO[bytes]]:
    """A file of which nothing is left but what it was renamed to."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        try:
            yield cast("IO[bytes]", file)
        finally:
            Path(file.name).unlink(missing_ok=True)


class HostRateLimiter:
    """One request to a host at a time, and a pause between two."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._hosts: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._free: dict[str, float] = {}  # host -> when it may be asked again

    @property
    def is_stopped(self) -> bool:
        """Whether no more requests are made."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Nobody waits any longer, and nobody is asked."""
        self._stopped.set()

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Held while a host is asked. Never held for two hosts at once, so nobody waits for each other."""
        with self._lock:
            mine = self._hosts[host]
        with mine:
            self._stopped.wait(max(0.0, self._free.get(host, 0.0) - time.monotonic()))
            if self._stopped.is_set():
                raise Failed("interrupted", transient=True)
            try:
                yield
            finally:
                self._free[host] = time.monotonic() + self._pause


def _require_online() -> None:
    if name := next((name for name in _OFFLINE if os.environ.get(name, "") not in ("", "0")), None):
        raise FetchError(f"{name} is set: nothing is fetched")
