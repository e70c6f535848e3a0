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
@click.option("--labels", type=click.Path(dir_okay=False), default="labels.csv", show_default=True,
              help="Label file to write; an existing one is continued.")  # fmt: skip
@click.option("--number", type=click.IntRange(min=1), default=300, show_default=True, help="Number of images to label.")
@click.option("--labeller", metavar="NAME", default="A", show_default=True,
              help="Your name; a second name labels the same images again, for agreement.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.  [default: a free port]")
@click.option("--open", "opens", is_flag=True, help="Open the page in your browser.")
@click.option(
    "--export",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Instead of serving a page, write a folder for labelling on another machine.",
)
@options.reading
def command(audit: str, dataset: tuple[str, ...], **given: Any) -> int:
    """Label a random sample of an AUDIT's images in your browser.

    The labels are for `auditor scan --labels`. AUDIT is the folder written by scan; DATASET is only needed if the
    audited dataset is neither in the current folder nor beside AUDIT. The page is served to this machine only and does
    not show the audit's results. Each label is saved at once; run the same command again to continue.
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
        click.echo(
            f"label as {labeller!r} at {server.url}\npress Ctrl-C to stop; the page says when all images are labelled"
        )
        if opens:
            click.launch(server.url)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            _report(server, labels)
            click.echo("interrupted: labels are saved; run the same command to continue", err=True)
            return EXIT_INTERRUPTED
        _report(server, labels)
    return 0


def _report(server: LabelServer, labels: Path) -> None:
    """Prints how much was labelled, and how far the file's labellers agree."""
    import auditor
    from auditor.safe_text import safe_text

    progress = server.session.progress
    click.echo(f"{progress.done:,} of {progress.total:,} images labelled by {server.session.labeller!r}")
    if not labels.exists():
        return
    for agreement in auditor.agreements(auditor.read_labels(labels)):
        first, second = (safe_text(name, 40) or "(no name)" for name in agreement.labellers)
        kappa = "" if agreement.kappa is None else f", Cohen's kappa {agreement.kappa:.2f}"
        click.echo(
            f"{first} and {second}: {agreement.both:,} images in common; of {agreement.double_annotated:,} that both "
            f"could judge they disagree on {agreement.disagreements:,}{kappa}"
        )
    click.echo(f"to use {labels}: auditor scan --labels {labels}")


@contextmanager
def _progress(total: int) -> Iterator[OnImages]:
    """A progress bar on a terminal while images are prepared."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("preparing images", total=total)
        yield lambda count: bar.advance(task, count)
