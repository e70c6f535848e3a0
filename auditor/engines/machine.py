"""How many workers this process may use: processors and memory that its affinity and its control groups leave it.

Limits of control groups: v2 cpu.max, memory.max (admin-guide/cgroup-v2.rst of Linux); v1 cpu.cfs_quota_us,
memory.limit_in_bytes (cgroup-v1/memory.rst, scheduler/sched-bwc.rst). A limit of a group binds the groups below it.
File caches that are not in use count as free, because the kernel gives them up first.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

WORKER_BYTES = 512 << 20  # of a worker with the model and a batch of images of 1,000 pixels (at most 405 MB measured)
_UNLIMITED = 1 << 60  # v1 writes a number of about 2**63 where there is no limit


def usable_workers(root: Path = Path("/")) -> int:
    """The number of workers to start: one for each usable processor, if the memory for them is there; at least one.
    root: of /proc and /sys."""
    memory = free_memory(root)
    fitting = usable_processors(root) if memory is None else min(usable_processors(root), memory // WORKER_BYTES)
    return max(1, fitting)


def usable_processors(root: Path = Path("/")) -> int:
    """The processors that this process may run on, at most as many as a control group grants, rounded up."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(root))]))


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can still be used: what the machine has available, or what a control group leaves, if that is less.
    None on systems that do not say."""
    available = re.search(r"^MemAvailable:\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    free = [int(available[1]) << 10] if available else []
    for folder in _groups(root, "memory"):
        for limit_file, usage_file in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, usage = _number(folder / limit_file), _number(folder / usage_file)
            if limit is not None and usage is not None and limit < _UNLIMITED:
                free.append(max(0, limit - usage + _inactive(folder)))
    return min(free, default=None)


def _quotas(root: Path) -> Iterator[float]:
    """The processors that each control group grants."""
    for folder in _groups(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)
        quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota_us and period_us:
            yield quota_us / period_us


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control groups and of those above. Where /sys shows a container's own group as the
    root, the path of the group is missing there, and the root is left."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controllers and controller)
        for group in (own := Path(path.lstrip("/")), *own.parents):
            if ".." not in group.parts and (mount / group).is_dir():
                yield mount / group


def _inactive(folder: Path) -> int:
    found = re.search(r"^(?:total_)?inactive_file (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
    return int(found[1]) if found else 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
