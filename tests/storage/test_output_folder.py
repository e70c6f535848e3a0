"""An audit on a store is the audit of a local folder: bytes, resuming, the lock, and the commands that read it."""

import shutil
import time

import fsspec
import making
import pytest
from commands import KEPT, last, run, unnamed
from fsspec.implementations.local import LocalFileSystem

from auditor.errors import EvidenceError, NoSuchInput
from auditor.storage import lease, output_folder
from auditor.storage.remote import RemoteFolder


class Shelf(LocalFileSystem):
    """A store that shows files while they are written, and can rename them; its root is a folder of this machine."""

    protocol = "shelf"
    seen = ()  # names under which files were written

    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(str(path).removeprefix("shelf://"))

    def put_file(self, lpath, rpath, **options):
        Shelf.seen += (rpath,)
        shutil.copyfile(lpath, self._strip_protocol(rpath))


@pytest.fixture(params=["memory", "shelf"])
def store(request, tmp_path):
    """The URL of an empty folder on a store, and what is there: name -> content."""
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    url = f"memory://{tmp_path.name}" if request.param == "memory" else f"shelf://{tmp_path}/store"
    fs, root = fsspec.core.url_to_fs(url)

    def content():
        return {path[len(root) + 1 :]: unnamed(fs.cat_file(path)) for path in fs.find(root) if KEPT not in path}

    yield url, content
    if fs.exists(root):
        fs.rm(root, recursive=True)


@pytest.fixture
def dataset(tmp_path):
    for number in range(3):
        data = making.png({"parameters": making.A1111}) if number else making.encoded()
        making.write(tmp_path / f"data/{number}/{number}.png", data)
    return tmp_path / "data"


def scan(*words, cwd=None):
    result = run("scan", *words, "-q", cwd=cwd)
    assert "ERROR" not in result.stderr, result.stderr
    return result


def local(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and KEPT not in path.name]
    return {str(path.relative_to(folder)): unnamed(path.read_bytes()) for path in files}


def test_a_store_gets_the_bytes_of_a_local_folder(store, dataset, tmp_path):
    url, content = store
    for out in ("here", url):
        scan("data", "--keep-vectors", "--out", out, cwd=tmp_path)
    assert content() == local(tmp_path / "here")


def test_files_get_their_names_on_a_store_that_renames_when_they_are_complete(dataset, tmp_path, monkeypatch):
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    monkeypatch.setattr(Shelf, "seen", ())
    scan("data", "--depth", "file", "--out", f"shelf://{tmp_path}/store", cwd=tmp_path)
    assert Shelf.seen
    assert all(name.endswith(".tmp") for name in Shelf.seen)
    assert not list((tmp_path / "store").rglob("*.tmp"))


def test_the_same_scan_again_does_what_is_missing(store, dataset, tmp_path):
    url, content = store
    words = ("scan", "data", "--depth", "file", "--out", url, "--engine", "serial")
    run(*words, cwd=tmp_path)
    again = run(*words, cwd=tmp_path)
    assert "3 rows are already done" in again.stderr
    before = content()
    part = next(name for name in before if name.endswith(".parquet"))
    RemoteFolder(url).remove([part])
    assert "kept" not in run(*words, cwd=tmp_path).stderr
    assert content() == before


def test_a_damaged_part_is_made_again(store, dataset, tmp_path):
    url, content = store
    scan("data", "--depth", "file", "--out", url, cwd=tmp_path)
    before = content()
    part = next(name for name in before if name.endswith(".parquet"))
    RemoteFolder(url).write(part, before[part][:-9] + b"x" + before[part][-8:])
    assert "damaged" in last(run("export", url))
    scan("data", "--depth", "file", "--out", url, cwd=tmp_path)
    assert content() == before


def test_parts_of_what_is_gone_are_removed_there(store, dataset, tmp_path):
    url, content = store
    scan("data/0/0.png", "--depth", "file", "--out", url, cwd=tmp_path)
    scan("data/1/1.png", "--depth", "file", "--out", url, "--restart", cwd=tmp_path)
    scan("data/1/1.png", "--depth", "file", "--out", "here", cwd=tmp_path)
    assert content() == local(tmp_path / "here")


def test_other_files_beside_an_audit_stay_there(store, dataset, tmp_path):
    url, content = store
    RemoteFolder(url).write("notes.txt", b"mine")
    scan("data", "--depth", "file", "--out", url, cwd=tmp_path)
    scan("data", "--depth", "file", "--out", url, cwd=tmp_path)
    assert content()["notes.txt"] == b"mine"


def test_commands_read_an_audit_on_a_store(store, dataset, tmp_path):
    url, _ = store
    for out in ("here", url):
        scan("data", "--depth", "file", "--out", out, cwd=tmp_path)
    for words in (("gate",), ("report", "-f", "markdown"), ("export",), ("filter", "--out", "keep.txt")):
        command, *more = words
        there, here = (run(command, audit, *more, cwd=tmp_path) for audit in (url, "here"))
        assert there.returncode == here.returncode
        for one, other in ((there.stdout, here.stdout), (there.stderr, here.stderr)):
            assert unnamed(one.encode()) == unnamed(other.encode())
    assert run("diff", f"{url}/audit.json", "here", cwd=tmp_path).returncode == 0
    assert run("gate", f"{url}/elsewhere").returncode == 2


def test_audits_on_a_store_are_merged_there(store, dataset, tmp_path):
    url, content = store
    for number in (1, 2):
        scan(f"data/{number}", "--depth", "file", "--out", f"{url}/{number}", cwd=tmp_path)
        scan(f"data/{number}", "--depth", "file", "--out", f"here/{number}", cwd=tmp_path)
    run("merge", f"{url}/1", f"{url}/2", "--out", f"{url}/both")
    run("merge", "here/1", "here/2", "--out", "here/both", cwd=tmp_path)
    assert content() == local(tmp_path / "here")


def test_python_gets_a_copy_to_read(store):
    url, _ = store
    with pytest.raises(NoSuchInput, match="no audit there"), output_folder.local_copy(url):
        pass


# ---- the lock


def test_a_second_run_is_told_who_writes_and_until_when(store, dataset, tmp_path):
    url, _ = store
    with lease.leased(RemoteFolder(url)):
        result = run("scan", "data", "--out", url, cwd=tmp_path)
    assert result.returncode == 3
    assert "another audit is writing here" in last(result)
    assert "process" in last(result)
    scan("data", "--depth", "file", "--out", url, cwd=tmp_path)  # the lock is gone with its holder


def test_a_run_that_fails_gives_the_lock_back(store, dataset, tmp_path):
    url, content = store
    assert run("scan", "data", "--labels", "data/0/0.png", "--out", url, cwd=tmp_path).returncode == 3
    assert lease.NAME not in content()


def test_the_lock_of_a_killed_run_expires(store, monkeypatch):
    folder = RemoteFolder(store[0])
    monkeypatch.setattr(lease, "_MOMENT", 0)
    monkeypatch.setattr(lease, "_SECONDS", -1)
    with lease.leased(folder) as confirm:
        monkeypatch.undo()
        monkeypatch.setattr(lease, "_MOMENT", 0)
        with lease.leased(folder) as confirm_second:
            confirm_second()
            with pytest.raises(EvidenceError, match="could not renew its lock"):
                confirm()


def test_a_lock_is_renewed_while_its_run_lives(store, monkeypatch):
    monkeypatch.setattr(lease, "_RENEWAL", 0.02)
    folder = RemoteFolder(store[0])
    with lease.leased(folder):
        first = folder.read(lease.NAME)
        until = time.monotonic() + 5
        while folder.read(lease.NAME) == first and time.monotonic() < until:
            time.sleep(0.02)
        assert folder.read(lease.NAME) != first


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"expires": "soon"}'])
def test_a_lock_that_makes_no_sense_is_replaced(store, content, monkeypatch):
    monkeypatch.setattr(lease, "_MOMENT", 0)
    folder = RemoteFolder(store[0])
    folder.write(lease.NAME, content)
    with lease.leased(folder) as confirm:
        confirm()


def test_a_store_that_refuses_is_named_with_the_file(monkeypatch, tmp_path):
    folder = RemoteFolder(f"memory://{tmp_path.name}")
    monkeypatch.setattr(folder._fs, "put_file", lambda *_: 1 / 0)
    with pytest.raises(EvidenceError, match=rf"memory://{tmp_path.name}/a/b: division by zero"):
        folder.upload({"a/b": making.write(tmp_path / "b", b"")})


def test_another_users_scratch_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(output_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"auditor-{output_folder.os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="must be a folder of this user"):
        output_folder.scratch_folder("memory://x")


def test_a_backend_that_is_not_installed_is_named():
    result = run("scan", "x", "--out", "nosuch://b/audit")
    assert result.returncode == 3
    assert "nosuch" in last(result)
