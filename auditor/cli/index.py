"""auditor index"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import options
from auditor.errors import NoSuchInput
from auditor.safe_text import safe_text


@click.group("index")
def command() -> None:
    """Reference indexes: known images, to be recognised by `auditor scan --index`."""


def _filling(function: Any) -> Any:
    for option in reversed((
        click.argument("index", type=click.Path(file_okay=False)),
        click.argument("inputs", nargs=-1),
        click.option("--kind", type=click.Choice(["synthetic", "real"]), default="synthetic", show_default=True,
                     help="What is known of the images."),
        click.option("--audit", "audits", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
                     help="Take the vectors of this audit; may be given again."),
        click.option("--declared-only", is_flag=True,
                     help="Of audits only images that declared or matched evidence calls synthetic."),
        click.option("--digests", multiple=True, type=click.Path(exists=True, dir_okay=False), metavar="FILE",
                     help="sha256 digests, one a line, or a parquet's column sha256; may be given again."),
        options.embedding,
        options.reading,
        options.jobs,
        click.option("--quiet", "-q", is_flag=True, help="Print nothing."),
    )):  # fmt: skip
        function = option(function)
    return function


@command.command("build")
@_filling
def build(index: str, **given: Any) -> int:
    """Make a INDEX of the images in INPUTS. The same command goes on where it was interrupted."""
    from pathlib import Path

    from auditor.similarity.reference_index import exists

    if exists(Path(index)):
        raise click.UsageError(f"{index} is an index already: `auditor index add` adds to it")
    return _fill(index, given)


@command.command("add")
@_filling
def add(index: str, **given: Any) -> int:
    """Add the images in INPUTS to a INDEX."""
    import auditor

    auditor.index_metadata(index)
    return _fill(index, given)


@command.command("info")
@click.argument("index", type=click.Path(exists=True, file_okay=False))
def info(index: str) -> int:
    """What a INDEX holds."""
    import auditor

    facts = auditor.index_metadata(index)
    click.echo(f"kind        {facts.kind}\nimages      {facts.rows:,}\ndigests     {facts.hashes:,}")
    click.echo(f"vectors     {f'{facts.fingerprint}, {facts.dimension} dimensions' if facts.fingerprint else 'none'}")
    click.echo(f"thumbnails  {'yes' if facts.pixels else 'no'}\ngeneration  {facts.generation}")
    return 0


@command.command("search")
@click.argument("index", type=click.Path(exists=True, file_okay=False))
@click.argument("image", type=click.Path(exists=True, dir_okay=False))
@click.option("--nearest", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many.")
@click.option("--encoder", metavar="NAME", help="The open_clip model that the index was made with.")
def search(index: str, image: str, nearest: int, encoder: str | None) -> int:
    """The nearest images of a INDEX to an IMAGE, and which of them it is a copy of."""
    import auditor

    click.echo(f"{'COSINE':>6}  {'THUMBNAILS':>10}  {'COPY':<4}  IMAGE")
    for found in auditor.search_index(index, image, nearest=nearest, encoder=encoder):
        alike = "–" if found.ncc_similarity is None else f"{found.ncc_similarity:.2f}"
        copy = "yes" if found.is_copy else "no"
        click.echo(f"{found.cosine:>6.2f}  {alike:>10}  {copy:<4}  {safe_text(found.image, 200)}")
    return 0


def _fill(index: str, given: dict[str, Any]) -> int:
    import auditor
    from auditor.cli.progress import Progress

    vectors = {name: given.pop(name) for name in ("encoder", "embeddings", "embeddings_model")}
    read, quiet = options.take_reading(given), given.pop("quiet")
    config = options.config_of({"detectors": (), "keep_vectors": True, "read": read, **vectors})
    if not (given["inputs"] or given["audits"] or given["digests"]):
        raise click.UsageError("name INPUTS, --audit or --digests")
    try:
        with Progress(quiet=quiet) as progress:
            facts = auditor.build_index(index, config=config, listener=progress, **given)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'INPUTS...'") from error
    if not quiet:
        click.echo(f"{index}: {facts.rows:,} {facts.kind} images, {facts.hashes:,} digests")
    return 0
