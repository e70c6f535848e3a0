"""The pipeline: inputs -> shards -> evidence -> audit.

plan       which reader, which shards, and which of them are done already
engine     the shards that are missing
summarise  all parts, old and new, into the numbers of an audit
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from auditor import __version__, files, fraction, gallery, readers, registry
from auditor.calibration import Calibration, dumps
from auditor.config import Config
from auditor.errors import CalibrationError, DatasetError, EvidenceError
from auditor.plugin import Engine, Input, Reader, Shard
from auditor.readers import listing
from auditor.results import SCHEMA, Audit, InputRecord, Population
from auditor.statistical import StatisticalDetector
from auditor.store import Part, Store, stored, write_atomically
from auditor.summary import summarise
from auditor.types import Need
from auditor.work import ShardDigest, ShardScan

TOOL = "mad-auditor"
CALIBRATION = "calibration.json"
Inputs = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has before it. kept: rows of shards that are done; redone: rows of those that no longer fit;
    dropped: rows of parts whose shard is gone."""

    inputs: tuple[tuple[Input, Reader], ...]
    shards: tuple[Shard, ...]
    todo: tuple[Shard, ...]
    kept: int = 0
    redone: int = 0
    dropped: int = 0


class Listener(Protocol):
    """Told how a run goes; the command line draws its progress bar from this."""

    def planned(self, plan: Plan) -> None:
        """Before the first shard."""

    def advanced(self, rows: int) -> None:
        """After each shard."""


class Silent:
    """A listener that draws nothing."""

    def planned(self, plan: Plan) -> None:
        """Nothing."""

    def advanced(self, rows: int) -> None:
        """Nothing."""


def run_audit(
    inputs: Inputs,
    out: Path,
    config: Config,
    engine: Engine,
    *,
    restart: bool = False,
    examples: int = 0,
    listener: Listener = Silent(),
) -> Audit:
    """Audit the inputs, keeping evidence in out/evidence. Raises AuditorError for what the user can mend.

    examples: how many rows are kept with small pictures, in out/gallery.parquet.
    """
    counting(config.detectors, config.calibration)
    for id in config.detectors:
        registry.load("detectors", id)().check()
    store = Store(out)
    with store.locked():
        chosen = choose(inputs, config)
        store.claim(owner(chosen), restart=restart)
        plan = make_plan(chosen, store, config)
        listener.planned(plan)
        work = ShardScan(out, config.detectors, config.depth, config.limits, config.digest())
        for result in engine.run(plan.todo, work):
            listener.advanced(result.rows)
        parts = {part.shard: part for part in store.parts()}
        lost = [shard.id for shard in plan.shards if shard.id not in parts]
        if lost:
            raise EvidenceError(f"{len(lost)} parts of evidence vanished while the audit ran: scan again")
        keep_calibration(out, config.calibration)
        audit = assemble(
            parts.values(), records(plan, parts), config.record(), config.seed, calibration=config.calibration
        )
        limits = config.limits if config.depth >= Need.PIXELS else None
        made_of = f"{audit.digests['dataset']} {config.digest()}"
        gallery.keep(out, parts.values(), plan.shards, limits, examples, made_of)
        return audit


def choose(inputs: Inputs, config: Config) -> tuple[tuple[Input, Reader], ...]:
    """Each input with the reader for it. Raises DatasetError."""
    files.forget()
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if not paths:
        raise DatasetError("no input")
    parsed = [listing.parse(path, config.read) for path in paths]
    if len(parsed) > 1:
        names = _distinct([input.name for input in parsed])
        parsed = [replace(x, name=name, prefix=f"{name}/") for x, name in zip(parsed, names, strict=True)]
    return tuple((input, readers.choose(input, config.input_format)) for input in parsed)


def _distinct(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return found


def owner(chosen: Iterable[tuple[Input, Reader]]) -> dict[str, Any]:
    """Whose evidence a folder holds: evidence of another owner is never mixed in."""
    return {
        "schema": SCHEMA,
        "tool": f"{TOOL} {__version__}",
        "inputs": [f"{input.name} ({reader.id})" for input, reader in chosen],
    }


def make_plan(chosen: Iterable[tuple[Input, Reader]], store: Store, config: Config) -> Plan:
    """Shards, and which of them have a part that fits: the same files, the same configuration."""
    chosen = tuple(chosen)
    shards = tuple(shard for input, reader in chosen for shard in reader.shards(input))
    digest = config.digest()
    there = {part.shard: part for part in store.parts()}
    fits = {
        shard.id
        for shard in shards
        if (part := there.get(shard.id)) and (part.stamp, part.config) == (shard.stamp, digest)
    }
    wanted = {shard.id for shard in shards}
    stale = [part for id, part in there.items() if id not in wanted]
    return Plan(
        inputs=chosen,
        shards=shards,
        todo=tuple(shard for shard in shards if shard.id not in fits),
        kept=sum(there[id].rows for id in fits),
        redone=store.drop(part for id, part in there.items() if id in wanted - fits),
        dropped=store.drop(stale),
    )


def records(plan: Plan, parts: Mapping[str, Part]) -> tuple[InputRecord, ...]:
    """Each input with its reader and its rows."""
    rows: dict[str, int] = {}
    for shard in plan.shards:
        rows[shard.input.name] = rows.get(shard.input.name, 0) + parts[shard.id].rows
    return tuple(InputRecord(input.name, reader.id, rows.get(input.name, 0)) for input, reader in plan.inputs)


def assemble(
    parts: Iterable[Part],
    inputs: tuple[InputRecord, ...],
    config: Mapping[str, Any],
    seed: int,
    *,
    calibration: Calibration | None = None,
) -> Audit:
    """The audit that parts of evidence add up to. calibration: instead of the one that ships with the model."""
    parts = list(parts)
    model = counting(config.get("detectors", ()), calibration)
    known = (calibration or model.calibration()) if model else None
    # The score is the chance by the detector's own line: the cutoff is in the same terms, whatever line a user's have.
    cutoff = (model.id, stored(model.chance(fraction.cutoff(known)))) if model and known else None
    summary = summarise((part.path for part in parts), count_edited=bool(config.get("count_edited")), cutoff=cutoff)
    estimate = None
    if known and cutoff and summary.flags:
        estimate = fraction.estimated(summary.floor, summary.flags, known, seed=seed, cutoff_score=cutoff[1])
    return Audit(
        tool={"name": TOOL, "version": __version__},
        inputs=inputs,
        digests={"dataset": dataset_digest(part.digest for part in parts)},
        config=config,
        seed=seed,
        counts=summary.counts,
        coverage=summary.coverage,
        detectors=summary.detectors,
        floor=summary.floor,
        estimate=estimate,
        strata=summary.strata,
        population=populations(parts),
        unreadable_reasons=summary.reasons,
        contradictions=summary.contradictions,
        facts=summary.facts,
    )


def keep_calibration(out: Path, calibration: Calibration | None) -> None:
    """Beside the evidence, so that it can be merged: a calibration of the user's own, or none."""
    path = Store(out).folder / CALIBRATION
    if calibration:
        write_atomically(path, dumps(calibration).encode())
    else:
        path.unlink(missing_ok=True)


def counting(detectors: Iterable[str], calibration: Calibration | None) -> StatisticalDetector | None:
    """The detector whose flags are counted: the one that was calibrated, or the first that ships counts of its errors.

    Raises CalibrationError where a calibration is for a detector that does not run.
    """
    found = [registry.load("detectors", id)() for id in detectors]
    models = [detector for detector in found if isinstance(detector, StatisticalDetector)]
    if calibration is None:
        return next((model for model in models if model.calibration()), None)
    for model in models:
        if model.id == calibration.detector:
            if calibration.sha256 != model.weights():
                raise CalibrationError(f"it counts errors of {calibration.model} with other weights: calibrate again")
            return model
    raise CalibrationError(f"it counts errors of {calibration.detector}, which does not run: --with adds a detector")


def populations(parts: Iterable[Part]) -> tuple[Population, ...]:
    """What traces that decided no single image say together."""
    sums: dict[str, tuple[int, Any]] = {}
    for part in parts:
        for id, (n, total) in part.traces.items():
            before, sum_before = sums.get(id, (0, 0.0))
            sums[id] = before + n, sum_before + total
    detectors = {id: registry.load("detectors", id)() for id in sorted(sums)}
    return tuple(found for id, detector in detectors.items() for found in detector.population(*sums[id]))


def dataset_digest(parts: Iterable[str]) -> str:
    """One digest of all parts' digests, whatever their order."""
    import hashlib

    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def digest_of(inputs: Inputs, config: Config, engine: Engine) -> str:
    """The digest that an audit of these inputs would record, read without decoding an image."""
    shards = [shard for input, reader in choose(inputs, config) for shard in reader.shards(input)]
    work = ShardDigest(config.depth, config.limits)
    return dataset_digest(result.digest for result in engine.run(shards, work))


def make_engine(jobs: int | None = None, name: str = "processes") -> Engine:
    """An engine with `jobs` workers (default: every core)."""
    engine: Engine = registry.load("engines", name)(jobs or os.cpu_count() or 1)
    return engine


DEPTHS = {"row": Need.ROW, "file": Need.FILE, "pixels": Need.PIXELS}
