"""What a scan loads: libraries and the model only where they are needed. Times are in benchmarks/costs.py."""

import subprocess
import sys
from pathlib import Path

import making
import pytest

from auditor.embeddings import embedded_encoder
from auditor.errors import ModelError
from auditor.scanning import shard_scan
from auditor.types import Need

ROOT = Path(__file__).parents[1]
# What only images to encode, tests of them or requests need.
UNUSED = ("onnxruntime", "scipy.stats", "urllib3", "faiss", "c2pa", "scipy.ndimage")
SCRIPT = """
import sys
from auditor.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sys.modules)
"""


@pytest.fixture
def dataset(tmp_path):
    (tmp_path / "set").mkdir()
    for number in range(3):
        (tmp_path / "set" / f"{number}.jpg").write_bytes(making.encoded(width=220, height=220, seed=number))
    return tmp_path / "set"


def test_a_scan_with_nothing_to_do_loads_no_model_and_no_library_for_images_to_compare(dataset, scan, tmp_path):
    scan(dataset)
    command = [sys.executable, "-c", SCRIPT, "scan", str(dataset), "--out", str(tmp_path / "audit"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not set(UNUSED) & set(done.stdout.split())
    assert (tmp_path / "audit" / "report.html").exists()


def test_the_model_is_loaded_by_workers_alone(dataset, scan, monkeypatch):
    loaded = []
    original = embedded_encoder.EmbeddedEncoder.__init__
    embedded_encoder.embedded.cache_clear()
    monkeypatch.setattr(
        embedded_encoder.EmbeddedEncoder,
        "__init__",
        lambda self, *args, **kw: loaded.append(1) or original(self, *args, **kw),
    )
    scan(dataset, depth=Need.FILE)
    assert not loaded
    scan(dataset, out="pixels")
    assert len(loaded) == 1  # this process is the worker


def test_a_model_that_gives_other_results_here_ends_the_scan(dataset, scan, monkeypatch):
    def broken():
        raise ModelError("on this machine the model's outputs differ from parity.npz")

    monkeypatch.setattr(shard_scan, "embedded", broken)
    with pytest.raises(ModelError, match="outputs differ from parity"):
        scan(dataset)
