"""Audits a manifest of millions of URLs by its metadata: rows per second and core, beside pyarrow's scan of the same
columns, and peak memory of the largest process.

python benchmarks/manifest.py [--rows 10000000] [--jobs 2]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_GROUP = 1_000_000
_WORDS = np.array("a photo of the red old house with garden and dog beside her street portrait sea at night".split())


def write_manifest(path: Path, rows: int) -> None:
    """LAION's columns, 50,000 domains, captions of eight words."""
    rng = np.random.default_rng(0)
    schema = pa.schema(
        [("SAMPLE_ID", pa.int64()), ("URL", pa.string()), ("TEXT", pa.string()), ("pwatermark", pa.float32())]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, _GROUP):
            count = min(_GROUP, rows - start)
            number = np.arange(start, start + count)
            domain = rng.integers(0, 50_000, count).astype(str)
            urls = np.char.add(np.char.add("https://img.site", domain), np.char.add(".com/photos/", number.astype(str)))
            picks = _WORDS[rng.integers(0, len(_WORDS), (count, 8))]
            text = pa.array([" ".join(words) for words in picks])
            columns = [number, pa.array(np.char.add(urls, ".jpg").tolist()), text, rng.random(count, dtype=np.float32)]
            writer.write_table(pa.table(columns, schema=schema))


# A forked process inherits the peak memory of its parent, so a small process starts the audit.
_LAUNCHER = """
import resource, subprocess, sys
result = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(result.returncode, used.ru_maxrss // 1024, used.ru_utime + used.ru_stime)
"""


def read_only(path: Path) -> float:
    """Processor seconds of pyarrow's scan of the columns."""
    before = time.process_time()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1 << 16, use_threads=False):
            batch.validate()
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("options", nargs="*", help="of auditor scan, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.parquet"
        write_manifest(manifest, args.rows)
        out = Path(folder) / "audit"
        command = [sys.executable, "-m", "auditor", "scan", str(manifest), "--out", str(out), "--quiet", *args.options]
        command += ["--jobs", str(args.jobs)]
        started = time.perf_counter()
        result = subprocess.run([sys.executable, "-c", _LAUNCHER, *command], capture_output=True, text=True)
        seconds, reading = time.perf_counter() - started, read_only(manifest)
        evidence = sum(path.stat().st_size for path in (out / "evidence").glob("*.parquet"))
    code, peak, used = result.stdout.split()
    print(f"exit code {code}: {result.stderr.strip().splitlines()[-1]}")
    columns = "rows|processes|seconds|rows/s/core|pyarrow, rows/s/core|largest process, MB|evidence, MB".split("|")
    print("|", " | ".join(columns), "|\n|" + "---|" * len(columns))
    numbers = (
        f"{args.rows:,}",
        args.jobs,
        f"{seconds:.0f}",
        f"{args.rows / float(used):,.0f}",
        f"{args.rows / reading:,.0f}",
        peak,
        evidence // 10**6,
    )
    print("| " + " | ".join(map(str, numbers)) + " |")


if __name__ == "__main__":
    main()
