"""auditor index"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.errors import NoSuchInput
from auditor.safe_text import safe_text


@layout.group("index")
def command() -> None:
    """Build and search reference indexes of known images.

    \b
    auditor index build generated.index generated/      images to recognise
    auditor scan photos/ --index generated.index
    """


def _build_options(function: Any) -> Any:
    for add in reversed((
        click.argument("index", type=click.Path(file_okay=False)),
        click.argument("inputs", nargs=-1),
        option_group(
            "What to add",
            option("--kind", type=click.Choice(["synthetic", "real"]), default="synthetic", show_default=True,
                   help="Whether the images are synthetic or real."),
            option("--audit", "audits", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
                   help="Add the images of this audit by its vectors; repeatable."),
            option("--declared-only", is_flag=True, help="From audits, add only images confirmed as synthetic."),
            option("--digests", multiple=True, type=click.Path(exists=True, dir_okay=False), metavar="FILE",
                   help="Text with one sha256 digest per line, or parquet with a column sha256; repeatable."),
        ),
        option_group("Vectors", options.embedding),
        option_group("Input", options.reading),
        option_group(
            "Run", options.jobs, option("--quiet", "-q", is_flag=True, help="Print nothing."), layout.help_option
        ),
    )):  # fmt: skip
        function = add(function)
    return function


@command.command("build")
@_build_options
def build(index: str, **given: Any) -> int:
    """Build an INDEX of the images in INPUTS.

    The same command again continues after an interruption.
    """
    from pathlib import Path

    from auditor.similarity.index_writer import is_finished

    if is_finished(Path(index)):
        raise click.UsageError(f"{index} is already an index: use `auditor index add` to add to it")
    return _add_images(index, given)


@command.command("add")
@_build_options
def add(index: str, **given: Any) -> int:
    """Add the images in INPUTS to an INDEX."""
    import auditor

    auditor.index_metadata(index)
    return _add_images(index, given)


@command.command("info")
@click.argument("index", type=click.Path(exists=True, file_okay=False))
def info(index: str) -> int:
    """Show the contents of an INDEX."""
    import auditor

    metadata = auditor.index_metadata(index)
    click.echo(f"kind        {metadata.kind}\nimages      {metadata.rows:,}\ndigests     {metadata.hashes:,}")
    click.echo(
        f"vectors     {f'{metadata.fingerprint}, {metadata.dimension} dimensions' if metadata.fingerprint else 'none'}"
    )
    click.echo(f"thumbnails  {'yes' if metadata.pixels else 'no'}\ngeneration  {metadata.generation}")
    return 0


@command.command("search")
@click.argument("index", type=click.Path(exists=True, file_okay=False))
@click.argument("image", type=click.Path(exists=True, dir_okay=False))
@option("--nearest", type=click.IntRange(1, 1000), default=5, show_default=True, help="Number of images.")
@option("--encoder", metavar="NAME", help="The open_clip model of the index.")
def search(index: str, image: str, nearest: int, encoder: str | None) -> int:
    """Show the images of an INDEX nearest to an IMAGE, and copies."""
    import auditor

    click.echo(f"{'COSINE':>6}  {'THUMBNAILS':>10}  {'COPY':<4}  IMAGE")
    for neighbour in auditor.search_index(index, image, nearest=nearest, encoder=encoder):
        similarity = "–" if neighbour.ncc_similarity is None else f"{neighbour.ncc_similarity:.2f}"
        copy = "yes" if neighbour.is_copy else "no"
        click.echo(f"{neighbour.cosine:>6.2f}  {similarity:>10}  {copy:<4}  {safe_text(neighbour.image, 200)}")
    return 0


def _add_images(index: str, given: dict[str, Any]) -> int:
    import auditor
    from auditor.progress.progress import Progress

    vectors = {name: given.pop(name) for name in ("encoder", "embeddings", "embeddings_model")}
    read, quiet = options.take_reading(given), given.pop("quiet")
    config = options.config_of({"detectors": (), "keep_vectors": True, "read": read, **vectors})
    if not (given["inputs"] or given["audits"] or given["digests"]):
        raise click.UsageError("give INPUTS, --audit or --digests")
    try:
        with Progress(quiet=quiet) as progress:
            metadata = auditor.build_index(index, config=config, listener=progress, **given)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'INPUTS...'") from error
    if not quiet:
        click.echo(f"{index}: {metadata.rows:,} {metadata.kind} images, {metadata.hashes:,} digests")
    return 0
