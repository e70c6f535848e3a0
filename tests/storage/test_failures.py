"""A store that fails while it is read costs rows until it answers again: the next scan reads them, and says so."""

import io
import json
from typing import ClassVar

import fsspec
import making
import pytest
from commands import run
from fsspec.implementations.memory import MemoryFileSystem

from auditor.storage import failures

IMAGES = [(f"{number}.png", making.png(seed=number)) for number in range(3)]


class Flaky(MemoryFileSystem):
    """A store that fails while a file is opened or read, until it is mended."""

    protocol = "flaky"
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]
    error = None
    at = "read"

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(str(path).removeprefix("flaky://"))

    def _open(self, path, mode="rb", **options):
        file = super()._open(path, mode, **options)
        if Flaky.error is None or mode != "rb":
            return file
        if Flaky.at == "open":
            raise Flaky.error
        return Broken(file)


class Broken(io.BytesIO):
    """Fails after the first bytes."""

    def __init__(self, file):
        super().__init__(file.read())

    def read(self, size=-1):
        if self.tell() > 600 or size < 0 or self.tell() + size > 600:
            raise Flaky.error
        return super().read(size)


@pytest.fixture
def flaky():
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    Flaky.store.clear()
    yield Flaky
    Flaky.error = None


def write(kind, tmp_path):
    files = IMAGES if kind == "files" else [("0.tar", making.tar(tmp_path / "0.tar", IMAGES).read_bytes())]
    for name, data in files:
        with fsspec.filesystem("flaky").open(f"/set/{name}", "wb") as file:
            file.write(data)


def scan(tmp_path):
    words = ("scan", "flaky://set", "--out", "audit", "--engine", "serial", "--depth", "file", "--exit-zero")
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return json.loads((tmp_path / "audit/audit.json").read_text())["counts"], result.stderr


@pytest.mark.parametrize("kind", ["tar", "files"])
@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError("timed out"), RuntimeError("client")])
def test_the_next_scan_reads_again_what_a_store_failed_to_give(flaky, tmp_path, kind, error):
    write(kind, tmp_path)
    flaky.error = error
    counts, said = scan(tmp_path)
    assert counts["ok"] < 3
    assert counts["unreadable"] + counts["failed"] > 0
    assert "a store failed while 1 shard" in said
    flaky.error = None
    counts, said = scan(tmp_path)
    assert (counts["rows"], counts["ok"]) == (3, 3)
    assert "redone" in said
    assert "a store failed" not in said
    assert "3 rows are already done" in scan(tmp_path)[1]


def test_an_answer_of_a_store_is_no_failure(flaky, tmp_path):
    write("files", tmp_path)
    flaky.error, flaky.at = PermissionError("no"), "open"
    try:
        counts, said = scan(tmp_path)
        assert counts["unreadable"] == 3
        assert "a store failed" not in said
        assert "3 rows are already done" in scan(tmp_path)[1]
    finally:
        flaky.at = "read"


def test_a_file_whose_failures_are_counted_is_the_file():
    data = b"first\nsecond\n"
    with failures.CountedFile(io.BytesIO(data)) as file:
        buffer = bytearray(4)
        assert (file.readinto(buffer), bytes(buffer)) == (4, data[:4])
        assert (file.readline(), file.tell()) == (b"t\n", 6)
        file.seek(0)
        assert list(file) == [b"first\n", b"second\n"]
        assert not file.closed
    assert file.closed
    before = failures.so_far()
    with pytest.raises(ValueError, match="closed"):
        file.read()
    assert failures.so_far() == before
