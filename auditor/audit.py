"""The pipeline: inputs -> shards -> evidence -> audit.

plan       choose the reader and the shards; find the shards that are already done
engine     scan the missing shards
summarise  build the audit's numbers from all parts, old and new
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from auditor import __version__, audit_json, registry
from auditor.aggregate import kept as kept_audit
from auditor.config import USUAL_SAMPLE, Config, ReadOptions, SamplingConfig, encodes, option_of
from auditor.embeddings.embedded_encoder import SECONDS_PER_IMAGE
from auditor.errors import ConfigError, DatasetError, EvidenceError, NoSuchInput
from auditor.estimate.calibration import Calibration
from auditor.estimate.intervals import Interval
from auditor.evidence_store import calibration_file, kept
from auditor.evidence_store.scope import Scope
from auditor.evidence_store.store import Part, Store, dataset_digest
from auditor.gallery import thumbnails
from auditor.gallery.thumbnails import Opening
from auditor.plugin import Engine, Input, Reader, Shard
from auditor.readers import Inputs, absolute, choose
from auditor.readers.inventory import take_inventory
from auditor.resources import Resources
from auditor.results import SCHEMA, TOOL, Audit, Digests, InputRecord, Inventory
from auditor.sampling import planning, stratified
from auditor.sampling.rows import SamplePlan, ShardUrls, draw_simple_sample
from auditor.sampling.shards import ShardSamplePlan, sample_shards, with_two_stages
from auditor.scanning.shard_digest import ShardDigest
from auditor.scanning.shard_scan import ShardScan
from auditor.storage.output_folder import OutputFolder, PathLike
from auditor.types import Need
from auditor.values import converter, plain

if TYPE_CHECKING:
    from auditor.fetching.fetcher import Fetcher

_NO_IMAGES = "no row to sample: the manifest only has URLs (--fetch N fetches some of them)"
_EXPECTED_AT = (0.0, 0.15)  # synthetic fractions for which the expected interval of a sample is reported


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is going to do.

    kept: rows of shards that are done. redone: rows of parts that no longer match. dropped: rows of parts whose shard
    is gone. sample_plan: the sample of rows; None if every row is examined. part: the sample of shards; None if all are
    read. expected: synthetic fraction -> the interval that the estimate would have; in a sample of shards, the one for
    an intra-shard correlation of 0. apart: the same for a correlation of 1. seconds: that encoding images will take,
    about; None if none is encoded, or their number is unknown.
    """

    inputs: tuple[tuple[Input, Reader], ...]
    shards: tuple[Shard, ...]
    todo: tuple[Shard, ...]
    kept: int = 0
    redone: int = 0
    dropped: int = 0
    sample_plan: SamplePlan | None = None
    expected: Mapping[float, Interval] = field(default_factory=dict)
    part: ShardSamplePlan | None = None
    apart: Mapping[float, Interval] = field(default_factory=dict)
    seconds: float | None = None


class Listener(Protocol):
    """Receives the progress of a run; the command line draws its progress bar from it."""

    def planned(self, plan: Plan) -> None:
        """Called before the first shard."""

    def advanced(self, rows: int) -> None:
        """Called after each shard."""

    def incomplete(self, shards: int) -> None:
        """Called if a store failed while some shards were read: the next scan reads them again."""

    def fetching(self, urls: int) -> None:
        """Called before images are fetched."""

    def fetched(self) -> None:
        """Called after each image, whether it was fetched or failed."""

    def not_fetched(self, images: int) -> None:
        """Called after the last image if some failed for a transient reason (an outage)."""


class Silent:
    """A listener that does nothing."""

    def planned(self, plan: Plan) -> None:
        """Nothing."""

    def advanced(self, rows: int) -> None:
        """Nothing."""

    def incomplete(self, shards: int) -> None:
        """Nothing."""

    def fetching(self, urls: int) -> None:
        """Nothing."""

    def fetched(self) -> None:
        """Nothing."""

    def not_fetched(self, images: int) -> None:
        """Nothing."""


def run_audit(
    inputs: Inputs,
    out: Path | OutputFolder,
    config: Config,
    engine: Engine,
    *,
    restart: bool = False,
    examples: int = 0,
    listener: Listener = Silent(),
    fetcher: Fetcher | None = None,
) -> Audit:
    """Audit the inputs; evidence is kept in out/evidence. Raises AuditorError for problems that the user can fix.

    inputs: without any, those of the audit in `out`, where they were scanned.
    examples: number of rows saved with thumbnails in out/gallery.parquet. fetcher: replaces the default one.
    """
    resources = Resources.load(config)
    resources.check(config.scan)
    folder = out if isinstance(out, OutputFolder) else OutputFolder(out)
    inputs = inputs or _recorded_inputs(folder.path, config)
    given, config = config, resources.sized(config)
    with Store(out := folder.path).locked() as store:
        chosen = choose(inputs, config.scan.read)
        every_shard = all_shards(chosen)
        config = replace(config, sampling=with_two_stages(config.sampling, every_shard))
        shards, part = sampled(every_shard, config)
        store.claim(owner(chosen), restart=restart, scope=examined(shards, config))
        sample_plan = drawn(shards, config, engine)
        digest = resources.evidence_digest(config, sample_plan)
        store.record_scope(Scope.of_config(config), absolute(inputs), given.recorded)
        plan = make_plan(chosen, shards, store, digest, sample_plan)
        plan = replace(plan, part=part, seconds=encoding_seconds(plan, config, engine.workers))
        listener.planned(with_expectation(plan, resources.counted_calibration, config.scan.depth))
        cache = fetch(plan, engine, fetcher or _fetcher(restart), listener) if config.sampling.fetch else None
        task = shard_scan(folder.url, config, resources, digest, sample_plan, cache)
        parts = _done(plan, folder, task, engine, listener)
        _refuse_strange_vectors(parts.values(), resources)
        calibration_file.save(out, resources.calibration)
        digests = resources.digests(dataset_digest(parts.values()), part.names if part else None)
        audit = summed_up(plan, parts, out, config, resources, digests, take_inventory(chosen, every_shard))
        opening = Opening(config.scan.limits, sample_plan, cache) if config.scan.depth >= Need.PIXELS else None
        made_of = f"{digests.dataset} {digest}"
        thumbnails.save_gallery(out, parts.values(), plan.shards, opening, examples, made_of, audit)
        store.record_day(datetime.date.today())
        return audit


def _recorded_inputs(out: Path, config: Config) -> list[str]:
    """Where the dataset of an audit was. Raises NoSuchInput if the folder has none that says so, ConfigError if it was
    read with other options."""
    dataset = Store(out).dataset()
    if not dataset:
        raise NoSuchInput("name a dataset: --out has no audit that says where one is")
    before = recorded_config(out)
    if before.portable.scan.read != config.portable.scan.read:
        names = {option_of(option.name) for option in fields(ReadOptions)}
        used = [word for word in before.portable.command_line if word.partition("=")[0] in names]
        raise ConfigError(
            f"the audit read its dataset with other options ({' '.join(used) or 'none'}): give the same, or name the "
            "dataset"
        )
    return dataset


def recorded_config(out: Path) -> Config:
    """The configuration of the scan whose audit is in a folder, with absolute paths if they are known. Raises
    EvidenceError, AuditFileError."""
    recorded = Store(out).config()
    if recorded is None:
        return audit_json.read(out / "audit.json").config if (out / "audit.json").is_file() else Config.of()
    try:
        return converter().structure(recorded, Config)
    except Exception as error:  # cattrs raises a group of errors of many types
        raise EvidenceError(f"{out}: its manifest.json is damaged: name the dataset and the options") from error


def summed_up(
    plan: Plan,
    parts: Mapping[str, Part],
    out: Path,
    config: Config,
    resources: Resources,
    digests: Digests,
    inventory: Inventory,
) -> Audit:
    """The audit of these parts of evidence. The one that was kept for the same evidence, configuration and files of the
    user; only comparisons with a reference are always made again."""
    read, every_part = records(plan, parts), list(parts.values())
    settings = [kept.installed_code(), *map(plain, (config.portable, read, digests, plan.part, inventory))]
    made_of = kept.made_of(every_part, settings)
    if not resources.reference and (audit := kept_audit.load(out, made_of)):
        return audit
    from auditor.aggregate.build import EstimationInputs, build_audit
    from auditor.similarity import summary

    known = EstimationInputs(resources.calibration, resources.answers, plan.part, resources.human_captions)
    audit = build_audit(every_part, read, config, digests, known)
    audit = summary.add_similarity_results(audit, every_part, out, resources.reference)
    audit = replace(audit, inventory=inventory)
    if not resources.reference:
        kept_audit.save(out, made_of, audit)
    return audit


def gather(inputs: Inputs, out: Path, config: Config, engine: Engine, listener: Listener = Silent()) -> list[Part]:
    """Collect the evidence of every row, without an estimate; for reference indexes. Evidence of other inputs that an
    interrupted run has left is replaced. Raises AuditorError."""
    store = Store(out)
    with store.locked():
        chosen = choose(inputs, config.scan.read)
        store.claim(owner(chosen), restart=store.owner() not in (None, owner(chosen)))
        shards = all_shards(chosen)
        resources = Resources.load(config)
        digest = resources.evidence_digest(config)
        plan = make_plan(chosen, shards, store, digest, None)
        listener.planned(plan)
        task = shard_scan(out, config, resources, digest)
        return list(_done(plan, OutputFolder(out), task, engine, listener).values())


def shard_scan(
    out: PathLike,
    config: Config,
    resources: Resources,
    digest: str,
    sample_plan: SamplePlan | None = None,
    cache: Path | None = None,
) -> ShardScan:
    """The task that scans each shard. digest: covers all that decides the evidence."""
    return ShardScan(
        out, config.scan, digest, sample_plan, cache, resources.vectors, resources.indexes, counts=resources.read_by
    )


def _done(plan: Plan, out: OutputFolder, task: ShardScan, engine: Engine, listener: Listener) -> dict[str, Part]:
    """Every shard's part; missing ones are made first."""
    out.push()
    for result in engine.run(plan.todo, task):
        listener.advanced(result.rows)
    out.pull()
    parts = {part.shard: part for part in Store(out.path).parts()}
    lost = [shard.id for shard in plan.shards if shard.id not in parts]
    if lost:
        raise EvidenceError(f"{len(lost)} parts of evidence vanished while the audit ran: scan again")
    if incomplete := sum(parts[shard.id].is_incomplete for shard in plan.shards):
        listener.incomplete(incomplete)
    return parts


def _refuse_strange_vectors(parts: Iterable[Part], resources: Resources) -> None:
    """Raises DatasetError if existing vectors were given and no row has one: they belong to another dataset."""
    existing = resources.vectors.existing
    parts = list(parts)
    if existing and parts and not any(part.vectors for part in parts):
        rows = sum(part.rows for part in parts)
        raise DatasetError(
            f"{existing.folder} has a vector for none of the {rows:,} rows: its tables must name rows by key, path or "
            "URL, in columns of those names"
        )


def owner(chosen: Iterable[tuple[Input, Reader]]) -> dict[str, Any]:
    """What identifies the evidence of a folder: evidence of another tool or dataset is never mixed in."""
    return {
        "schema": SCHEMA,
        "tool": f"{TOOL} {__version__}",
        "inputs": [f"{input.name} ({reader.id})" for input, reader in chosen],
    }


def all_shards(chosen: Iterable[tuple[Input, Reader]]) -> tuple[Shard, ...]:
    """Every shard of the inputs. Raises DatasetError."""
    return tuple(shard for input, reader in chosen for shard in reader.shards(input))


def sampled(shards: tuple[Shard, ...], config: Config) -> tuple[tuple[Shard, ...], ShardSamplePlan | None]:
    """The shards to read, and the plan by which they were sampled."""
    max_shards = config.sampling.sample_shards
    if max_shards is None:
        return shards, None
    return sample_shards(shards, max_shards, config.seed)


def covers_all(shards: Iterable[Shard], sampling: SamplingConfig) -> bool:
    """Whether a sample of rows has every row of the shards, whose numbers of rows are known."""
    rows = [shard.rows for shard in shards]
    return sampling.rows is not None and None not in rows and sum(filter(None, rows)) <= sampling.rows


def examined(shards: Iterable[Shard], config: Config) -> Scope:
    """What a scan of these shards examines: every row, if the sample has every row."""
    sampling = config.sampling
    is_simple = not (sampling.sample_shards or sampling.fetch or sampling.until_decided)
    if is_simple and covers_all(shards, sampling):
        return Scope.of_config(replace(config, sampling=SamplingConfig()))
    return Scope.of_config(config)


def drawn(shards: Iterable[Shard], config: Config, engine: Engine) -> SamplePlan | None:
    """The sample that the configuration asks for; None if it covers every row. Raises DatasetError if no row can be
    sampled."""
    sampling = config.sampling
    shards = tuple(shards)
    if sampling.rows is None or covers_all(shards, sampling):
        return None
    if not sampling.fetch and not any(shard.has_images for shard in shards):
        if sampling.rows == USUAL_SAMPLE:
            return None
        raise DatasetError(_NO_IMAGES)
    draw = stratified.draw_stratified_sample if sampling.stratify else draw_simple_sample
    sample_plan = draw(
        shards,
        engine,
        rows=sampling.rows,
        seed=config.seed,
        depth_outside_sample=sampling.depth_outside(config.scan.depth),
        is_fetching=sampling.fetch is not None,
    )
    if not sample_plan.population_size and sampling.rows == USUAL_SAMPLE:
        return None
    if not sample_plan.population_size:
        raise DatasetError(_NO_IMAGES)
    return sample_plan if sample_plan.rows < sample_plan.population_size else None


def fetch(plan: Plan, engine: Engine, fetcher: Fetcher, listener: Listener) -> Path:
    """Fetch the images of the sample's URLs and return the fetcher's cache folder. Raises FetchError."""
    urls = {url for result in engine.run(plan.todo, ShardUrls(plan.sample_plan)) for url in result.urls}
    listener.fetching(len(urls))
    may_pass = 0
    for _, result in fetcher.fetch_all(sorted(urls)):
        may_pass += not isinstance(result, Path) and result.transient
        listener.fetched()
    if may_pass:
        listener.not_fetched(may_pass)
    return fetcher.cache


def _fetcher(again: bool) -> Fetcher:
    from auditor.fetching.fetcher import Fetcher  # only a scan that fetches imports what speaks HTTP

    return Fetcher(again=again)


def make_plan(
    chosen: tuple[tuple[Input, Reader], ...],
    shards: tuple[Shard, ...],
    store: Store,
    digest: str,
    sample_plan: SamplePlan | None = None,
) -> Plan:
    """The plan of a run. A shard is done if its part is of the same files and the same configuration (its digest), and
    no store failed while it was read."""
    parts = {part.shard: part for part in store.mended_parts()}
    done = {shard.id for shard in shards if (part := parts.get(shard.id)) and is_done(part, shard, digest)}
    wanted = {shard.id for shard in shards}
    stale = [part for id, part in parts.items() if id not in wanted]
    return Plan(
        inputs=chosen,
        shards=shards,
        sample_plan=sample_plan,
        todo=tuple(shard for shard in shards if shard.id not in done),
        kept=sum(parts[id].rows for id in done),
        redone=store.drop(part for id, part in parts.items() if id in wanted - done),
        dropped=store.drop(stale),
    )


def is_done(part: Part, shard: Shard, digest: str) -> bool:
    """Whether a part is what a scan of the shard would give."""
    return (part.version, part.config) == (shard.version, digest) and not part.is_incomplete


def records(plan: Plan, parts: Mapping[str, Part]) -> tuple[InputRecord, ...]:
    """Each input with its reader and its rows."""
    rows: dict[str, int] = {}
    for shard in plan.shards:
        rows[shard.input.name] = rows.get(shard.input.name, 0) + parts[shard.id].rows
    return tuple(InputRecord(input.name, reader.id, rows.get(input.name, 0)) for input, reader in plan.inputs)


def with_expectation(plan: Plan, calibration: Calibration | None, depth: Need) -> Plan:
    """The plan with the intervals to expect from its sample, by synthetic fraction; as it is if no image is decoded."""
    sample, part = plan.sample_plan, plan.part
    if depth < Need.PIXELS:
        return plan
    if calibration and part:
        rows = sample.rows if sample else None
        ranges = {at: planning.expected_interval_range(calibration, part.read, at, rows) for at in _EXPECTED_AT}
        alike, apart = ({share: pair[which] for share, pair in ranges.items()} for which in (0, 1))
        return replace(plan, expected=alike, apart=apart)
    if calibration and sample:
        rows, population = sample.rows, sample.population_size
        expected = {at: planning.expected_interval(calibration, rows, population, at) for at in _EXPECTED_AT}
        return replace(plan, expected=expected)
    return plan


def encoding_seconds(plan: Plan, config: Config, workers: int) -> float | None:
    """See Plan.seconds."""
    known = [shard.rows for shard in plan.todo]
    if (None in known and not plan.sample_plan) or not encodes(config.scan):
        return None
    rows = sum(rows or 0 for rows in known)
    if plan.sample_plan:
        rows = round(plan.sample_plan.rows * len(plan.todo) / max(1, len(plan.shards)))
    seconds: float = rows * SECONDS_PER_IMAGE / min(workers, max(1, len(plan.todo)))
    return seconds


def digests_of_data(inputs: Inputs, config: Config, engine: Engine) -> tuple[str, str | None]:
    """The digests that an audit of these inputs would record, computed without decoding an image."""
    shards, part = sampled(all_shards(choose(inputs, config.scan.read)), config)
    task = ShardDigest(config.scan.depth, config.scan.limits, drawn(shards, config, engine))
    return dataset_digest(engine.run(shards, task)), part.names if part else None


def make_engine(jobs: int | None = None, engine: str | Engine = "processes", **reserved: float | None) -> Engine:
    """The engine of this name, or the given one. jobs: number of workers (default: as processors and memory allow).
    reserved: num_cpus and num_gpus, which each worker reserves on a cluster. Raises AuditorError if the engine cannot
    run here, and ConfigError if it reserves nothing or for an impossible number of workers."""
    given = {name: amount for name, amount in reserved.items() if amount is not None}
    if isinstance(engine, Engine):
        return engine
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise ConfigError(f"`jobs` must be a whole number of at least 1, got {jobs!r:.40}")
    kind = registry.load("engines", engine)
    if given and not kind.can_reserve:
        raise ConfigError(f"`{next(iter(given))}`: `engine` {engine} runs on this machine and reserves nothing")
    made: Engine = kind(jobs, **given)
    return made
