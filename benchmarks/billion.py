"""A manifest of a billion URLs, of which some thousand images are fetched and audited: seconds of each step, memory.

    python benchmarks/billion.py [--files 1000] [--rows 1000000] [--fetch 2000] [--jobs 2]

The manifest is one parquet file with links to it: as much work to list, sample and read as different files, and less
disk. The images come from a server on this machine under 50,000 host names, so that the pause between two requests to a
host costs nothing.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import auditor
from auditor.audit import Plan, Silent, make_engine, run_audit
from auditor.config import Config
from auditor.fetching.fetcher import Fetcher

_HOSTS, _SIDE, _GROUP = 50_000, 256, 250_000
_WORDS = np.array("a photo of the red old house with garden and dog beside her street portrait sea night".split())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class _Images(BaseHTTPRequestHandler):
    """Answers every request with an image of its own."""

    def do_GET(self) -> None:
        seed = sum(self.path.encode()) % 1000
        noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(noise).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(out, "JPEG")
        self.send_response(200)
        self.send_header("Content-Length", str(len(out.getvalue())))
        self.end_headers()
        self.wfile.write(out.getvalue())

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Clock(Silent):
    """Notes when the plan was made and when fetching was over."""

    def __init__(self) -> None:
        self.start, self.planned_at, self.fetched_at = time.perf_counter(), 0.0, 0.0

    def planned(self, plan: Plan) -> None:
        self.planned_at = time.perf_counter()

    def fetched(self) -> None:
        self.fetched_at = time.perf_counter()


def write_manifest(folder: Path, files: int, rows: int, port: int) -> None:
    """URLs on many hosts and captions of eight words, in `files` links to one file."""
    rng = np.random.default_rng(0)
    schema = pa.schema([("URL", pa.string()), ("TEXT", pa.string()), ("pwatermark", pa.float32())])
    first = folder / "part-00000.parquet"
    with pq.ParquetWriter(first, schema) as writer:
        for start in range(0, rows, _GROUP):
            count = min(_GROUP, rows - start)
            hosts = rng.integers(0, _HOSTS, count)
            urls = [f"http://img.site{host}.com:{port}/{start + n}.jpg" for n, host in enumerate(hosts.tolist())]
            text = [" ".join(words) for words in _WORDS[rng.integers(0, len(_WORDS), (count, 8))]]
            writer.write_table(pa.table([urls, text, rng.random(count, np.float32)], schema=schema))
    for number in range(1, files):
        os.link(first, folder / f"part-{number:05}.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("files", 1000), ("rows", 1_000_000), ("fetch", 2000), ("jobs", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    server = _Server(("127.0.0.1", 0), _Images)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder, "manifest")
        manifest.mkdir()
        write_manifest(manifest, args.files, args.rows, server.server_port)
        local = Fetcher(Path(folder, "cache"), resolve=lambda host, port: ["127.0.0.1"], reachable=lambda address: True)
        clock, out = _Clock(), Path(folder, "out")
        engine = make_engine(args.jobs)
        audit = run_audit(manifest, out, Config.of(fetch=args.fetch), engine, listener=clock, fetcher=local)
        decision = auditor.decide(audit)
        end = time.perf_counter()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024
    if not audit.shards or not audit.sample:
        raise SystemExit("the manifest is too small for two stages")
    columns = "rows|shards|read|rows read|images|plan, s|fetch, s|scan and estimate, s|all, s|MB|exit code".split("|")
    print("|", " | ".join(columns), "|\n|" + "---|" * len(columns))
    seconds = (clock.planned_at - clock.start, clock.fetched_at - clock.planned_at, end - clock.fetched_at)
    counts = (args.files * args.rows, audit.shards.of, audit.shards.read, audit.counts.rows, audit.sample.ok)
    cells = [f"{n:,}" for n in counts] + [f"{s:.0f}" for s in (*seconds, end - clock.start)]
    print("|", " | ".join([*cells, str(peak), str(decision.exit_code)]), "|")


if __name__ == "__main__":
    main()
