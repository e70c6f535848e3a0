"""The number of workers follows affinity, quotas and memory."""

import os
import subprocess
import sys

import pytest

from auditor.engines import machine

GB = 1 << 30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 64 processors and 256 GB: system(files) adds files below its root."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)

    def with_files(files):
        for name, text in {"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {256 << 20} kB\n", **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return with_files


V2, V1 = {"proc/self/cgroup": "0::/pod/box\n"}, {"proc/self/cgroup": "3:cpu,cpuacct:/box\n2:memory:/box\n0::/\n"}


@pytest.mark.parametrize(("files", "expected"), [
    ({}, 64),
    ({**V2, "sys/fs/cgroup/pod/box/cpu.max": "max 100000\n"}, 64),
    ({**V2, "sys/fs/cgroup/pod/box/cpu.max": "400000 100000\n"}, 4),
    ({**V2, "sys/fs/cgroup/pod/box/cpu.max": "150000 100000\n"}, 2),
    ({**V2, "sys/fs/cgroup/pod/cpu.max": "300000 100000\n", "sys/fs/cgroup/pod/box/cpu.max": "max 100000\n"}, 3),
    ({"proc/self/cgroup": "0::/../elsewhere\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
    ({**V1, "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "250000\n", "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "50000\n"}, 5),
    ({**V1, "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n"}, 64),
])  # fmt: skip
def test_quotas_bound_the_processors(system, files, expected):
    assert machine.usable_processors(system(files)) == expected


@pytest.mark.parametrize(("files", "expected"), [
    ({}, 256 * GB),
    ({**V2, "sys/fs/cgroup/pod/box/memory.max": "max\n", "sys/fs/cgroup/pod/box/memory.current": "1\n"}, 256 * GB),
    ({**V2, "sys/fs/cgroup/pod/box/memory.max": f"{4 * GB}\n", "sys/fs/cgroup/pod/box/memory.current": f"{GB}\n"}, 3 * GB),
    ({**V2, "sys/fs/cgroup/pod/memory.max": f"{4 * GB}\n", "sys/fs/cgroup/pod/memory.current": f"{3 * GB}\n",
      "sys/fs/cgroup/pod/memory.stat": f"anon 5\ninactive_file {GB}\n"}, 2 * GB),
    ({**V1, "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{2 * GB}\n",
      "sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{GB}\n"}, GB),
    ({**V1, "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "9223372036854771712\n",
      "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "5\n"}, 256 * GB),
])  # fmt: skip
def test_groups_bound_the_memory(system, files, expected):
    assert machine.free_memory(system(files)) == expected


def test_as_many_workers_start_as_memory_holds_and_at_least_one(system):
    limit = {**V2, "sys/fs/cgroup/pod/box/memory.current": "0\n"}
    assert machine.usable_workers(system({**limit, "sys/fs/cgroup/pod/box/memory.max": f"{3 * GB}\n"})) == 6
    assert machine.usable_workers(system({**limit, "sys/fs/cgroup/pod/box/memory.max": "1000\n"})) == 1


def test_a_system_without_these_files_gets_a_worker_per_processor(tmp_path):
    assert machine.free_memory(tmp_path) is None
    assert machine.usable_workers(tmp_path) == machine.usable_processors(tmp_path)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_bounds_the_workers_of_an_engine():
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nfrom auditor.audit import make_engine; print(make_engine().workers)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "1\n"
