"""Options that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor import registry
from auditor.cli.layout import option
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
    for add in reversed(options):
        function = add(function)
    return function


def either(names: Iterable[str]) -> str:
    """The names as `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def reading(function: F) -> F:
    """Options on how inputs are read; `take_reading` makes ReadOptions of them."""
    formats = list(registry.table("readers"))
    return _all(
        function,
        option(
            "--input-format",
            type=click.Choice(formats),
            metavar="FORMAT",
            help=f"Read inputs as {either(formats)}.  [default: detected]",
        ),
        option("--image-col", metavar="NAME", help="Column with image paths or bytes."),
        option("--url-col", metavar="NAME", help="Column with URLs."),
        option("--caption-col", metavar="NAME", help="Column with captions."),
        option("--id-col", metavar="NAME", help="Column with unique keys."),
        option("--declared-col", metavar="NAME", help="Column that says whether an image is synthetic."),
        option("--delimiter", metavar="CHAR", help="Delimiter in csv, or `tab`.  [default: guessed]"),
        option(
            "--base-dir",
            type=click.Path(exists=True, file_okay=False),
            metavar="DIR",
            help="Folder of relative paths.  [default: the table's]",
        ),
        option("--follow-links", is_flag=True, help="Follow links that lead out of the dataset."),
    )


weighing = option("--weight-col", metavar="NAME", help="Column with how often training sees each row.")


def take_reading(options: dict[str, Any]) -> ReadOptions:
    """The ReadOptions among a command's options; removes them from `options`."""
    return ReadOptions(**{name: options.pop(name) for name in _READING if name in options})


def sampling(function: F) -> F:
    """Options on which rows are checked in full: the fields of SamplingConfig."""
    return _all(
        function,
        option(
            "--sample",
            "--model-rows",
            "sample",
            type=SampleSize(),
            metavar="N|all",
            help="Decode and classify only N random rows; metadata are read of every row.  "
            f"[default: {USUAL_SAMPLE}; all with --weight-col, --index or --keep-vectors]",
        ),
        option(
            "--margin",
            type=Number(min=0, max=0.5, min_open=True),
            metavar="SHARE",
            help="Choose N for a sampling error of ± SHARE.",
        ),
        option("--until-decided", is_flag=True, help="Sample more rows until the policy is decided."),
        option(
            "--fetch",
            type=click.IntRange(min=1),
            metavar="N",
            help="Fetch and audit only N random rows of URLs.",
        ),
        option(
            "--sample-shards",
            type=click.IntRange(min=2),
            metavar="K",
            help="Read only K random shards (tars, pieces of tables).  "
            f"[default: all; {USUAL_SHARDS} for --fetch from over {MANY_ROWS // 10**6} million rows]",
        ),
        option(
            "--stratify",
            type=click.Choice(STRATA),
            metavar="|".join(STRATA),
            help="Sample each domain in proportion to its rows.",
        ),
        option("--sample-files", is_flag=True, help="Do not open the files of other rows at all."),
    )


def deciding(function: F) -> F:
    """Options on the decision and the exit code."""
    return _all(
        function,
        option(
            "--policy",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Policy in TOML (`auditor doctor --policy`).",
        ),
        option(
            "--baseline",
            type=AuditPath(with_evidence=False),
            metavar="AUDIT",
            help="Previous audit, for the rule `increase`.",
        ),
        option(
            "--inconclusive",
            type=click.Choice(["fail", "warn", "pass"]),
            default="fail",
            show_default=True,
            metavar="CHOICE",
            help="If inconclusive, fail (exit 4), or warn or pass (exit 0).",
        ),
        option("--exit-zero", is_flag=True, help="Exit 0 whatever the decision is."),
    )


def open_deciding(given: dict[str, Any]) -> None:
    """Replaces the paths of the policy and the baseline by what they hold: a run may write where they are, and a pipe
    is read once. Raises PolicyError, AuditFileError."""
    from auditor.api.decisions import load, read_policy

    given["policy"] = given["policy"] and read_policy(given["policy"])
    given["baseline"] = given["baseline"] and load(given["baseline"])


def embedding(function: F) -> F:
    """Options on the images' embedding vectors."""
    return _all(
        function,
        option(
            "--encoder",
            metavar="NAME",
            help="Also encode with an open_clip model: local-dir:FOLDER, ARCHITECTURE:FILE.safetensors or "
            "open_clip:ARCHITECTURE/PRETRAINED.",
        ),
        option(
            "--embeddings",
            type=click.Path(exists=True, file_okay=False),
            metavar="DIR",
            help="Use the vectors of clip-retrieval or DataComp here.",
        ),
        option(
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


reference = option(
    "--reference",
    metavar="DIR|before:YEAR",
    callback=_reference,
    help="Compare diversity with an index, an audit, or the dataset's own images from before a year.",
)
jobs = option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes.  [default: as many as fit]",
)
