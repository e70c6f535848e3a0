"""A campaign of mutated inputs: images, archives, tables and audit files, from seeds that are made on the spot.

    make fuzz MINUTES=30

Every input must give rows or a refusal: no other exception, no step beyond the time limit, no row lost. What fails is
written to --keep. `make test` runs a short round (fuzz/test_campaign.py).
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import making
import pandas as pd
from mutation import mutated

from auditor import audit_json, readers
from auditor.config import Config, ReadOptions
from auditor.errors import AuditorError
from auditor.policy import policy
from auditor.readers import choose
from auditor.scanning import detect
from auditor.scanning.shard_scan import ShardScan
from auditor.storage.content import BytesContent
from auditor.types import Sample, Status, Unreadable

SECONDS = 5.0  # for one input
_METADATA = tuple(id for id in Config().scan.detectors if id not in ("classifier", "dwt-dct", "dalle2-bar"))


@dataclass
class Result:
    """Inputs that were tried, by kind, and what failed: (kind, what happened, the input)."""

    tried: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str, bytes]] = field(default_factory=list)


def campaign(seconds: float, seed: int, most: int | None = None) -> Result:
    """Tries mutated inputs for some seconds, or so many of them."""
    rng, result, end = random.Random(seed), Result(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        kinds = {**_images(), **_files(Path(folder))}
        seeds = [data for data, _ in kinds.values()]
        while time.monotonic() < end and (most is None or result.tried.total() < most):
            kind = rng.choice(list(kinds))
            data, examine = kinds[kind]
            data = mutated(rng, data, seeds)
            result.tried[kind.partition(" ")[0]] += 1
            if problem := _problem(examine, data):
                result.failures.append((kind, problem, data))
    return result


def _problem(examine: Callable[[bytes], None], data: bytes) -> str | None:
    begin = time.process_time()
    try:
        examine(data)
    except AuditorError:
        pass
    except Exception:
        return traceback.format_exc()
    took = time.process_time() - begin
    return f"took {took:.1f} s" if took > SECONDS else None


# ---- images


def _images() -> Mapping[str, tuple[bytes, Callable[[bytes], None]]]:
    packet = making.xmp("<dc:title xmlns:dc='d'>x</dc:title>")
    exif = making.camera_exif()
    seeds = {
        "image jpeg": making.jpeg_xmp(packet, exif=exif),
        "image jpeg-iptc": making.with_segment(making.encoded(), 0xED, making.iim((2, 120, making.A1111))),
        "image png": making.png({"parameters": making.A1111}, itxt={"XML:com.adobe.xmp": packet.decode()}),
        "image webp": making.encoded("WEBP", xmp=packet, exif=exif),
        "image gif": making.encoded("GIF", comment=b"Steps: 20"),
        "image tiff": making.encoded("TIFF", description=making.A1111),
        "image avif": making.encoded("AVIF", exif=exif, xmp=packet),
        "image jpeg2000": making.encoded("JPEG2000"),
        "image heif": making.heif(),
        "image ppm": making.encoded("PPM"),
    }
    task = ShardScan(Path(), Config.of(detectors=_METADATA, max_seconds=SECONDS).scan, digest="")
    return {name: (data, lambda data: _one_row(task, data)) for name, data in seeds.items()}


def _one_row(task: ShardScan, data: bytes) -> None:
    row = task.row(Sample("a", ".", "a", BytesContent(data)))
    assert row.status in (Status.OK, Status.UNREADABLE)
    assert row.status is Status.OK or row.reason
    failed = [signal for signal in row.signals if signal.reason.startswith("failed:")]
    assert not failed, failed


# ---- archives, tables, audit files


def _files(folder: Path) -> Mapping[str, tuple[bytes, Callable[[bytes], None]]]:
    members = [("0.jpg", making.encoded()), ("0.txt", b"zero"), ("1.png", making.png()), ("m.json", b'{"a": 1}')]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    frame = pd.DataFrame({"url": [f"http://x.org/{n}.jpg" for n in range(20)], "text": "a caption", "n": range(20)})
    embedded = pd.DataFrame({"image": [making.encoded(), making.png()], "text": ["a", "b"]})
    seeds = {
        "archive a.tar": making.tar(folder / "seed.tar", members).read_bytes(),
        "archive a.tar.gz": making.tar(folder / "seed.tar.gz", members, "w:gz").read_bytes(),
        "archive a.zip": zipped.getvalue(),
        "table a.csv": frame.to_csv(index=False).encode(),
        "table a.tsv": frame.to_csv(index=False, sep="\t").encode("utf-16"),
        "table a.jsonl": frame.to_json(orient="records", lines=True).encode(),
        "table a.json": frame.to_json(orient="records").encode(),
        "table a.parquet": _parquet(frame),
        "table b.parquet": _parquet(embedded),
        "table a.arrow": _arrow(embedded),
    }
    examined = {kind: (data, partial(_rows, folder / "input", kind.split()[1])) for kind, data in seeds.items()}
    return {**examined, "audit audit.json": (_audit(), _read_audit)}


def _parquet(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet()


def _arrow(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    out = pa.BufferOutputStream()
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue().to_pybytes()


def _rows(folder: Path, name: str, data: bytes) -> None:
    """The rows of the file given by name, and of the folder that it is in: none may be lost without a word."""
    making.write(folder / name, data)
    making.write(folder / "loose.jpg", making.encoded())
    try:
        for path in (folder / name, folder):
            found = []
            for input, reader in choose(path, ReadOptions()):
                for shard in reader.shards(input):
                    found += [
                        detect.row_from_unreadable(item) if isinstance(item, Unreadable) else item
                        for item in readers.read(shard)
                    ]
            assert path != folder or any(item.image == "loose.jpg" for item in found), "a row was lost"
    finally:
        (folder / name).unlink()


def _audit() -> bytes:
    import audits

    audit = audits.audit(100, 3)
    return audit_json.dumps(audit, policy.decide(audit, policy.default())).encode()


def _read_audit(data: bytes) -> None:
    audit = audit_json.loads(data)
    policy.decide(audit, policy.default())
    json.loads(data)


def main() -> int:
    """Runs a campaign and prints what was tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write inputs that fail here")
    given = parser.parse_args()
    result = campaign(60 * given.minutes, given.seed)
    tried = ", ".join(f"{count:,} {kind}" for kind, count in sorted(result.tried.items()))
    print(f"seed {given.seed}: {result.tried.total():,} inputs ({tried}); {len(result.failures)} failed")
    for number, (kind, problem, data) in enumerate(result.failures):
        print(f"\n{kind}\n{problem}")
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            (given.keep / f"{number:04d}-{kind.replace(' ', '-')}").write_bytes(data)
    return bool(result.failures)


if __name__ == "__main__":
    raise SystemExit(main())
