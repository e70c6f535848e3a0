"""What a scan survives: detectors that raise, workers that die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import making
import pytest
from commands import environment
from poison import Stillborn

from auditor import registry
from auditor.audit import make_engine, run_audit
from auditor.config import Config, Limits, ReadOptions, ScanConfig
from auditor.errors import AuditorError
from auditor.plugin import Shard
from auditor.readers import choose
from auditor.types import Need

pytestmark = pytest.mark.system


@pytest.fixture
def poisoned(tmp_path, monkeypatch):
    """Twelve captions, of which `kill` and `raise` are more than words to the detector; its registry line is put
    where spawned workers find it: on the path, as an installed plug-in would be."""
    site = tmp_path / "site" / "poison-1.dist-info"
    making.write(
        site / "entry_points.txt",
        "[auditor.detectors]\npoison = poison:Poison\n[auditor.readers]\ndeadly = poison:Deadly\n",
    )
    making.write(site / "METADATA", "Metadata-Version: 2.1\nName: poison\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    registry.table.cache_clear()
    yield tmp_path
    registry.table.cache_clear()


def captions(tmp_path, *words):
    lines = [f"{n},http://x.org/{n},{word}\n" for n, word in enumerate(words)]
    return making.write(tmp_path / "list.csv", "id,url,text\n" + "".join(lines))


def run(tmp_path, path, **config):
    config = Config.of(detectors=("poison", "caption-prior"), **config)
    return run_audit([path], tmp_path / "audit", config, make_engine(2))


def test_a_detector_from_outside_is_found_by_its_entry_point(poisoned):
    audit = run(poisoned, captions(poisoned, "a", "b"))
    assert audit.detectors["poison"].evaluable == 2


def test_an_image_that_kills_its_worker_costs_one_row(poisoned):
    audit = run(poisoned, captions(poisoned, "a", "kill", "b", "c --ar 1:1", "kill", "d"))
    assert (audit.counts.rows, audit.counts.no_bytes, audit.counts.unreadable) == (6, 4, 2)
    assert audit.unreadable_reasons == {"opening it killed the worker (SIGSEGV)": 2}
    assert not list((poisoned / "audit/evidence").glob("*.tmp"))
    assert audit.detectors["caption-prior"].hits == 1


def test_an_image_that_is_never_done_costs_one_row(poisoned):
    audit = run(poisoned, captions(poisoned, "a", "hang", "b"), limits=Limits(max_seconds=0.2))
    assert (audit.counts.rows, audit.counts.no_bytes, audit.counts.unreadable) == (3, 2, 1)
    assert audit.unreadable_reasons == {"opening it did not return within its time limit (--max-seconds)": 1}


def test_a_detector_that_raises_costs_one_answer_and_is_counted(poisoned):
    audit = run(poisoned, captions(poisoned, "a", "raise", "b"))
    assert audit.counts.no_bytes == 3
    assert (audit.detectors["poison"].evaluable, audit.detectors["poison"].failed) == (2, 1)


class Broken:
    """Work that cannot be done."""

    def __call__(self, shard):
        raise AuditorError(f"cannot do {shard.id}")

    def with_crash_tracking(self):
        return self

    def excluding_crash(self, shard, reason):
        return self


def test_an_error_in_a_worker_ends_the_run_with_that_error():
    from auditor.plugin import Input

    shards = [Shard(str(n), Input("/", "x"), "folder") for n in range(8)]
    with pytest.raises(AuditorError, match="cannot do"):
        list(make_engine(2).run(shards, Broken()))


UNGUARDED = """
import sys, auditor
print(auditor.scan(sys.argv[1], out=sys.argv[2], jobs=2, config=auditor.Config.of(detectors=("caption-prior",))).counts)
"""


@pytest.mark.parametrize("is_file", [True, False], ids=["file", "standard input"])
def test_a_script_needs_no_main_guard_and_no_file(tmp_path, is_file):
    making.write(tmp_path / "script.py", UNGUARDED)
    command = [sys.executable, "script.py" if is_file else "-", str(captions(tmp_path, "a", "b")), "audit"]
    result = subprocess.run(
        command, input=UNGUARDED, text=True, capture_output=True, cwd=tmp_path, env=environment(), timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("rows=2") == 1  # the script ran once


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            children += family(int(stat.parent.name))
    return [pid, *children]


def alive(pids: list[int]) -> list[int]:
    def state(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return "Z"

    return [pid for pid in pids if state(pid) != "Z"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.system
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_no_worker_outlives_its_parent(tmp_path, number):
    lines = "".join(f"k{n},http://x.org/{n},a --ar 1:1\n" for n in range(60_000))
    making.write(tmp_path / "list.csv", "id,url,text\n" + lines)
    command = [sys.executable, "-m", "auditor", "scan", "list.csv", "--jobs", "2", "-q"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: number != signal.SIGKILL and signal.signal(number, signal.SIG_DFL),
    )  # fmt: skip
    while process.poll() is None and not list((tmp_path / "audit/evidence").glob("*.parquet")):
        time.sleep(0.01)
    members = family(process.pid)
    assert len(members) > 2
    os.kill(process.pid, number)
    process.wait(timeout=30)
    until = time.monotonic() + 2
    while alive(members) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(members) == []


def test_a_row_that_kills_its_reader_costs_the_rest_of_its_shard_and_is_named(poisoned):
    path = making.write(poisoned / "list.deadly", "a b c kill d")
    audit = run(poisoned, path, input_format="deadly")
    assert (audit.counts.no_bytes, audit.counts.unreadable) == (3, 1)
    assert audit.unreadable_reasons == {"reading from row 3 on killed the worker (SIGSEGV)": 1}


def test_a_worker_that_dies_before_its_first_row_is_started_again(poisoned):
    path = captions(poisoned, "a", "b")
    run(poisoned, path)
    work = Stillborn(poisoned / "audit", ScanConfig(("caption-prior",), Need.ROW), "x")
    chosen = choose([path], ReadOptions())
    results = list(make_engine(1).run([s for input, reader in chosen for s in reader.shards(input)], work))
    assert [result.rows for result in results] == [2]
    assert (poisoned / "audit" / "deaths").read_text() == "2"
