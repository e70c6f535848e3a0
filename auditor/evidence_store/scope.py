"""How much of a dataset was examined for the evidence in a folder: a scan that examines less does not replace it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from auditor.config import Config
from auditor.types import Need

_DEPTHS = {Need.FILE: "opened", Need.PIXELS: "decoded"}


@dataclass(frozen=True, slots=True)
class Scope:
    """opened, decoded: the number of rows whose images are opened and decoded; None for every row. shards: the number
    of shards that are read, likewise. fetched: the number of rows whose images are fetched. is_sequential: these
    numbers are only the first ones."""

    detectors: tuple[str, ...] = ()
    opened: int | None = None
    decoded: int | None = None
    shards: int | None = None
    fetched: int = 0
    is_sequential: bool = False

    @classmethod
    def of_config(cls, config: Config) -> Scope:
        """What a scan with this configuration examines."""
        sampling, depth = config.sampling, config.scan.depth
        outside = sampling.depth_outside(depth) if sampling.rows else depth
        rows = {name: _rows(need, depth, outside, sampling.rows) for need, name in _DEPTHS.items()}
        return cls(
            detectors=config.scan.detectors,
            shards=sampling.sample_shards,
            fetched=sampling.fetch or 0,
            is_sequential=sampling.until_decided,
            **rows,
        )

    @classmethod
    def of(cls, content: Any) -> Scope | None:
        """The scope in a manifest; None if there is none, as in evidence of earlier versions."""
        if not isinstance(content, dict) or set(content) != {each.name for each in fields(cls)}:
            return None
        return cls(**{**content, "detectors": tuple(content["detectors"])})

    @property
    def plain(self) -> dict[str, Any]:
        """The values for a manifest."""
        return {**asdict(self), "detectors": list(self.detectors)}

    def lost_in(self, other: Scope) -> list[str]:
        """What evidence of this scope has and evidence of the other one would not have, in words."""
        lost = []
        if missing := [id for id in self.detectors if id not in other.detectors]:
            lost.append(f"detectors before and not now: {', '.join(missing)}")
        if other.fetched < self.fetched:
            lost.append(f"images of {self.fetched:,} rows fetched before, of {other.fetched:,} now")
        if not (other.fetched or self.fetched or (self.is_sequential and other.is_sequential)):
            for name in _DEPTHS.values():
                lost += _fewer(f"rows {name}", getattr(self, name), getattr(other, name))
        return lost + _fewer("shards read", self.shards, other.shards)


def _rows(need: Need, depth: Need, outside: Need, sample: int | None) -> int | None:
    """The number of rows that are opened at least that far; None for every row."""
    if outside >= need:
        return None
    return (sample or 0) if depth >= need else 0


def _fewer(what: str, before: int | None, now: int | None) -> list[str]:
    if now is None or (before is not None and before <= now):
        return []
    return [f"{what}: {'all' if before is None else f'{before:,}'} before, {now or 'none'} now"]
