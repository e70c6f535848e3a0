"""A folder on an fsspec store (s3://, gs://, memory:// …), to which files are written completely or not at all.

Object stores show an object when all of it is there. On other stores a file is written under another name and renamed.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from auditor.errors import EvidenceError
from auditor.storage import files
from auditor.storage.atomic import SUFFIX as TEMPORARY

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "ocis", "memory"}
_PARALLEL = 16  # requests
_MAX_DETAIL = 300  # characters of a store's own message


class RemoteFolder:
    """The folder. Names are POSIX paths below it. Every method raises EvidenceError if the store refuses."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._fs, root = files.filesystem(self.url)
        self._root = str(root).rstrip("/")
        protocol = self._fs.protocol
        self._is_object_store = not _OBJECT_STORES.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)

    def files(self, folder: str = "", *, recursive: bool = False) -> dict[str, str]:
        """The files below a folder that may be missing: name -> what changes when the file is written again."""
        below = files.join(self._root, folder)
        with self._telling(folder):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(below, maxdepth=None if recursive else 1, detail=True)
            except FileNotFoundError:
                return {}
        return {
            path[len(self._root) + 1 :]: files.remote_signature(info)
            for path, info in found.items()
            if info["type"] == "file" and path.startswith(f"{below}/")
        }

    def download(self, names: Iterable[str], target: Path) -> None:
        """Copy files to a local folder, with their modification times, which are those of an audit."""
        self._for_each(lambda name: self._download(name, target / name), names)

    def upload(self, paths: Mapping[str, Path]) -> None:
        """Write files, by their names here; one after the other, so that a later one can vouch for earlier ones."""
        for name, path in paths.items():
            with self._telling(name):
                target = self._target(name)
                written = target if self._is_object_store else f"{target}{TEMPORARY}"
                self._fs.put_file(str(path), written)
                if written != target:
                    self._fs.mv(written, target)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, if they are there."""
        self._for_each(self._remove, names)

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none."""
        with self._telling(name):
            try:
                return bytes(self._fs.cat_file(files.join(self._root, name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self._telling(name):
            self._fs.pipe_file(self._target(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless there is one. Whether it was written."""
        with self._telling(name):
            try:
                self._fs.pipe_file(self._target(name), data, mode="create")
            except FileExistsError:
                return False
            return True

    def _target(self, name: str) -> str:
        """The path of a file to write, whose folder is there. Object stores have no folders, and buckets are not ours
        to make."""
        target = files.join(self._root, name)
        if not self._is_object_store:
            self._fs.makedirs(files.parent(target), exist_ok=True)
        return target

    def _download(self, name: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._telling(name):
            self._fs.get_file(files.join(self._root, name), str(target))
            try:
                modified: datetime.datetime = self._fs.modified(files.join(self._root, name))
            except NotImplementedError:
                return
        os.utime(target, (modified.timestamp(),) * 2)

    def _remove(self, name: str) -> None:
        with self._telling(name), suppress(FileNotFoundError):
            self._fs.rm_file(files.join(self._root, name))

    def _for_each(self, step: Callable[[str], None], names: Iterable[str]) -> None:
        with ThreadPoolExecutor(_PARALLEL if self._fs.async_impl else 1) as pool:
            for _ in pool.map(step, names):
                pass

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        """Turns errors of stores, which have no base class in common, into one that names the file."""
        try:
            yield
        except Exception as error:
            detail = str(error)[:_MAX_DETAIL] or type(error).__name__
            raise EvidenceError(f"{files.join(self.url, name)}: {detail}") from error
