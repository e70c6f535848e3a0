"""auditor scan"""

from __future__ import annotations

import difflib
from typing import Any

import click
from click.core import ParameterSource

from auditor import registry
from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.cli.outcome import print_decision, print_first_screen
from auditor.cli.streams import optional_output
from auditor.config import ANCHORS, DEPTHS, GENERATORS, OPTIONS, Config, without_sampling
from auditor.errors import NoSuchInput
from auditor.safe_text import safe_text


def _ids(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    ids = tuple(part.strip() for part in (value or "").split(",") if part.strip())
    unknown = [id for id in ids if id not in registry.table("detectors")]
    if unknown:
        close = difflib.get_close_matches(unknown[0], registry.table("detectors"), n=1)
        hint = f"did you mean {close[0]}?" if close else "`auditor explain` lists the detectors"
        raise click.BadParameter(f"no detector named '{unknown[0]}'; {hint}")
    return ids


_FORMATS = [id for id in registry.table("reports") if id not in ("json", "html", "markdown")]
_looking = option_group(
    "What to look for",
    option(
        "--depth",
        type=click.Choice(list(DEPTHS)),
        default="pixels",
        show_default=True,
        metavar="|".join(DEPTHS),
        help="How far to open images: not at all, metadata only, or decoded.",
    ),
    option("--detectors", callback=_ids, metavar="ID,…", help="Run only these detectors."),
    option("--with", "added", callback=_ids, metavar="ID,…", help="Also run these, which are off by default."),
    option("--without", callback=_ids, metavar="ID,…", help="Turn these off."),
    option(
        "--index",
        "indexes",
        multiple=True,
        type=click.Path(exists=True, file_okay=False),
        metavar="DIR",
        help="Match with a reference index; repeatable.",
    ),
    options.reference,
    option("--no-captions", is_flag=True, help="Do not search captions."),
    option(
        "--human-captions",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Human-written captions like the dataset's, for a second lower bound.",
    ),
)
_estimating = option_group(
    "Labels and models",
    option(
        "--labels", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Labels from `auditor label`."
    ),
    option(
        "--calibration",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help="Error rates from `auditor calibrate`.",
    ),
    option(
        "--generators",
        type=click.Choice(GENERATORS),
        default=GENERATORS[0],
        show_default=True,
        metavar="|".join(GENERATORS),
        help="State the number of generators; many (4 to 16) narrows the estimate.",
    ),
    option(
        "--anchors",
        type=click.Choice(ANCHORS),
        metavar="|".join(ANCHORS),
        help="State that images of known origin are like the others, which narrows the estimate.",
    ),
    option("--count-edited", is_flag=True, help="Count images edited by a generator as synthetic."),
    options.embedding,
    option("--keep-vectors", is_flag=True, help="Store a vector of each image."),
)
_writing = option_group(
    "Output",
    option("--out", default="audit", show_default=True, metavar="DIR", help="Folder or URL for the audit."),
    option(
        "--also",
        multiple=True,
        type=click.Choice(_FORMATS),
        metavar="FORMAT",
        help=f"Also write {options.either(_FORMATS)}; repeatable.",
    ),
    option(
        "--examples",
        type=click.IntRange(0, 1000),
        default=240,
        show_default=True,
        metavar="N",
        help="Images in the report, at most.",
    ),
    option("--restart", is_flag=True, help="Replace the audit in --out."),
    option("--json", "as_json", is_flag=True, help="Print audit.json instead of the summary."),
    option("--quiet", "-q", is_flag=True, help="Print only the last line."),
)
_running = option_group(
    "Run",
    options.jobs,
    option(
        "--engine",
        type=click.Choice(list(registry.table("engines"))),
        default="processes",
        show_default=True,
        metavar="NAME",
        help=f"{options.either(registry.table('engines'))} (at RAY_ADDRESS).",
    ),
    option("--num-cpus", type=options.Number(min=0, min_open=True), metavar="N",
           help="CPUs per Ray worker.  [default: 1]"),
    option(
        "--num-gpus",
        type=options.Number(min=0),
        metavar="N",
        help="GPUs per Ray worker.  [default: 1 with --encoder if the cluster has GPUs, otherwise 0]",
    ),
    option(
        "--max-bytes", type=click.IntRange(min=1), default=256 << 20, show_default=True, metavar="N",
        help="Largest file.",
    ),
    option(
        "--max-pixels", type=click.IntRange(min=1), default=100_000_000, show_default=True, metavar="N",
        help="Largest image.",
    ),
    option(
        "--max-seconds", type=options.Number(min=0.1), default=30.0, show_default=True, metavar="S",
        help="Time to decode an image.",
    ),
    layout.help_option,
)  # fmt: skip


@layout.command("scan")
@click.argument("inputs", nargs=-1)
@option_group("Input", options.reading, options.weighing)
@_looking
@option_group(
    "How much",
    options.sampling,
    option("--seed", type=options.SEED, default=0, show_default=True, metavar="N", help="Seed of all random draws."),
)
@_estimating
@option_group("Decision", options.deciding)
@_writing
@_running
def command(inputs: tuple[str, ...], out: str, **given: Any) -> int:
    """Audit a dataset: folders, tables, tars, or URLs of them.

    \b
    auditor scan photos/                        5,000 random images in detail
    auditor scan wds/ --sample all --policy policy.toml   every image, your limits
    auditor scan urls.parquet --fetch 2000      a random sample of a URL list

    Continues the audit in --out (without INPUTS, with its options too). Writes audit.json, report.html, summary.md. The
    exit code is the policy's decision.
    """
    import datetime

    import auditor
    from auditor.api.decisions import OUTPUTS
    from auditor.progress.progress import Progress
    from auditor.storage import files

    options.open_deciding(given)
    quiet = given["quiet"]
    run = {name: given[name] for name in ("baseline", "restart", "examples", "also")}
    run["engine"] = options.engine_of(given)
    try:
        config, run["policy"] = (configured(given), given["policy"]) if inputs else _continued(out, given)
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
            print_first_screen(auditor.render(audit, decision, "terminal", folder=out), decision)
    return print_decision(
        decision,
        report=files.join(out, OUTPUTS["html"]),
        inconclusive=given["inconclusive"],
        exit_zero=given["exit_zero"],
    )


def _continued(out: str, given: dict[str, Any]) -> tuple[Config, Any]:
    """The configuration and the policy that continue an audit. Raises NoSuchInput if there is none."""
    import auditor
    from auditor.api.decisions import continued_policy
    from auditor.audit import recorded_config

    with auditor.local_copy(out) as before:
        return configured(given, recorded_config(before)), given["policy"] or continued_policy(before)


def configured(given: dict[str, Any], before: Config | None = None) -> Config:
    """The configuration from the command's parameters, without those of the run and the output. before: the one that
    holds where no option was given."""
    chosen = {name: value for name, value in given.items() if name in OPTIONS}
    if before:
        new = {name: value for name, value in chosen.items() if _is_given(name)}
        kept = without_sampling(before.chosen) if without_sampling(new) != new else before.chosen  # one way to sample
        chosen = {**kept, **new}
    only, added, without = (given[name] for name in ("detectors", "added", "without"))
    usual = before.scan.detectors if before else registry.default_detectors()
    return options.config_of({**chosen, "detectors": tuple({*(only or usual), *added} - set(without))})


def _is_given(name: str) -> bool:
    """Whether a parameter of the current command was given."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT
