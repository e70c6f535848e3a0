"""Time of `auditor --help`, compared with an empty Python process.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

_RUNS = 11


def seconds(*command: str) -> float:
    """Median wall time of a process."""
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    print("| | median seconds |\n|---|---|")
    for name, command in (("python -c pass", ("-c", "pass")), ("auditor --help", ("-m", "auditor", "--help"))):
        print(f"| {name} | {seconds(sys.executable, *command):.3f} |")
