"""auditor label"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import EXIT_INTERRUPTED, options
from auditor.errors import NoSuchInput

if TYPE_CHECKING:
    from auditor.annotation.app.server import LabelServer
    from auditor.annotation.app.task import OnImages, Task


@click.command("label")
@click.argument("audit", type=click.Path(exists=True))
@click.argument("dataset", nargs=-1)
@click.option("--labels", type=click.Path(dir_okay=False), default="labels.csv", show_default=True, help="Kept there.")
@click.option("--number", type=click.IntRange(min=1), default=300, show_default=True, help="Images to label.")
@click.option("--labeller", metavar="NAME", default="A", show_default=True, help="Another one gets the same images.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page.  [default: a free one]")
@click.option("--open", "opens", is_flag=True, help="Open the page in your browser.")
@click.option("--export", type=click.Path(file_okay=False), metavar="DIR", help="A folder to label elsewhere, instead.")
@options.reading
def command(audit: str, dataset: tuple[str, ...], **given: Any) -> int:
    """Label a random sample of an AUDIT's images in your browser.

    The labels are for `auditor scan --labels`. AUDIT is the folder that scan wrote, DATASET what it audited, if that is
    neither here nor beside AUDIT. The page is served to this machine alone, and does not say what the audit thinks.
    Labels are saved one by one; the same command goes on where it stopped.
    """
    import auditor

    read, export, labeller = options.take_reading(given), given["export"], given["labeller"].strip()
    try:
        task = auditor.label(audit, dataset or None, number=given["number"], read=read)
        if not export:
            return _serve(task, Path(given["labels"]), labeller, port=given["port"], opens=given["opens"])
        with _progress(len(task.drawn)) as on_images:
            task.export(Path(export), labeller, on_images=on_images)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'DATASET...'") from error
    click.echo(f"{len(task.drawn):,} images to label: open {Path(export) / 'index.html'}, or fill in labels.csv there")
    return 0


def _serve(task: Task, labels: Path, labeller: str, *, port: int, opens: bool) -> int:
    with ExitStack() as stack:
        with _progress(len(task.drawn)) as on_images:
            server = stack.enter_context(task.served(labels, labeller, port=port, on_images=on_images))
        click.echo(f"label as {labeller!r} at {server.url}\nends with Ctrl-C, or when the page says finished")
        if opens:
            click.launch(server.url)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            _report(server, labels)
            click.echo("interrupted: labels so far are saved; the same command goes on from there", err=True)
            return EXIT_INTERRUPTED
        _report(server, labels)
    return 0


def _report(server: LabelServer, labels: Path) -> None:
    """What was labelled, and how far the labellers of the file agree."""
    import auditor
    from auditor.safe_text import safe_text

    progress = server.session.progress
    click.echo(f"{progress.done:,} of {progress.total:,} images are labelled by {server.session.labeller!r}")
    if not labels.exists():
        return
    for found in auditor.agreements(auditor.read_labels(labels)):
        first, second = (safe_text(name, 40) or "(no name)" for name in found.labellers)
        kappa = "" if found.kappa is None else f", Cohen's kappa {found.kappa:.2f}"
        click.echo(
            f"{first} and {second}: {found.both:,} images in common; of {found.double_annotated:,} that both could "
            f"tell they disagree on {found.disagreements:,}{kappa}"
        )
    click.echo(f"{labels} is for: auditor scan --labels {labels}")


@contextmanager
def _progress(total: int) -> Iterator[OnImages]:
    """A bar on a terminal while images are made ready."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("images made ready", total=total)
        yield lambda count: bar.advance(task, count)
