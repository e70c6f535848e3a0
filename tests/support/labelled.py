"""A small audited dataset to label, partly hostile, and its annotation page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import making

import auditor
from auditor.annotation.app.server import LabelServer
from auditor.annotation.app.task import Task
from auditor.audit import make_engine, run_audit
from auditor.config import Config

HOSTILE = '</script><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
TURNED, BROKEN, LARGER = "turned.jpg", "changed.png", "1.png"


def dataset(folder: Path, more: int = 0) -> Path:
    """A table of eight images: names and captions that are markup, one to be turned upright, one with a secret, a larger
    one. more: number of plain ones."""
    names = [f"{number}.png" for number in range(4)] + ["<b onclick=hacked=1>'\".png", TURNED, "long.png", BROKEN]
    for number, name in enumerate(names):
        making.write(folder / name, making.png({"Comment": "secret"}, width=96, height=64, seed=number))
    turned = making.encoded("JPEG", width=96, height=64, exif=making.exif({0x0112: 6, 0x010F: "secret"}))
    making.write(folder / TURNED, turned)
    making.write(folder / LARGER, making.png(width=256, height=200))
    making.write(folder / "long.png", making.encoded("PNG", width=3000, height=40))
    names += [making.write(folder / f"plain-{number}.png", making.png(seed=number)).name for number in range(more)]
    lines = [
        f'"{name.replace(chr(34), 2 * chr(34))}","{HOSTILE.replace(chr(34), 2 * chr(34))}",javascript:hacked=1'
        for name in names
    ]
    return making.write(folder / "table.csv", "\n".join(["file_name,caption,url", *lines, ""]))


def task(folder: Path, *, images: int = 8, **options: Any) -> Task:
    """An audit of metadata only, so every image is undecided; one file has changed since."""
    table = dataset(folder / "set", images - 8)
    config = Config.of(detectors=("creator-tags",))
    audit = run_audit(table, folder / "audit", config, make_engine(1, "serial"))
    auditor.write(audit, auditor.decide(audit), folder / "audit", ["json"])
    making.write(folder / "set" / BROKEN, making.png(width=96, height=64, seed=99))
    return auditor.label(folder / "audit", table, **options)


@contextmanager
def served(made: Task, labels: Path, labeller: str = "A", **listening: Any) -> Iterator[LabelServer]:
    """The page's server, which runs in another thread."""
    with made.served(labels, labeller, **listening) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
