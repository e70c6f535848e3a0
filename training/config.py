"""Where things lie: the inputs, the cache, the output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Inputs (read only), the cache of finished stages, and the shipped folder."""

    index: Path
    images: Path
    hard: Path
    rendered: Path
    weights: Path
    teacher: Path
    cache: Path
    out: Path
    decoder: Path | None = None

    def locate(self, path: str) -> Path:
        """The file behind a path of the table."""
        first, _, rest = path.partition("/")
        return {"hard": self.hard / rest, "rendered": self.rendered / rest}.get(first, self.images / path)
