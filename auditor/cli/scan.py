"""auditor scan"""

from __future__ import annotations

from typing import Any

import click

from auditor import registry
from auditor.cli import options
from auditor.cli.outcome import print_decision
from auditor.cli.streams import optional_output
from auditor.config import ANCHORS, DEPTHS, GENERATORS, OPTIONS, Config
from auditor.errors import NoSuchInput
from auditor.safe_text import safe_text


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
@click.option(
    "--out", default="audit", show_default=True, metavar="DIR", help="Folder for evidence and reports, or its URL."
)
@options.reading
@options.weighing
@click.option("--detectors", callback=_ids, metavar="ID,…", help="Run only these detectors.")
@click.option(
    "--with", "added", callback=_ids, metavar="ID,…", help="Also run these detectors, which are off by default."
)
@click.option("--without", callback=_ids, metavar="ID,…", help="Turn these detectors off.")
@click.option(
    "--depth",
    type=click.Choice(list(DEPTHS)),
    default="pixels",
    show_default=True,
    help="How far images are opened: not at all, metadata only, or decoded.",
)
@options.sampling
@click.option(
    "--max-bytes", type=click.IntRange(min=1), default=256 << 20, show_default=True, help="Largest file size."
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), default=100_000_000, show_default=True, help="Largest image size."
)
@click.option(
    "--max-seconds",
    type=options.Number(min=0.1),
    default=30.0,
    show_default=True,
    help="Time limit for decoding an image.",
)
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False),
    help="Error rates from `auditor calibrate`.  [default: the built-in ones]",
)
@options.embedding
@click.option(
    "--keep-vectors", is_flag=True, help="Store an embedding vector of each image, even if no detector needs it."
)
@click.option("--index", "indexes", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="Reference index to match images with (auditor index); repeatable.")  # fmt: skip
@click.option("--no-captions", is_flag=True, help="Do not search captions for marks of machine writers and of prompts.")
@click.option(
    "--human-captions",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Captions that people wrote, of the same kind as the dataset's (text, CSV, parquet): a second lower bound.",
)
@options.reference
@click.option(
    "--labels", type=click.Path(exists=True, dir_okay=False), help="Label file (auditor label) to base the estimate on."
)
@click.option(
    "--generators",
    type=click.Choice(GENERATORS),
    default=GENERATORS[0],
    show_default=True,
    help="State how many generators made the synthetic images: few, or many (4 to 16), which narrows the estimate.",
)
@click.option(
    "--anchors",
    type=click.Choice(ANCHORS),
    help="State that images of known origin (declared synthetic, camera settings) are like the others; this narrows "
    "the estimate.",
)
@click.option("--count-edited", is_flag=True, help="Count images that were edited with a generator as synthetic.")
@click.option("--seed", type=options.SEED, default=0, show_default=True, help="Seed of all random draws.")
@click.option(
    "--examples",
    type=click.IntRange(0, 1000),
    default=240,
    show_default=True,
    help="Rows that the report shows, with thumbnails of 96 pixels; 0: none.",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Choice([id for id in registry.table("reports") if id not in ("json", "html", "markdown")]),
    help="Also write this format to --out; repeatable.",
)
@options.jobs
@click.option(
    "--engine",
    type=click.Choice(list(registry.table("engines"))),
    default="processes",
    show_default=True,
    help="How work is distributed: not at all, over processes of this machine, or over a Ray cluster (RAY_ADDRESS).",
)
@click.option(
    "--num-cpus",
    type=options.Number(min=0, min_open=True),
    metavar="N",
    help="With --engine ray: CPUs that a worker reserves.  [default: 1]",
)
@click.option(
    "--num-gpus",
    type=options.Number(min=0),
    metavar="N",
    help="With --engine ray: GPUs that a worker reserves, whole or a fraction of one.  [default: 1 with --encoder if "
    "the cluster has GPUs, otherwise 0]",
)
@click.option("--restart", is_flag=True, help="Replace the evidence of another audit in --out.")
@options.deciding
@click.option("--json", "as_json", is_flag=True, help="Print audit.json instead of the summary.")
@click.option("--quiet", "-q", is_flag=True, help="Print only the last line.")
def command(inputs: tuple[str, ...], out: str, **given: Any) -> int:
    """Audit a dataset: folders, tables, tars, or URLs of them.

    Writes audit.json, report.html, summary.md and evidence/*.parquet to --out. The same command again does only what is
    missing. The exit code is the policy's decision.
    """
    import datetime

    import auditor
    from auditor.api.decisions import OUTPUTS
    from auditor.cli.progress import Progress
    from auditor.storage import files

    quiet = given["quiet"]
    run = {name: given[name] for name in ("policy", "baseline", "restart", "examples", "also")}
    config = configured(given)
    run["engine"] = options.engine_of(given)
    try:
        with Progress(quiet=quiet) as progress:
            if config.sampling.until_decided:
                stop = auditor.scan_until_decided(inputs, out=out, config=config, listener=progress, **run)
                audit = stop.audit
                click.echo(f"stopped: {safe_text(stop.reason, 400)}", err=True)
            else:
                audit = auditor.scan(inputs, out=out, config=config, listener=progress, **run)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'INPUTS...'") from error
    decision = auditor.decide(audit, run["policy"], baseline=run["baseline"], audited=datetime.date.today())
    with optional_output():
        if given["as_json"]:
            click.echo(auditor.render(audit, decision, "json"), nl=False)
        elif not quiet:
            click.echo(auditor.render(audit, decision, "terminal"))
    return print_decision(
        decision,
        report=files.join(out, OUTPUTS["html"]),
        inconclusive=given["inconclusive"],
        exit_zero=given["exit_zero"],
    )


def configured(given: dict[str, Any]) -> Config:
    """The configuration from the command's parameters, without those of the run and the output."""
    only, added, without = (given[name] for name in ("detectors", "added", "without"))
    chosen = {*(only or registry.default_detectors()), *added} - set(without)
    chosen_options = {name: value for name, value in given.items() if name in OPTIONS}
    return options.config_of({**chosen_options, "detectors": tuple(chosen), "depth": DEPTHS[given["depth"]]})
