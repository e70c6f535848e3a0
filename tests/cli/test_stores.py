"""Datasets on stores: hf://datasets/owner/name, and what is said when a backend or the network is missing."""

import json
import sys

import fsspec
import making
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import last, process, run
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from hub import served


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder that is served as hf://."""

    class Hub(DirFileSystem):
        protocol, cachable = "hf", False

        def __init__(self, **options):
            super().__init__(path=str(tmp_path / "hub"), fs=LocalFileSystem())

    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "hf", Hub)
    return tmp_path / "hub"


@pytest.mark.system
def test_a_dataset_of_the_hub_is_scanned_by_its_id(tmp_path):
    """With the hub's own client, in worker processes, from a server on this machine."""
    pytest.importorskip("huggingface_hub", reason="the extra `hf` is not installed")
    data = [making.png({"parameters": making.A1111} if n == 0 else {}, seed=n) for n in range(4)]
    column = pa.array([{"bytes": each, "path": f"{n}.png"} for n, each in enumerate(data)])
    folder = tmp_path / "hub/owner/name"
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.table({"image": column, "text": ["a"] * 4}), folder / "data/train-00000-of-00001.parquet")
    making.write(folder / "README.md", "# card")
    making.write(folder / ".gitattributes", "")
    with served(tmp_path / "hub") as endpoint:
        env = {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0"}
        result = process("scan", "hf://datasets/owner/name", "--exit-zero", cwd=tmp_path, env=env)
        assert result.returncode == 0, result.stderr
        record = json.loads((tmp_path / "audit/audit.json").read_text())
        assert (record["counts"]["ok"], record["confirmed"]["count"]) == (4, 1)
        assert [each["name"] for each in record["inputs"]] == ["name"]
        gate = ("gate", "audit", "--dataset", "hf://datasets/owner/name", "--exit-zero", "--jobs", "1")
        assert process(*gate, cwd=tmp_path, env=env).returncode == 0
        making.write(folder / "data/more.parquet", (folder / "data/train-00000-of-00001.parquet").read_bytes())
        changed = process(*gate, cwd=tmp_path, env=env)
        assert (changed.returncode, "scan it again" in last(changed)) == (3, True)
        gone = process("scan", "hf://datasets/owner/gone", cwd=tmp_path, env=env)
        assert (gone.returncode, last(gone).endswith("hf://datasets/owner/gone: no such file or folder")) == (2, True)


def test_one_file_and_a_pattern_of_a_dataset_are_scanned_too(hub, tmp_path):
    for name in ("0.tar", "1.tar", "2.tar"):
        making.tar(hub_file(hub, name), [(f"{name[0]}.png", making.png())])
    for pattern, rows in (("0.tar", 1), ("{0..1}.tar", 2), ("*.tar", 3)):
        result = run(
            "scan", f"hf://datasets/owner/wds/{pattern}", "--out", f"audit-{rows}", "--exit-zero", cwd=tmp_path
        )
        assert result.returncode == 0, result.stderr
        assert json.loads((tmp_path / f"audit-{rows}/audit.json").read_text())["counts"]["ok"] == rows


def test_what_is_not_on_the_hub_is_a_usage_error(hub, tmp_path):
    (hub / "datasets").mkdir(parents=True)
    for name, hint in (("datasets/owner/gone", ""), ("owner/name", "; did you mean hf://datasets/owner/name?")):
        result = run("scan", f"hf://{name}", cwd=tmp_path)
        assert result.returncode == 2
        assert last(result).endswith(f"hf://{name}: no such file or folder{hint}")


def test_offline_mode_is_honoured_and_named(tmp_path):
    pytest.importorskip("huggingface_hub")
    result = process("scan", "hf://datasets/owner/name", cwd=tmp_path, env={"HF_HUB_OFFLINE": "1"})
    assert result.returncode == 3
    assert last(result).startswith("ERROR cannot open hf://datasets/owner/name: ")
    assert "HF_HUB_OFFLINE" in last(result)


def test_a_hub_that_cannot_be_reached_is_no_bug(tmp_path):
    pytest.importorskip("huggingface_hub")
    result = process("scan", "hf://datasets/owner/name", cwd=tmp_path, env={"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert result.returncode == 3
    assert result.stderr.startswith("ERROR cannot open hf://datasets/owner/name: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("protocol", "extra"), [("s3", "s3"), ("gs", "gcs"), ("hf", "hf")])
def test_a_missing_backend_names_the_extra_that_brings_it(tmp_path, monkeypatch, protocol, extra):
    def absent(url, **options):
        raise ImportError("no backend")

    monkeypatch.setattr(fsspec.core, "url_to_fs", absent)
    result = run("scan", f"{protocol}://bucket/set", cwd=tmp_path)
    assert result.returncode == 3
    assert last(result) == (
        f"ERROR cannot open {protocol}://bucket/set: its backend is not installed: pip install 'mad-auditor[{extra}]'"
    )


def test_the_extras_that_messages_name_exist():
    import tomllib
    from pathlib import Path

    from auditor.api.installation import _OPTIONAL
    from auditor.storage import files

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    named = {*files._EXTRAS.values(), *(extra for extra, _ in _OPTIONAL.values())}
    assert named <= set(project["optional-dependencies"])


def test_an_unknown_protocol_is_named(tmp_path):
    result = run("scan", "foo://bucket/set", cwd=tmp_path)
    assert (result.returncode, last(result)) == (3, "ERROR cannot open foo://bucket/set: Protocol not known: foo")


def test_a_file_that_a_store_cannot_open_is_a_row_with_the_reason(hub, tmp_path, monkeypatch):
    making.tar(hub_file(hub, "0.tar"), [("0.png", making.png())])

    def fails(self, path, *args, **options):
        raise RuntimeError("connection reset")

    monkeypatch.setattr(DirFileSystem, "open", fails)
    result = run("scan", "hf://datasets/owner/wds", cwd=tmp_path)
    assert result.returncode == 1
    assert "1 unreadable (reading stopped here: cannot open 0.tar: connection reset)" in " ".join(result.stdout.split())


def hub_file(hub, name):
    folder = hub / "datasets/owner/wds"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def test_a_file_of_the_hub_that_changes_has_another_version():
    from auditor.storage import files

    info = {"name": "a", "size": 10, "type": "file", "blob_id": "1f"}
    assert files.remote_signature(info) != files.remote_signature({**info, "blob_id": "2e"})
