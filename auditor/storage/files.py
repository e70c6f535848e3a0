"""Opening, listing and naming files. Only this module accesses the file system to read a dataset.

Every path is a URL for fsspec (local paths included), so s3://, gs:// and hf:// work if their backend is installed.
Names below a dataset are POSIX paths. Every name from a manifest is checked by `inside`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat as stat_flags
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import fsspec

from auditor.errors import AuditorError, DatasetError, SampleError
from auditor.storage.failures import CountedFile, counted
from auditor.storage.names import is_hidden, is_sidecar, spellings, suffix

# What an audit writes, so that a folder that holds an audit beside images can be scanned again.
EVIDENCE, EVIDENCE_LOCK = "evidence", ".lock"
MANIFEST = f"{EVIDENCE}/manifest.json"
AUDIT_OUTPUTS = frozenset(
    (EVIDENCE, "audit.json", "report.html", "summary.md", "audit.sarif", "junit.xml", "croissant.json",
     "annotations.txt", "summary.txt", "notebook.html", "duplicates.parquet", "gallery.parquet")
)  # fmt: skip
_ODD = re.compile(r"^\s|\s$|[\\%]")  # in names whose spelling may differ on disk
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "hf": "hf"}  # protocol -> the extra with its backend
_WEB = ("http://", "https://", "ftp://", "data:")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. stat_signature: size and modification time (or the store's etag). is_hidden: it is not part
    of a dataset, by its name (names.py) or because an audit wrote it."""

    name: str
    is_folder: bool
    is_link: bool
    stat_signature: str
    is_hidden: bool = False


_HUB_CACHE = {"blobs", "refs", "snapshots"}  # folders of a repository in the Hugging Face hub's cache
_MAX_CACHED = 100_000  # entries of folders that are held in memory


def is_web(text: str) -> bool:
    """Whether a text is a web address. Such addresses are not opened as files."""
    return text[:8].casefold().startswith(_WEB)


def is_remote(url: str) -> bool:
    """Whether a URL names another file system than the local one."""
    return "://" in url and not url.startswith(("file://", "local://"))


def normalise(path: str | os.PathLike[str]) -> str:
    """An absolute local path with links resolved; or a remote URL without its trailing slash."""
    text = os.fspath(path)
    if is_remote(text):
        return text.rstrip("/")
    return str(Path(text.removeprefix("file://").removeprefix("local://")).expanduser().resolve())


def join(url: str, name: str) -> str:
    """The URL of a name below a folder; an empty name is the folder itself."""
    return f"{url.rstrip('/')}/{name}" if name else url


def split(url: str) -> tuple[str, str]:
    """The folder's URL and the name of a file."""
    folder, _, name = url.rpartition("/")
    return folder, name


def parent(name: str) -> str:
    """The folder of a name; '' at the top."""
    if name[:1] not in ("", "/", ".") and name[-1] not in "/." and "//" not in name and "/." not in name:
        return name.rpartition("/")[0]  # as below, and ten times as fast
    above = str(PurePosixPath(name).parent)
    return "" if above == "." else above


def open_file(url: str) -> IO[bytes]:
    """A seekable binary file. Raises OSError, also for devices and pipes, which may never end, and DatasetError if a
    store cannot be reached."""
    fs, path = filesystem(url)
    if is_remote(url):
        with _reaching(url):
            return cast("IO[bytes]", CountedFile(fs.open(path, "rb")))
    if not stat_flags.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return open(path, "rb")


def exists(url: str) -> bool:
    """Whether the file or folder exists."""
    fs, path = filesystem(url)
    return bool(fs.exists(path))


def is_folder(url: str) -> bool:
    """Whether the URL is that of a folder."""
    fs, path = filesystem(url)
    return bool(fs.isdir(path))


def size(url: str) -> int:
    """The size of a file in bytes."""
    fs, path = filesystem(url)
    return int(fs.size(path))


def forget() -> None:
    """Clear the cached listings; every audit begins with this."""
    _listings.clear()
    for cached in (names, sidecars, real_folder, head):
        cached.cache_clear()


def version(*urls: str) -> str:
    """A digest of the stat signatures of files. It is cheap, and changes if a file is modified."""
    signatures = []
    for url in urls:
        fs, path = filesystem(url)
        with _reaching(url):
            signatures.append(remote_signature(fs.info(path)) if is_remote(url) else _local_signature(os.stat(url)))
    return hashlib.sha256("\n".join(signatures).encode()).hexdigest()


def stat_signature(url: str) -> str:
    """The stat signature of one file, or the name of the error. Remote ones come from the folder's listing."""
    try:
        if is_remote(url):
            folder, name = split(url)
            return next((entry.stat_signature for entry in entries(folder) if entry.name == name), "")
        return _local_signature(os.stat(url))
    except (OSError, ValueError, DatasetError) as error:
        return type(error).__name__


@lru_cache(maxsize=4096)
def real_folder(url: str) -> str:
    """A local folder with links resolved; a remote URL unchanged."""
    return url if is_remote(url) or "\0" in url else os.path.realpath(url)


def entries(url: str) -> tuple[Entry, ...]:
    """The entries of a folder that are not hidden, sorted by name. Raises DatasetError."""
    return tuple(entry for entry in all_entries(url) if not entry.is_hidden)


def all_entries(url: str) -> tuple[Entry, ...]:
    """Every entry of a folder, sorted by name; cached for shards of the same folder. Raises DatasetError."""
    return _listings.of(url)


class _Listings:
    """The listings of folders, of which the oldest are forgotten if there are too many entries."""

    def __init__(self) -> None:
        self._by_url: dict[str, tuple[Entry, ...]] = {}
        self._entries = 0

    def of(self, url: str) -> tuple[Entry, ...]:
        """The entries of a folder."""
        if (found := self._by_url.get(url)) is not None:
            return found
        found = _listed(url)
        self._entries += len(found)
        while self._by_url and self._entries > _MAX_CACHED:
            self._entries -= len(self._by_url.pop(next(iter(self._by_url))))
        self._by_url[url] = found
        return found

    def clear(self) -> None:
        """Forget all."""
        self._by_url.clear()
        self._entries = 0


_listings = _Listings()


def _listed(url: str) -> tuple[Entry, ...]:
    try:
        found = sorted(_scan(url), key=lambda entry: entry.name)
    except OSError as error:
        raise DatasetError(f"cannot list {url}: {error.strerror or error}") from error
    here, hidden = {entry.name for entry in found}, set[str]()
    if EVIDENCE in here and exists(f"{join(url, EVIDENCE)}/{EVIDENCE_LOCK}"):
        hidden.update(AUDIT_OUTPUTS)
    if here >= _HUB_CACHE:  # its snapshots hold the files of `blobs` under their names
        hidden.add("blobs")
    return tuple(
        replace(entry, is_hidden=True) if is_hidden(entry.name) or entry.name in hidden else entry for entry in found
    )


def is_listable(url: str) -> bool:
    """Whether the entries of a folder can be read."""
    try:
        all_entries(url)
    except DatasetError:
        return False
    return True


@lru_cache(maxsize=65_536)
def head(url: str, count: int) -> bytes:
    """The first bytes of a file; none if it cannot be read."""
    try:
        with open_file(url) as file:
            return file.read(count)
    except OSError:
        return b""


@lru_cache(maxsize=16)
def names(url: str) -> frozenset[str]:
    """The names in a folder, as a set for look-ups."""
    return frozenset(entry.name for entry in entries(url))


@lru_cache(maxsize=16)
def sidecars(url: str, also: str = "") -> Mapping[str, str]:
    """The files in a folder that may be texts beside images, also hidden ones, with their stat signatures. also: the
    suffix of others."""
    here = all_entries(url)
    return {entry.name: entry.stat_signature for entry in here if is_sidecar(entry.name) or suffix(entry.name) == also}


def _unlisted(folder: str) -> str:
    """Why a folder is a row: it cannot be listed, or it is a link that was not followed."""
    try:
        os.scandir(folder).close()
    except OSError as error:
        return f"a folder that cannot be listed: {error.strerror or error}"
    return "not a regular file"


@cache
def _local() -> Any:
    return fsspec.filesystem("file")


def _scan(url: str) -> Iterator[Entry]:
    if is_remote(url):
        fs, path = filesystem(url)
        with _reaching(url):
            listed = fs.ls(path, detail=True)
        for info in listed:
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            yield Entry(name, info["type"] == "directory", False, remote_signature(info))
        return
    with os.scandir(url) as scan:
        for item in scan:
            try:
                is_folder, stat_signature = item.is_dir(), _local_signature(item.stat())
            except OSError as error:  # a broken link, or one to itself: its row gives the reason
                is_folder, stat_signature = False, f"{error.errno}"
            yield Entry(item.name, is_folder, item.is_symlink(), stat_signature)


def _local_signature(stat: os.stat_result) -> str:
    return f"{stat.st_size} {stat.st_mtime_ns}"


def remote_signature(info: Mapping[str, Any]) -> str:
    """The stat signature of what fsspec tells of a file."""
    signature = " ".join(str(info.get(key)) for key in ("size", "ETag", "etag", "mtime", "LastModified", "created"))
    return f"{signature} {info['blob_id']}" if "blob_id" in info else signature  # of Hugging Face, the only one there


def spelled_on_disk(base: str, name: str) -> str:
    """The spelling of a name below a folder that exists there; the name itself if none does."""
    if name.isascii() and not _ODD.search(name):
        return name
    for spelling in spellings(name):
        below = os.path.normpath(spelling)
        if not below.startswith(("/", "..")) and "\0" not in below and exists(join(base, below)):
            return below
    return name


def refusal(base: str, name: str, *, follow_links: bool) -> str | None:
    """Why a file of a dataset may not be opened, as `inside` says it; None if it may."""
    try:
        inside(base, name, follow_links=follow_links)
    except SampleError as error:
        return str(error)
    return None


def inside(base: str, name: str, *, follow_links: bool = False) -> str:
    """The URL of a name from a manifest, if it is inside the base folder.

    Raises SampleError for other schemes, '..' and absolute paths that leave the base, links that leave it (unless
    follow_links), and anything that is not a regular file.
    """
    if "://" in name or ("::" in name and is_remote(base)):
        raise SampleError("names another file system: only paths below the dataset are opened")
    if "\0" in name:
        raise SampleError("the path contains a NUL character")
    if is_remote(base):
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise SampleError("path leaves the dataset folder (scan a folder above, or set --base-dir)")
        return join(base, name)
    local = name.replace("\\", "/") if os.sep == "\\" else name
    spelled = os.path.normpath(os.path.join(base, local))
    if not _is_below(spelled, base):
        raise SampleError("path leaves the dataset folder (scan a folder above, or set --base-dir)")
    try:
        real, status = _resolved(spelled)
        if not follow_links and not _is_below(real, base):
            raise SampleError("link leaves the dataset folder (--follow-links reads it)")
        mode = (status or os.stat(real)).st_mode
    except FileNotFoundError:
        raise SampleError("no such file") from None
    except (OSError, ValueError) as error:
        raise SampleError(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    if stat_flags.S_ISDIR(mode):
        raise SampleError(_unlisted(real))
    if not stat_flags.S_ISREG(mode):
        raise SampleError("not a regular file")
    return real


def _is_below(path: str, base: str) -> bool:
    """Whether an absolute, normalised path is a folder, or lies below it."""
    return path.startswith(f"{base}/") or Path(path).is_relative_to(base)


def _resolved(path: str) -> tuple[str, os.stat_result | None]:
    """The path with links resolved, and its status unless it is a link or missing. Folders are resolved once."""
    folder, _, name = path.rpartition("/")
    real = os.path.join(real_folder(folder or "/"), name)
    try:
        status = os.lstat(real)
    except OSError:
        return real, None
    return (os.path.realpath(path), None) if stat_flags.S_ISLNK(status.st_mode) else (real, status)


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system of a URL, and the path on it. Raises DatasetError if its backend is not installed."""
    if not is_remote(url):  # fsspec would take "::" in a local name for a chain of file systems
        return _local(), url.removeprefix("file://").removeprefix("local://")
    try:
        return cast("tuple[Any, str]", fsspec.core.url_to_fs(url))
    except ImportError as error:
        extra = _EXTRAS.get(url.partition("://")[0])
        hint = f"pip install 'mad-auditor[{extra}]'" if extra else str(error)
        raise DatasetError(f"cannot open {url}: its backend is not installed: {hint}") from error
    except ValueError as error:
        raise DatasetError(f"cannot open {url}: {error}") from error


def check_reachable(url: str) -> None:
    """Raises DatasetError if a store cannot say whether a URL exists: no network, no permission, HF_HUB_OFFLINE …

    fsspec's `exists` and `isdir` answer no then, as if nothing were there.
    """
    fs, path = filesystem(url)
    with suppress(FileNotFoundError), _reaching(url):
        try:
            fs.info(path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreachable(url, error) from error


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Makes a DatasetError of a backend's own exceptions, which have no base class in common."""
    try:
        with counted():
            yield
    except (OSError, AuditorError, ValueError):
        raise
    except Exception as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> DatasetError:
    reason, *_ = [*str(error).splitlines(), type(error).__name__]
    return DatasetError(f"cannot open {url}: {reason}")
