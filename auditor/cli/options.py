"""Options that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor import registry
from auditor.config import BEFORE, MANY_ROWS, STRATA, USUAL_SAMPLE, USUAL_SHARDS, Config, ReadOptions, option_of
from auditor.errors import ConfigError, NoSuchInput

if TYPE_CHECKING:
    from auditor.plugin import Engine

F = TypeVar("F", bound=Callable[..., Any])
ALL = "all"  # the size of a sample of every row
SEED = click.IntRange(0, 2**32 - 1)  # the range that all random generators accept
_READING = tuple(each.name for each in fields(ReadOptions))


class Number(click.FloatRange):
    """A finite float in a range; click's own ranges accept nan and infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As the base class does; fails for values that are not finite."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"must be a finite number, got {value!r}.", param, ctx)
        return number


class AuditPath(click.Path):
    """The path of an audit: its folder or audit.json; or its URL on a store, of which the command gets a temporary
    copy. What was given is in the context's `meta`, under the parameter's name."""

    def __init__(self, *, file_okay: bool = True, with_evidence: bool = True) -> None:
        super().__init__(exists=True, file_okay=file_okay)
        self._with_evidence = with_evidence

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As the base class does, for what is on this machine."""
        if "://" not in str(value) or ctx is None or param is None:
            return super().convert(value, param, ctx)
        from auditor.storage.output_folder import local_copy

        ctx.meta[str(param.name)] = value
        with_evidence = self._with_evidence or bool(ctx.params.get("labels"))
        try:
            return str(ctx.with_resource(local_copy(value, with_evidence=with_evidence)))
        except NoSuchInput as error:
            self.fail(str(error), param, ctx)


class SampleSize(click.IntRange):
    """A number of rows, or `all` (ALL)."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or ALL."""
        return ALL if value == ALL else super().convert(value, param, ctx)


def _all(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def reading(function: F) -> F:
    """Options on how inputs are read; `take_reading` makes ReadOptions of them."""
    return _all(
        function,
        click.option(
            "--input-format",
            type=click.Choice(list(registry.table("readers"))),
            help="Read the inputs as this format.  [default: detected]",
        ),
        click.option("--image-col", metavar="NAME", help="Column with image paths or bytes."),
        click.option("--url-col", metavar="NAME", help="Column with URLs."),
        click.option("--caption-col", metavar="NAME", help="Column with captions."),
        click.option("--id-col", metavar="NAME", help="Column with unique keys."),
        click.option("--declared-col", metavar="NAME", help="Column that says whether an image is synthetic."),
        click.option(
            "--delimiter",
            metavar="CHAR",
            help="Delimiter of csv files and the like; `tab` for a tab.  [default: guessed]",
        ),
        click.option(
            "--base-dir",
            type=click.Path(exists=True, file_okay=False),
            help="Folder of a table's relative image paths.  [default: the table's folder]",
        ),
        click.option("--follow-links", is_flag=True, help="Follow links that lead out of the dataset's folder."),
    )


def weighing(function: F) -> F:
    """The option on row weights; one of ReadOptions."""
    return _all(
        function,
        click.option(
            "--weight-col",
            metavar="NAME",
            help="Column with row weights: how often training sees each row.  [default: equal weights]",
        ),
    )


def take_reading(options: dict[str, Any]) -> ReadOptions:
    """The ReadOptions among a command's options; removes them from `options`."""
    return ReadOptions(**{name: options.pop(name) for name in _READING if name in options})


def sampling(function: F) -> F:
    """Options on which rows are checked in full: the fields of SamplingConfig."""
    return _all(
        function,
        click.option(
            "--sample",
            "--model-rows",
            "sample",
            type=SampleSize(),
            metavar="N|all",
            help="Decode only N random rows, and show only them to the classifier; metadata are read of every row.  "
            f"[default: {USUAL_SAMPLE}, or all where rows have weights or each image is matched or gets a vector]",
        ),
        click.option(
            "--margin",
            type=Number(min=0, max=0.5, min_open=True),
            metavar="SHARE",
            help="Choose the size of the sample for a sampling error of ± SHARE (0.01 is one percentage point).",
        ),
        click.option(
            "--stratify",
            type=click.Choice(STRATA),
            help="Stratify the sample by domain, in proportion to their rows.",
        ),
        click.option(
            "--sample-shards",
            type=click.IntRange(min=2),
            metavar="K",
            help="Read only K random shards (tars, pieces of tables): each in full, or the rows that --sample, "
            f"--margin or --fetch draws from them.  [default: all; {USUAL_SHARDS} for --fetch from over "
            f"{MANY_ROWS // 10**6} million rows]",
        ),
        click.option("--sample-files", is_flag=True, help="With --sample: skip metadata checks of unsampled files."),
        click.option(
            "--fetch",
            type=click.IntRange(min=1),
            metavar="N",
            help="Fetch and audit only N random rows of a manifest of URLs.",
        ),
        click.option(
            "--until-decided", is_flag=True, help="Sample more and more rows until the policy can be decided."
        ),
    )


def deciding(function: F) -> F:
    """Options on the decision and the exit code."""
    return _all(
        function,
        click.option(
            "--policy",
            type=click.Path(exists=True, dir_okay=False),
            help="Policy file in TOML.  [default: the default policy]",
        ),
        click.option("--baseline", type=AuditPath(with_evidence=False), help="Previous audit for the rule `increase`."),
        click.option(
            "--inconclusive",
            type=click.Choice(["fail", "warn", "pass"]),
            default="fail",
            show_default=True,
            help="Exit code if the policy is inconclusive: 4 (fail) or 0 (warn, pass); audit.json is the same.",
        ),
        click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the decision is: report only."),
    )


def embedding(function: F) -> F:
    """Options on the images' embedding vectors."""
    return _all(
        function,
        click.option(
            "--encoder",
            metavar="NAME",
            help="Also encode with this open_clip model: local-dir:FOLDER, ARCHITECTURE:FILE.safetensors, "
            "open_clip:ARCHITECTURE/PRETRAINED.",
        ),
        click.option(
            "--embeddings",
            type=click.Path(exists=True, file_okay=False),
            help="Use existing vectors instead: clip-retrieval's img_emb/ and metadata/, or DataComp's .npz.",
        ),
        click.option(
            "--embeddings-model",
            metavar="NAME",
            help="Model of these vectors; for DataComp, the array.  [default: l14_img]",
        ),
    )


def config_of(options: dict[str, Any]) -> Config:
    """A command's options as a configuration. Raises UsageError, which names options as typed on the command line."""
    if "sample" in options:
        sample = options.pop("sample")
        options |= {} if sample is None else {"sample": None if sample == ALL else sample}
    with _naming_options():
        return Config.of(**options)


def engine_of(options: Mapping[str, Any]) -> Engine:
    """The engine of a command's options. Raises UsageError likewise, and AuditorError if it cannot run here."""
    from auditor.audit import make_engine

    with _naming_options():
        return make_engine(options["jobs"], options["engine"], **{n: options[n] for n in ("num_cpus", "num_gpus")})


@contextmanager
def _naming_options() -> Iterator[None]:
    """Makes a ConfigError a UsageError, which names options as typed on the command line."""
    try:
        yield
    except ConfigError as error:
        raise click.UsageError(re.sub(r"`(\w+)`", lambda match: option_of(match[1]), str(error))) from error


def _reference(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The value. Raises BadParameter unless it is a folder or a year."""
    from pathlib import Path

    if value is not None and not value.startswith(BEFORE) and not Path(value).is_dir():
        raise click.BadParameter(f"must be a folder or a year ({BEFORE}2021), got {value}")
    return value


reference = click.option(
    "--reference",
    metavar="DIR|before:YEAR",
    callback=_reference,
    help="Compare diversity with this reference index or audit, or with the dataset's own images from before a year.",
)
jobs = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Number of worker processes.  [default: as processors and memory allow]",
)
