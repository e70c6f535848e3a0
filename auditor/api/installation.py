"""Checks whether everything that audits need works on this machine."""

from __future__ import annotations

import importlib
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from importlib.metadata import version
from pathlib import Path

from auditor import registry
from auditor.errors import AuditorError

_DISTRIBUTION = "mad-auditor"
_MIN_DISK = 200 << 20  # bytes
_PACKAGES = ("pillow", "pyarrow", "pandas", "numpy", "scipy", "fsspec", "onnxruntime")
_DECODED = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")
_OPTIONAL = {  # module -> (the extra that brings it, what it is for)
    "pillow_heif": ("heic", "decodes HEIC"),
    "pillow_jxl": ("jxl", "decodes JPEG XL"),
    "s3fs": ("s3", "opens s3://"),
    "gcsfs": ("gcs", "opens gs://"),
    "huggingface_hub": ("hf", "opens hf://"),
    "open_clip": ("clip", "open_clip encoders"),
    "ray": ("ray", "--engine ray"),
}


class Result(Enum):
    """absent: an optional part that is not installed."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Check:
    """name: what was checked. detail: what was found, and what to do after a failure."""

    name: str
    result: Result
    detail: str


def check_installation(folder: str | Path = ".") -> Iterator[Check]:
    """Every check, one after the other. folder: where audits would be written."""
    checks: dict[str, Callable[[], str]] = {
        **{package: partial(version, package) for package in _PACKAGES},
        "model": _model,
        "decoders": _decoders,
        "c2pa": _c2pa,
        "charts": _charts,
        **{kind: partial(_plugins, kind) for kind in ("readers", "detectors", "reports", "engines")},
        "memory": _memory,
        "disk": partial(_disk, Path(folder)),
        "temporary files": partial(_disk, None),
    }
    for name, check in checks.items():
        try:
            yield Check(name, Result.PASS, check())
        except Exception as error:  # whatever the reason, it is reported
            yield Check(name, Result.FAIL, _reason(error))
    yield from map(_optional, _OPTIONAL)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, AuditorError) else f"{type(error).__name__}: {error}"


def _model() -> str:
    """Loads the model, which compares its outputs with parity.npz."""
    from auditor.embeddings.embedded_encoder import embedded

    return f"{embedded().fingerprint} loads; its outputs match the reference outputs"


def _decoders() -> str:
    """Encodes and decodes a small image in each format."""
    from PIL import Image

    for format in _DECODED:
        file = io.BytesIO()
        try:
            Image.new("RGB", (8, 8), "red").save(file, format)
            Image.open(io.BytesIO(file.getvalue()), formats=[format]).load()
        except (OSError, KeyError, ValueError) as error:
            raise AuditorError(f"Pillow cannot decode {format} ({error}): reinstall pillow") from error
    return ", ".join(_DECODED)


def _c2pa() -> str:
    """Calls into the library's native code."""
    import c2pa

    return f"c2pa-python {version('c2pa-python')}, native library {c2pa.sdk_version()}"


def _charts() -> str:
    """Draws a chart, which needs matplotlib's fonts."""
    from reports import charts

    charts.intervals([charts.Bar("a", 0.5, 0.4, 0.6)])
    return f"matplotlib {version('matplotlib')} renders charts with its own fonts"


def _plugins(kind: str) -> str:
    failed = []
    for id in registry.table(kind):
        try:
            registry.load(kind, id)
        except Exception as error:  # plugins of other packages may raise anything
            failed.append(f"{id} does not load: {_reason(error)}")
    if failed:
        raise AuditorError("; ".join(failed))
    return f"{len(registry.table(kind))} load"


def _memory() -> str:
    """Processors and memory that the machine, affinity and control groups (cgroups) leave."""
    from auditor.engines import machine

    free, processors = machine.free_memory(), machine.usable_processors()
    if free is None:
        return f"{processors} processors; free memory is unknown on this system"
    if free < machine.WORKER_BYTES:
        needed = machine.WORKER_BYTES >> 20
        raise AuditorError(f"{free >> 20:,} MB free, a worker needs {needed} MB: close programs or raise the limit")
    return f"{free / (1 << 30):,.1f} GB free, {processors} processors: {machine.usable_workers()} workers"


def _disk(folder: Path | None) -> str:
    """Writes a file, and looks for space. None: the folder of temporary files."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"auditor")
        file.flush()
        where = Path(file.name).parent
        free = shutil.disk_usage(where).free
    if free < _MIN_DISK:
        raise AuditorError(f"only {free >> 20:,} MB free in {where}: an audit may not fit")
    return f"{free / (1 << 30):,.1f} GB free in {where}"


def _optional(module: str) -> Check:
    extra, purpose = _OPTIONAL[module]
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module:
            return Check(extra, Result.ABSENT, f"{purpose}: pip install '{_DISTRIBUTION}[{extra}]'")
        return Check(extra, Result.FAIL, f"{module} is installed and cannot be imported: {error}")
    except Exception as error:  # a broken installation may raise anything
        return Check(extra, Result.FAIL, f"{module} is installed and cannot be imported: {_reason(error)}")
    return Check(extra, Result.PASS, purpose)
