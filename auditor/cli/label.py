"""auditor label"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli import layout, options, signals
from auditor.cli.layout import option, option_group
from auditor.errors import NoSuchInput

if TYPE_CHECKING:
    from auditor.annotation.app.server import LabelServer
    from auditor.annotation.app.task import OnImages, Task


@layout.command("label")
@click.argument("audit", type=options.AuditPath())
@click.argument("dataset", nargs=-1)
@option_group(
    "Labels",
    option("--labels", type=click.Path(dir_okay=False), default="labels.csv", show_default=True, metavar="FILE",
           help="Label file to write; an existing one is continued."),
    option("--number", type=click.IntRange(min=1), metavar="N",
           help="Fixed number of images to label.  [default: until the policy is decided, at most 300]"),
    option("--policy", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
           help="Policy in TOML that the labels are to decide.  [default: the audit's own]"),
    option("--baseline", type=options.AuditPath(with_evidence=False), metavar="AUDIT",
           help="Previous audit, for the rule `increase`."),
    option("--labeller", metavar="NAME", default="A", show_default=True,
           help="Your name; a second name labels the same images again, for agreement."),
)  # fmt: skip
@option_group(
    "Page",
    option("--open", "opens", is_flag=True, help="Open the page in your browser."),
    option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
           help="Address that the page listens on; 0.0.0.0 opens it to a trusted network."),
    option("--port", type=click.IntRange(0, 65535), default=0, metavar="N",
           help="Port of the page.  [default: a free port]"),
    option("--export", type=click.Path(file_okay=False), metavar="DIR",
           help="Instead of serving a page, write a folder for labelling on another machine."),
)  # fmt: skip
@option_group("Input", options.reading, layout.help_option)
def command(audit: str, dataset: tuple[str, ...], **given: Any) -> int:
    """Label a random sample of an AUDIT's images in your browser.

    \b
    auditor label audit/ --open
    auditor label audit/ photos/ --labeller Ada --labels ada.csv

    After each label, the page shows the current interval, and when you may stop. Then `auditor gate AUDIT --labels
    FILE` decides. AUDIT is the folder written by scan; DATASET is only needed if the audited dataset is not where it
    was scanned, nor in the current folder or next to AUDIT. The page is served to this machine only (but see --host)
    and does not show the audit's verdicts. Each label is saved at once; run the same command again to continue.
    """
    import auditor
    from auditor.api import labels as auditor_labels
    from auditor.sentences import counted

    read, export, labeller = options.take_reading(given), given["export"], given["labeller"].strip()
    try:
        # An exported page cannot decide, so its number of labels is fixed.
        number = given["number"] or (auditor_labels.MAX_LABELS if export else None)
        task = auditor.label(
            audit,
            dataset or None,
            number=number,
            policy=given["policy"] or auditor.recorded_policy(audit),
            baseline=given["baseline"],
            read=read,
        )
        if not export:
            listening = {"host": given["host"], "port": given["port"]}
            return _serve(task, audit, Path(given["labels"]), labeller, opens=given["opens"], **listening)
        with _progress(len(task.drawn)) as on_images:
            task.export(Path(export), labeller, on_images=on_images)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'DATASET...'") from error
    click.echo(
        f"{counted(len(task.drawn), 'image')} to label: open {Path(export) / 'index.html'}, or fill in labels.csv there"
    )
    return 0


def _serve(task: Task, audit: str, labels: Path, labeller: str, *, host: str, port: int, opens: bool) -> int:
    from auditor.annotation.basis import LOOKS_ACCURACY
    from auditor.cli import tunnel

    with ExitStack() as stack:
        with _progress(len(task.drawn)) as on_images:
            server = stack.enter_context(task.served(labels, labeller, host=host, port=port, on_images=on_images))
        click.echo(
            f"by looks alone, people label {LOOKS_ACCURACY} of images correctly in published studies. The interval "
            "accounts for that: use an image's page and date, and record the basis of each label"
        )
        if not server.is_private:
            click.echo(tunnel.OPEN_TO_OTHERS, err=True)
        elif hint := tunnel.hint(server.server_port, os.environ):
            click.echo(hint)
        click.echo(f"label as {labeller!r} at {server.url}\npress Ctrl-C to stop; the page shows when you may")
        if opens:
            click.launch(server.url)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt as error:
            _report(server, audit, labels)
            click.echo("interrupted: labels are saved; run the same command to continue", err=True)
            return signals.exit_code(error)
        _report(server, audit, labels)
    return 0


def _report(server: LabelServer, audit: str, labels: Path) -> None:
    """Prints how much was labelled, what it decides, and how far the file's labellers agree."""
    import auditor
    from auditor.safe_text import safe_text
    from auditor.sentences import counted

    progress = server.session.progress
    click.echo(f"{progress.done:,} of {counted(progress.total, 'image')} labelled by {server.session.labeller!r}")
    if not labels.exists():
        return
    for agreement in auditor.agreements(auditor.read_labels(labels)):
        first, second = (safe_text(name, 40) or "(no name)" for name in agreement.labellers)
        kappa = "" if agreement.kappa is None else f", Cohen's kappa {agreement.kappa:.2f}"
        click.echo(
            f"{first} and {second}: {counted(agreement.both, 'image')} in common; "
            f"of {agreement.double_annotated:,} that both labelled as real or synthetic, they disagree "
            f"on {agreement.disagreements:,}{kappa}"
        )
    if judgement := server.session.judgement():
        click.echo(safe_text(judgement.text, 400))
    given = click.get_current_context().meta.get("audit", audit)
    click.echo(f"next: auditor gate {given} --labels {labels}")


@contextmanager
def _progress(total: int) -> Iterator[OnImages]:
    """A progress bar on a terminal while images are prepared."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("preparing images", total=total)
        yield lambda count: bar.advance(task, count)
