"""auditor scan"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from auditor import registry
from auditor.cli import options
from auditor.cli.outcome import finish
from auditor.errors import NoSuchInput

if TYPE_CHECKING:
    from auditor.config import Config


def _ids(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    ids = tuple(part.strip() for part in (value or "").split(",") if part.strip())
    unknown = [id for id in ids if id not in registry.table("detectors")]
    if unknown:
        raise click.BadParameter(
            f"no detector named '{unknown[0]}'; there are: {', '.join(registry.table('detectors'))}"
        )
    return ids


@click.command("scan")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--out", default="audit", show_default=True, metavar="DIR", help="Folder for evidence and reports.")
@options.reading
@options.weighing
@click.option("--detectors", callback=_ids, metavar="ID,…", help="Only these detectors.")
@click.option("--with", "added", callback=_ids, metavar="ID,…", help="These too, which are not on by default.")
@click.option("--without", callback=_ids, metavar="ID,…", help="Not these.")
@click.option(
    "--depth",
    type=click.Choice(["row", "file", "pixels"]),
    default="pixels",
    show_default=True,
    help="How far an image is opened: not at all, its metadata, or decoded.",
)
@options.sampling
@click.option("--max-bytes", type=click.IntRange(min=1), default=256 << 20, show_default=True, help="Largest file.")
@click.option("--max-pixels", type=click.IntRange(min=1), default=100_000_000, show_default=True, help="Largest image.")
@click.option("--max-seconds", type=options.Number(min=0.1), default=30.0, show_default=True, help="Longest decode.")
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False),
    help="Error counts of your own (auditor calibrate).  [default: the model's]",
)
@options.embedding
@click.option("--bank", "banks", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="Recognise the images of this bank (auditor index); may be given again.")  # fmt: skip
@options.reference
@click.option(
    "--labels", type=click.Path(exists=True, dir_okay=False), help="Labels of people, which the estimate then rests on."
)
@click.option("--count-edited", is_flag=True, help="Count images with a generated part as synthetic.")
@click.option("--seed", type=options.SEED, default=0, show_default=True, help="For everything drawn at random.")
@click.option(
    "--examples",
    type=click.IntRange(0, 1000),
    default=240,
    show_default=True,
    help="Rows that the report shows, with pictures of 96 pixels; 0: none.",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Choice([id for id in registry.table("reports") if id not in ("json", "html", "markdown")]),
    help="Write this format to --out too; repeatable.",
)
@options.jobs
@click.option(
    "--engine",
    type=click.Choice(list(registry.table("engines"))),
    default="processes",
    show_default=True,
    help="How work is spread.",
)
@click.option("--restart", is_flag=True, help="Replace evidence of another audit in the same folder.")
@options.deciding
@click.option("--json", "as_json", is_flag=True, help="Print audit.json instead of the summary.")
@click.option("--quiet", "-q", is_flag=True, help="Print the last line only.")
def command(inputs: tuple[str, ...], out: str, **given: Any) -> int:
    """Audit a dataset: folders, tables, tars or URLs of them.

    Writes audit.json, report.html, summary.md and evidence/*.parquet to --out; the same command again does only what
    is missing. Exits with the policy's decision.
    """
    import datetime
    from pathlib import Path

    from auditor import api
    from auditor.cli.progress import Progress

    quiet, as_json = given.pop("quiet"), given.pop("as_json")
    tolerate = {name: given.pop(name) for name in ("inconclusive", "exit_zero")}
    run = {name: given.pop(name) for name in ("policy", "baseline", "jobs", "engine", "restart", "examples", "also")}
    until_decided = given.pop("until_decided")
    config = _bounded(given.pop("margin"), until_decided, _config(given))
    try:
        with Progress(quiet=quiet) as progress:
            if until_decided:
                stop = api.scan_until_decided(inputs, out=out, config=config, listener=progress, **run)
                audit = stop.audit
                click.echo(f"stopped: {stop.reason}", err=True)
            else:
                audit = api.scan(inputs, out=out, config=config, listener=progress, **run)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'INPUTS...'") from error
    decision = api.decide(audit, run["policy"], baseline=run["baseline"], audited=datetime.date.today())
    if as_json:
        click.echo(api.render(audit, decision, "json"), nl=False)
    elif not quiet:
        click.echo(api.render(audit, decision, "terminal"))
    return finish(decision, where=str(Path(out) / api.OUTPUTS["html"]), **tolerate)


def _bounded(margin: float | None, until_decided: bool, config: Config) -> Config:
    """The configuration with as many rows as a margin needs."""
    from dataclasses import replace

    from auditor import api
    from auditor.types import Need

    is_sample = bool(margin or config.sample or config.sample_shards or config.fetch or until_decided)
    if config.read.weight_col and is_sample:
        raise click.UsageError("--weight-col: samples are drawn with equal chances; audit every row, or leave it out")
    if config.sample_shards and (margin or config.sample or config.fetch or until_decided or config.is_bounding_files):
        raise click.UsageError("--sample-shards K is a sample of its own: leave the other options of samples out")
    if config.stratify and (until_decided or not (margin or config.sample or config.fetch)):
        raise click.UsageError("--stratify shares a sample out: give --sample N, --margin SHARE or --fetch N")
    if margin and config.sample:
        raise click.UsageError("--margin says how many rows; so does --sample")
    if config.fetch and (margin or config.sample or until_decided or config.is_bounding_files):
        raise click.UsageError("--fetch N is a sample of its own: leave the other options of samples out")
    if until_decided and (margin or config.labels):
        raise click.UsageError("--until-decided finds the number of rows itself, from what the model says")
    if config.is_bounding_files and not (margin or config.sample):
        raise click.UsageError("--sample-files bounds a sample: give --sample N or --margin SHARE")
    if config.depth < Need.PIXELS and (margin or config.sample) and not (config.is_bounding_files or until_decided):
        raise click.UsageError("--sample bounds decoding, and this --depth decodes nothing: add --sample-files")
    return replace(config, sample=api.rows_for(margin, config)) if margin else config


def _config(given: dict[str, Any]) -> Config:
    from auditor import api
    from auditor.api.labels import labels_of
    from auditor.audit import DEPTHS
    from auditor.config import Config
    from auditor.images.decode import Limits
    from auditor.similarity import reference as references
    from auditor.similarity.recognising import Banks

    own, reference, labels = given.pop("calibration"), given.pop("reference"), given.pop("labels")
    only, added, without = given.pop("detectors"), given.pop("added"), given.pop("without")
    chosen = {*(only or registry.default_detectors()), *added} - set(without)
    return Config(
        detectors=tuple(id for id in registry.table("detectors") if id in chosen),
        depth=DEPTHS[given.pop("depth")],
        limits=Limits(**{name: given.pop(name) for name in ("max_bytes", "max_pixels", "max_seconds")}),
        read=options.take_reading(given),
        vectors=options.take_vectors(given),
        reference=references.parse(reference) if reference else None,
        banks=Banks(tuple(given.pop("banks"))),
        calibration=api.read_calibration(own) if own else None,
        labels=tuple(labels_of(labels)) if labels else (),
        is_bounding_files=given.pop("sample_files"),
        **given,
    )
