"""Fetches the images of a manifest's URLs into a cache, if the user asks for it.

The cache holds, under the digest of each URL, the image or the reason why there is none. A second run makes no requests
and an interrupted run continues. Each host gets one request at a time, with pauses; several hosts are used at once.
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

from auditor.errors import FetchError
from auditor.fetching import addresses
from auditor.fetching.download import Bounds, Downloader, Failed
from auditor.storage import urls
from auditor.storage.atomic import write_atomically
from auditor.storage.content import FileContent, UnavailableContent
from auditor.types import Content

_OFFLINE = ("AUDITOR_OFFLINE", "HF_HUB_OFFLINE")
_REASON = ".json"
_Results = SimpleQueue[tuple[str, Path | Failed] | BaseException]


def folder() -> Path:
    """The default cache folder, below the user's cache."""
    return user_cache_path("mad-auditor") / "images"


class Fetcher:
    """Fetches and caches images.

    pause: seconds between two requests to a host. workers: hosts in parallel. again: retry transient failures (an
    outage, not a missing page).

    resolve and reachable are for tests, which fetch from this machine. No option or variable sets them.
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
        self._rate_limiter = HostRateLimiter(pause)

    def cached(self, url: str) -> Content | None:
        """The cached result for a URL: its image, or the reason why there is none; None if it is not cached."""
        path = self._path(url)
        if path.exists():
            return FileContent(str(self.cache.resolve()), path.relative_to(self.cache).as_posix())
        failure = self._failure(path)
        return None if failure is None else UnavailableContent(str(failure))

    def fetch(self, url: str) -> Path:
        """The file of a URL's image, from the cache or fetched. Raises Failed; FetchError when offline."""
        _require_online()
        path = self._path(url)
        if path.exists():
            return path
        failure = self._failure(path)
        if failure is None or (failure.transient and self._again):
            failure = self._download(url, path)
        if failure is not None:
            raise failure
        return path

    def fetch_all(self, wanted: Iterable[str]) -> Iterator[tuple[str, Path | Failed]]:
        """Each distinct URL with its file, or the reason why there is none, as they finish. Raises FetchError when
        offline.

        If the iterator is closed early, also by an exception or Ctrl-C, downloads in progress are aborted and not
        recorded as failures. The fetcher cannot be used afterwards.
        """
        _require_online()
        hosts: dict[str, list[str]] = defaultdict(list)
        for url in dict.fromkeys(wanted):
            hosts[urls.hostname(url)].append(url)
        results: _Results = SimpleQueue()
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for host_urls in sorted(hosts.values(), key=len, reverse=True):  # the longest list takes longest
                    pool.submit(self._fetch_host, host_urls, results)
                for _ in range(sum(map(len, hosts.values()))):
                    result = results.get()
                    if isinstance(result, BaseException):
                        raise result
                    yield result
            except BaseException:
                self._rate_limiter.stop()
                self._downloader.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch_host(self, host_urls: Sequence[str], results: _Results) -> None:
        """Fetch the URLs of one host, one after the other."""
        try:
            for url in host_urls:
                if self._rate_limiter.is_stopped:
                    return
                try:
                    results.put((url, self.fetch(url)))
                except Failed as failure:
                    results.put((url, failure))
        except BaseException as error:  # raised again in fetch_all
            results.put(error)

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
        """Fetch a URL's image into its file, or record the reason why there is none."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._get(url, path)
            except Failed as failure:
                if self._rate_limiter.is_stopped:
                    raise
                record = {"url": url, "reason": str(failure), "transient": failure.transient}
                write_atomically(path.with_suffix(_REASON), json.dumps(record).encode())
                return failure
            path.with_suffix(_REASON).unlink(missing_ok=True)
        except OSError as error:
            raise FetchError(f"{self.cache}: {error.strerror or error}: nothing can be stored there") from error
        return None

    def _get(self, url: str, path: Path) -> None:
        with _temporary_file(path.parent) as file:
            self._downloader.get(url, file, self._rate_limiter.slot)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)


@contextmanager
def _temporary_file(folder: Path) -> Iterator[IO[bytes]]:
    """A temporary file, which is removed unless it was renamed."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        try:
            yield cast("IO[bytes]", file)
        finally:
            Path(file.name).unlink(missing_ok=True)


class HostRateLimiter:
    """Allows one request at a time to each host, with a pause after it."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._hosts: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._free: dict[str, float] = {}  # host -> time of the next allowed request

    @property
    def is_stopped(self) -> bool:
        """Whether no more requests are allowed."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Wake all waiting threads and allow no more requests."""
        self._stopped.set()

    @contextmanager
    def slot(self, host: str) -> Iterator[None]:
        """Held during a request to a host. A thread never holds two hosts, so there are no deadlocks."""
        with self._lock:
            host_lock = self._hosts[host]
        with host_lock:
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
