"""The folder of an audit: a local one, or a folder on a store with a local copy.

All that reads evidence reads local files: tables are read several times, and vectors are mapped into memory. So a
remote folder has a local copy while a command runs. Workers write parts of evidence to the store themselves.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.errors import EvidenceError, NoSuchInput
from auditor.storage import files
from auditor.storage.atomic import SUFFIX as TEMPORARY
from auditor.storage.files import AUDIT_OUTPUTS, EVIDENCE, MANIFEST
from auditor.storage.lease import NAME as LEASE
from auditor.storage.lease import leased
from auditor.storage.remote import RemoteFolder

PathLike = str | os.PathLike[str]
_TABLES = ".parquet"  # written last: a part of evidence is there when its table is


class OutputFolder:
    """A local folder. path: where its files are. url: the same place, as workers see it."""

    def __init__(self, path: Path, url: str | None = None) -> None:
        self.path, self.url = path, url or str(path)

    def pull(self) -> None:
        """Get what workers have written."""

    def push(self) -> None:
        """Write what has changed in `path`, and remove what is gone."""


class RemoteOutputFolder(OutputFolder):
    """A folder on a store. path: of its local copy."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(path, url)
        self._remote = RemoteFolder(url)
        self._there: dict[str, str] = {}  # name -> signature on the store, of files that both sides have
        self._here: dict[str, str] = {}  # name -> signature of the local copy

    def pull(self, *, with_evidence: bool = True) -> None:
        """Get what is new on the store, and remove what is gone there. Only an audit's files are compared. Without the
        evidence, its manifest is pulled, which has the audit's day."""
        top = {name: each for name, each in self._remote.files().items() if name in AUDIT_OUTPUTS}
        evidence = self._remote.files(EVIDENCE, recursive=True)
        if not with_evidence:
            evidence = {name: each for name, each in evidence.items() if name == MANIFEST}
        there = {name: each for name, each in {**top, **evidence}.items() if _is_kept(name)}
        new = [name for name in there if self._there.get(name) != there[name]]
        self._remote.download(new, self.path)
        for name in self._there.keys() - there.keys():
            (self.path / name).unlink(missing_ok=True)
        self._there = there
        self._here = {name: each for name, each in self._here.items() if name in there}
        self._here.update((name, files.stat_signature(str(self.path / name))) for name in new)

    def push(self) -> None:
        """Write what has changed: tables after their vectors and checksums, otherwise in the order of their writing."""
        found = [path for path in self.path.rglob("*") if path.is_file()]
        paths = {path.relative_to(self.path).as_posix(): path for path in sorted(found, key=_order)}
        here = {name: files.stat_signature(str(path)) for name, path in paths.items() if _is_kept(name)}
        self._remote.remove(self._here.keys() - here.keys())
        self._remote.upload({name: paths[name] for name in here if self._here.get(name) != here[name]})
        there = {**self._remote.files(), **self._remote.files(EVIDENCE, recursive=True)}
        self._there, self._here = {name: there[name] for name in here if name in there}, here


@contextmanager
def opened(out: PathLike) -> Iterator[OutputFolder]:
    """The folder to write an audit to; a remote one is locked, and has everything at the end of the block unless it
    fails. Raises EvidenceError if it is a file, if another run holds the lock, or if the store refuses."""
    if not files.is_remote(os.fspath(out)):
        if (path := Path(out)).exists() and not path.is_dir():
            raise EvidenceError(f"{path} is a file: an audit is written to a folder")
        yield OutputFolder(path)
        return
    url = files.normalise(out)
    with leased(RemoteFolder(url)) as confirm, tempfile.TemporaryDirectory(prefix="auditor-") as temporary:
        folder = RemoteOutputFolder(url, Path(temporary) / "audit")
        folder.pull()
        yield folder
        confirm()
        folder.push()


@contextmanager
def local_copy(audit: PathLike, *, with_evidence: bool = True) -> Iterator[Path]:
    """The path of an audit (its folder or audit.json) to read: of a temporary copy if it is on a store. Raises
    NoSuchInput if nothing is there, EvidenceError if the store refuses."""
    if not files.is_remote(os.fspath(audit)):
        yield Path(audit)
        return
    url, name = files.normalise(audit), ""
    if url.endswith(".json"):
        url, name = files.split(url)
    with tempfile.TemporaryDirectory(prefix="auditor-") as temporary:
        folder = RemoteOutputFolder(url, Path(temporary) / files.split(url)[1])
        folder.pull(with_evidence=with_evidence and not name)
        if not (folder.path / name).exists():
            raise NoSuchInput(f"{audit}: no audit there")
        yield folder.path / name


@contextmanager
def part_folder(out: PathLike, shard: str) -> Iterator[Path]:
    """Where a worker writes the part of a shard: in a local folder's evidence, or in a temporary folder, whose files
    get to the store at the end of the block unless it fails."""
    if not files.is_remote(os.fspath(out)):
        yield Path(out) / EVIDENCE
        return
    folder = scratch_folder(out) / shard
    shutil.rmtree(folder, ignore_errors=True)  # of a worker that died
    folder.mkdir()
    try:
        yield folder
        written = sorted(folder.iterdir(), key=_order)
        RemoteFolder(os.fspath(out)).upload(
            {f"{EVIDENCE}/{path.name}": path for path in written if _is_kept(path.name)}
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scratch_folder(out: PathLike) -> Path:
    """The folder on this machine for what belongs to shards in progress. Raises EvidenceError if it is another
    user's."""
    if not files.is_remote(os.fspath(out)):
        return Path(out) / EVIDENCE
    own = Path(tempfile.gettempdir()) / f"auditor-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    status = own.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise EvidenceError(f"{own}: must be a folder of this user: remove it, or set TMPDIR")
    folder = own / hashlib.sha256(os.fspath(out).encode()).hexdigest()[:16]
    folder.mkdir(exist_ok=True)
    return folder


def _is_kept(name: str) -> bool:
    return name != LEASE and not name.endswith(TEMPORARY)


def _order(path: Path) -> tuple[bool, int]:
    return path.suffix == _TABLES, path.stat().st_mtime_ns
