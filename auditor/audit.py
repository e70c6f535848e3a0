"""The pipeline: inputs -> shards -> evidence -> audit.

plan       which reader, which shards, and which of them are done already
engine     the shards that are missing
summarise  all parts, old and new, into the numbers of an audit
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from auditor import __version__, registry
from auditor.aggregate.build import TOOL, EstimationInputs, build_audit, dataset_digest, save_calibration
from auditor.config import Config
from auditor.errors import DatasetError, EvidenceError
from auditor.estimate.calibration import Calibration
from auditor.estimate.intervals import Interval
from auditor.evidence_store.store import Part, Store
from auditor.fetching.fetcher import Fetcher
from auditor.gallery import thumbnails
from auditor.gallery.thumbnails import Opening
from auditor.plugin import Engine, Input, Reader, Shard
from auditor.readers import Inputs, choose
from auditor.resources import Resources
from auditor.results import SCHEMA, Audit, InputRecord
from auditor.sampling import planning, stratified
from auditor.sampling.rows import SamplePlan, ShardUrls, draw_simple_sample
from auditor.sampling.shards import ShardSamplePlan, sample_shards
from auditor.scanning.shard_scan import ShardDigest, ShardScan
from auditor.similarity import summary
from auditor.types import Need

_TOLD = (0.0, 0.15)  # fractions for which the interval to expect of a sample is told


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has before it.

    kept: rows of shards that are done; redone: rows of those that no longer fit; dropped: rows of parts whose shard is
    gone. draw: the sample, where not all rows are looked at in full; expected: the interval that its estimate would
    have if this fraction were synthetic. part: which part of the dataset `shards` are, where not all are read; expected
    is then what shards that are alike would give, apart what they would if each were all of a kind.
    """

    inputs: tuple[tuple[Input, Reader], ...]
    shards: tuple[Shard, ...]
    todo: tuple[Shard, ...]
    kept: int = 0
    redone: int = 0
    dropped: int = 0
    draw: SamplePlan | None = None
    expected: Mapping[float, Interval] = field(default_factory=dict)
    part: ShardSamplePlan | None = None
    apart: Mapping[float, Interval] = field(default_factory=dict)


class Listener(Protocol):
    """Told how a run goes; the command line draws its progress bar from this."""

    def planned(self, plan: Plan) -> None:
        """Before the first shard."""

    def advanced(self, rows: int) -> None:
        """After each shard."""

    def fetching(self, urls: int) -> None:
        """Before images are fetched."""

    def fetched(self) -> None:
        """After each of them, whether it could be had or not."""


class Silent:
    """A listener that draws nothing."""

    def planned(self, plan: Plan) -> None:
        """Nothing."""

    def advanced(self, rows: int) -> None:
        """Nothing."""

    def fetching(self, urls: int) -> None:
        """Nothing."""

    def fetched(self) -> None:
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
    fetcher: Fetcher | None = None,
) -> Audit:
    """Audit the inputs, keeping evidence in out/evidence. Raises AuditorError for what the user can mend.

    examples: how many rows are kept with small pictures, in out/gallery.parquet. fetcher: brings what config asks
    for, if another than the usual one.
    """
    resources = Resources.load(config)
    calibration = resources.counted_calibration
    resources.check(config.scan)
    config = resources.sized(config)
    store = Store(out)
    with store.locked():
        chosen = choose(inputs, config.scan.read)
        store.claim(owner(chosen), restart=restart)
        shards, part = shards_of(chosen, config)
        draw = drawn(shards, config, engine)
        digest = resources.evidence_digest(config, draw)
        plan = make_plan(chosen, shards, store, digest, draw)
        expected, apart = expectation(draw, part, calibration)
        listener.planned(replace(plan, expected=expected, part=part, apart=apart))
        cache = fetch(plan, engine, fetcher or Fetcher(), listener) if config.sampling.fetch else None
        work = shard_scan(out, config, resources, digest, draw, cache)
        parts = _done(plan, store, work, engine, listener)
        _refuse_strange_vectors(parts.values(), resources)
        save_calibration(out, resources.calibration)
        estimation_inputs = EstimationInputs(resources.calibration, resources.answers, part)
        digests = resources.digests(dataset_digest(one.digest for one in parts.values()), part.names if part else None)
        audit = build_audit(parts.values(), records(plan, parts), config, digests, estimation_inputs)
        audit = summary.added(audit, list(parts.values()), out, resources.reference)
        opening = Opening(config.scan.limits, draw, cache) if config.scan.depth >= Need.PIXELS else None
        made_of = f"{digests.dataset} {digest}"
        thumbnails.keep(out, parts.values(), plan.shards, opening, examples, made_of)
        return audit


def gather(inputs: Inputs, out: Path, config: Config, engine: Engine, listener: Listener = Silent()) -> list[Part]:
    """Evidence alone, of every row, with nothing concluded from it; for indexes. Raises AuditorError."""
    store = Store(out)
    with store.locked():
        chosen = choose(inputs, config.scan.read)
        store.claim(owner(chosen), restart=False)
        shards = tuple(shard for input, reader in chosen for shard in reader.shards(input))
        resources = Resources.load(config)
        digest = resources.evidence_digest(config)
        plan = make_plan(chosen, shards, store, digest, None)
        listener.planned(plan)
        work = shard_scan(out, config, resources, digest)
        return list(_done(plan, store, work, engine, listener).values())


def shard_scan(
    out: Path,
    config: Config,
    resources: Resources,
    digest: str,
    draw: SamplePlan | None = None,
    cache: Path | None = None,
) -> ShardScan:
    """What is done with each shard. digest: of what decides the evidence."""
    return ShardScan(
        out, config.scan, digest, draw, cache, resources.vectors, resources.indexes, counts=resources.read_by
    )


def _done(plan: Plan, store: Store, work: ShardScan, engine: Engine, listener: Listener) -> dict[str, Part]:
    """Every shard's part, after those that were missing were made."""
    for result in engine.run(plan.todo, work):
        listener.advanced(result.rows)
    parts = {part.shard: part for part in store.parts()}
    lost = [shard.id for shard in plan.shards if shard.id not in parts]
    if lost:
        raise EvidenceError(f"{len(lost)} parts of evidence vanished while the audit ran: scan again")
    return parts


def _refuse_strange_vectors(parts: Iterable[Part], resources: Resources) -> None:
    """Raises DatasetError where existing vectors were given and no row has one: they are of another dataset."""
    existing = resources.vectors.existing
    parts = list(parts)
    if existing and parts and not any(part.vectors for part in parts):
        rows = sum(part.rows for part in parts)
        raise DatasetError(
            f"{existing.folder} has a vector for none of the {rows:,} rows: rows are found by key, path or URL, by the "
            "tables' columns of those names"
        )


def owner(chosen: Iterable[tuple[Input, Reader]]) -> dict[str, Any]:
    """Whose evidence a folder holds: evidence of another owner is never mixed in."""
    return {
        "schema": SCHEMA,
        "tool": f"{TOOL} {__version__}",
        "inputs": [f"{input.name} ({reader.id})" for input, reader in chosen],
    }


def shards_of(
    chosen: Iterable[tuple[Input, Reader]], config: Config
) -> tuple[tuple[Shard, ...], ShardSamplePlan | None]:
    """The shards that are read, and which part of all they are. Raises DatasetError for one shard of several."""
    most = config.sampling.sample_shards
    shards = tuple(shard for input, reader in chosen for shard in reader.shards(input))
    if most is None:
        return shards, None
    if most < 2 <= len(shards):
        raise DatasetError("one shard does not tell how shards differ: sample two or more (--sample-shards)")
    return sample_shards(shards, most, config.seed)


def drawn(shards: Iterable[Shard], config: Config, engine: Engine) -> SamplePlan | None:
    """The sample that the configuration asks for; None where it takes in every row. Raises DatasetError where there is
    nothing to draw from."""
    sampling = config.sampling
    if sampling.rows is None:
        return None
    how = stratified.draw_stratified_sample if sampling.stratify else draw_simple_sample
    found = how(
        shards,
        engine,
        rows=sampling.rows,
        seed=config.seed,
        depth_outside_sample=sampling.depth_outside(config.scan.depth),
        is_fetching=sampling.fetch is not None,
    )
    if not found.population_size:
        raise DatasetError("no row to sample: the manifest gives URLs and no images (--fetch N brings some of them)")
    return found if found.rows < found.population_size else None


def fetch(plan: Plan, engine: Engine, fetcher: Fetcher, listener: Listener) -> Path:
    """Brings the images of the sample's URLs into the fetcher's cache; where that is. Raises FetchError."""
    wanted = {url for found in engine.run(plan.todo, ShardUrls(plan.draw)) for url in found.urls}
    listener.fetching(len(wanted))
    for _ in fetcher.fetch_all(sorted(wanted)):
        listener.fetched()
    return fetcher.cache


def make_plan(
    chosen: tuple[tuple[Input, Reader], ...],
    shards: tuple[Shard, ...],
    store: Store,
    digest: str,
    draw: SamplePlan | None = None,
) -> Plan:
    """Which shards have a part that fits: the same files, the same configuration (its digest)."""
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
        draw=draw,
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


def expectation(
    sample: SamplePlan | None, part: ShardSamplePlan | None, calibration: Calibration | None
) -> tuple[dict[float, Interval], dict[float, Interval]]:
    """What the sample's estimate may look like, told before the audit; of shards that are alike, and that are not."""
    if calibration and part:
        both = {share: planning.expected_interval_range(calibration, part.read, share) for share in _TOLD}
        return {share: alike for share, (alike, _) in both.items()}, {
            share: apart for share, (_, apart) in both.items()
        }
    if calibration and sample:
        return {
            share: planning.expected_interval(calibration, sample.rows, sample.population_size, share)
            for share in _TOLD
        }, {}
    return {}, {}


def digests_of_data(inputs: Inputs, config: Config, engine: Engine) -> tuple[str, str | None]:
    """The digests that an audit of these inputs would record of them, read without decoding an image."""
    shards, part = shards_of(choose(inputs, config.scan.read), config)
    work = ShardDigest(config.scan.depth, config.scan.limits, drawn(shards, config, engine))
    return dataset_digest(result.digest for result in engine.run(shards, work)), part.names if part else None


def make_engine(jobs: int | None = None, name: str = "processes") -> Engine:
    """An engine with `jobs` workers (default: every core)."""
    engine: Engine = registry.load("engines", name)(jobs or os.cpu_count() or 1)
    return engine
