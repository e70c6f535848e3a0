"""Artificial example images for tests of reports."""

from __future__ import annotations

import base64

from auditor.gallery.thumbnails import small
from auditor.plugin import Example
from auditor.types import Claim, Covariates, Evidence, Row, Signal, SignalOutcome, Status, Tier, Verdict, VerdictKind

HOSTILE = (
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=document.title='owned'>",
    "'-alert(1)-'</style><style>*{display:none}</style>",
    "{{ 7*7 }}{% raw %}",
    "javascript:document.title='owned'",
    "</title><svg/onload=document.title='owned'>",
    "\u202ereversed\x1b[2J\x00",
    "$x^2$ \\frac{1}{0}",
)
_DETECTORS = ("generator-text", "c2pa", "classifier", "dalle2-bar", "contradiction")


def example(number: int, text: str | None = None, *, thumbnail: bytes | None = None) -> Example:
    """The number-th of a gallery; text: what every free field of it says."""
    group = _DETECTORS[number % len(_DETECTORS)]
    said = text or f"text {number}"
    signal = Signal(group, Evidence.DECLARED, SignalOutcome.HIT, Tier.C, 0.9, said, Claim.SYNTHETIC, said)
    verdict = Verdict(VerdictKind.SYNTHETIC if number % 2 else VerdictKind.UNKNOWN, group, (number % 101) / 100)
    covariates = Covariates("JPEG", 640, 480, camera=said)
    row = Row(text or f"key-{number:04d}", said, said, Status.OK, "", said, verdict, (signal,), covariates)
    return Example(row, text or group, thumbnail, "" if thumbnail else said)


def gallery(count: int, text: str | None = None) -> list[Example]:
    """`count` examples with incompressible noise as images, ordered by group."""
    import numpy as np

    rng = np.random.default_rng(0)
    pictures = [small(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)) for _ in range(20)]
    found = [example(number, text, thumbnail=pictures[number % 20]) for number in range(count)]
    return sorted(found, key=lambda example: example.group)


def pictures(page: str) -> int:
    """The number of examples in a page."""
    return page.count(f"data:image/webp;base64,{base64.b64encode(b'RIFF').decode()[:4]}")
