"""Options that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from auditor import registry
from auditor.config import BEFORE, Config, ReadOptions, option_of
from auditor.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])
SEED = click.IntRange(0, 2**32 - 1)  # what all that draws can take
_READING = tuple(one.name for one in fields(ReadOptions))


class Number(click.FloatRange):
    """A float in a range; no nan, which no range of click's keeps out, and no infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As the base class does. Fails for what is not finite."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number.", param, ctx)
        return found


def _all(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def reading(function: F) -> F:
    """How inputs are read; `take_reading` makes ReadOptions of them."""
    return _all(
        function,
        click.option(
            "--input-format",
            type=click.Choice(list(registry.table("readers"))),
            help="Read the inputs as this format, whatever they look like.",
        ),
        click.option("--image-col", metavar="NAME", help="Column with image paths or bytes."),
        click.option("--url-col", metavar="NAME", help="Column with URLs."),
        click.option("--caption-col", metavar="NAME", help="Column with captions."),
        click.option("--id-col", metavar="NAME", help="Column with unique keys."),
        click.option("--declared-col", metavar="NAME", help="Column that declares whether an image is synthetic."),
        click.option(
            "--base-dir",
            type=click.Path(exists=True, file_okay=False),
            help="Folder that a table's image paths are below.  [default: the table's own]",
        ),
        click.option("--follow-links", is_flag=True, help="Read links that leave the dataset's folder."),
    )


def weighing(function: F) -> F:
    """What rows count; belongs to how inputs are read."""
    return _all(
        function,
        click.option(
            "--weight-col",
            metavar="NAME",
            help="Column that says how much each row counts: how often training sees it.  [default: all the same]",
        ),
    )


def take_reading(options: dict[str, Any]) -> ReadOptions:
    """The ReadOptions among a command's options, taken out of them."""
    return ReadOptions(**{name: options.pop(name) for name in _READING if name in options})


def sampling(function: F) -> F:
    """Which rows are looked at in full: the fields of SamplingConfig."""
    return _all(
        function,
        click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Decode N rows only, drawn at random."),
        click.option(
            "--margin",
            type=Number(min=0, max=0.5, min_open=True),
            metavar="SHARE",
            help="As many rows as keep chance within ± SHARE (0.01 is one point).",
        ),
        click.option(
            "--stratify",
            type=click.Choice(["domain"]),
            help="Share the sample out among domains, in proportion to their rows.",
        ),
        click.option(
            "--sample-shards",
            type=click.IntRange(min=2),
            metavar="K",
            help="Read K whole shards only (tars, pieces of tables), drawn at random.",
        ),
        click.option("--sample-files", is_flag=True, help="Do not open other files at all."),
        click.option(
            "--fetch",
            type=click.IntRange(min=1),
            metavar="N",
            help="Fetch and audit N rows of a manifest of URLs, drawn at random; no other.",
        ),
        click.option(
            "--until-decided", is_flag=True, help="Sample more and more rows, until the policy can be decided."
        ),
    )


def deciding(function: F) -> F:
    """How a decision becomes an exit code."""
    return _all(
        function,
        click.option("--policy", type=click.Path(exists=True, dir_okay=False), help="Policy in TOML."),
        click.option(
            "--baseline", type=click.Path(exists=True), help="Audit that a rule on the increase compares with."
        ),
        click.option(
            "--inconclusive",
            type=click.Choice(["fail", "warn", "pass"]),
            default="fail",
            show_default=True,
            help="An inconclusive policy exits 4 (fail) or 0; audit.json says inconclusive either way.",
        ),
        click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the policy says: report only."),
    )


def embedding(function: F) -> F:
    """Which vectors are kept of the images."""
    return _all(
        function,
        click.option(
            "--encoder",
            metavar="NAME",
            help="Encode with this open_clip model too: local-dir:FOLDER, ARCHITECTURE:FILE.safetensors, "
            "open_clip:ARCHITECTURE/PRETRAINED.",
        ),
        click.option(
            "--embeddings",
            type=click.Path(exists=True, file_okay=False),
            help="Vectors made already, instead: clip-retrieval's img_emb/ and metadata/, or DataComp's .npz.",
        ),
        click.option(
            "--embeddings-model", metavar="NAME", help="What made them; of DataComp the array.  [default: l14_img]"
        ),
    )


def config_of(options: dict[str, Any]) -> Config:
    """A command's options as a configuration. Raises UsageError, which names options as they are typed."""
    try:
        return Config.of(**options)
    except ConfigError as error:
        raise click.UsageError(re.sub(r"`(\w+)`", lambda found: option_of(found[1]), str(error))) from error


def _reference(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """As given. Raises BadParameter for neither a folder nor a year."""
    from pathlib import Path

    if value is not None and not value.startswith(BEFORE) and not Path(value).is_dir():
        raise click.BadParameter(f"{value}: no such folder; or name a year: {BEFORE}2021")
    return value


reference = click.option(
    "--reference",
    metavar="DIR|before:YEAR",
    callback=_reference,
    help="Hold the images' diversity against this index, this audit's images, or the dataset's own of before a year.",
)
jobs = click.option("--jobs", "-j", type=click.IntRange(min=1), help="Worker processes.  [default: every core]")
