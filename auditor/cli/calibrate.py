"""auditor calibrate"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from auditor import registry
from auditor.cli import layout, options
from auditor.cli.layout import option, option_group
from auditor.errors import NoSuchInput
from auditor.safe_text import safe_text
from auditor.sentences import percent, span

if TYPE_CHECKING:
    from auditor.estimate.calibration import Calibration
    from auditor.estimate.intervals import Interval


@layout.command("calibrate")
@option_group(
    "Images",
    option("--real", multiple=True, required=True, metavar="INPUT", help="Real images; repeatable."),
    option("--synthetic", multiple=True, metavar="INPUT", help="Synthetic images; repeatable."),
    options.reading,
)
@option_group(
    "Classifier",
    option("--adapt", is_flag=True, help="Fit the classifier's head to these images too."),
    option("--detector", metavar="ID", default="classifier", show_default=True, help="Classifier to calibrate."),
    option(
        "--index",
        "indexes",
        multiple=True,
        type=click.Path(exists=True, file_okay=False),
        metavar="DIR",
        help="For known-neighbour: the indexes that audits will search; repeatable.",
    ),
    option("--encoder", metavar="NAME", help="For known-neighbour: the open_clip model of the indexes."),
)
@option_group(
    "Output",
    option(
        "--output",
        "-o",
        type=click.Path(dir_okay=False),
        default="calibration.json",
        show_default=True,
        metavar="FILE",
        help="File for `auditor scan --calibration`.",
    ),
    options.jobs,
    layout.help_option,
)
def command(
    real: tuple[str, ...], synthetic: tuple[str, ...], output: str, jobs: int | None, adapt: bool, **given: Any
) -> int:
    """Measure a classifier's error rates on your own labelled images.

    \b
    auditor calibrate --real mine/ --synthetic theirs/
    auditor calibrate --real mine/ --synthetic theirs/ --adapt

    Keep images of different origin in different folders: the variation of the rates between folders determines the
    width of the estimate's interval. Real images alone are enough to measure the false-positive rate.

    With --adapt, the classifier's head is fitted to your images and stored in the file, unless the shipped head is
    at least as good on held-out folders.
    """
    from pathlib import Path

    import auditor
    from auditor.estimate.calibration import dumps
    from auditor.storage.atomic import write_atomically

    read = options.take_reading(given)
    try:
        if adapt:
            calibration = _adapted(real, synthetic, read=read, jobs=jobs, **given)
        else:
            calibration = auditor.calibrate(real, synthetic or None, read=read, jobs=jobs, **given)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'--real' or '--synthetic'") from error
    write_atomically(Path(output), dumps(calibration).encode())
    added = "" if calibration.detector in registry.default_detectors() else f" --with {calibration.detector}"
    added += "".join(f" --index {reference_index}" for reference_index in given["indexes"])
    click.echo(safe_text(calibration.origin, 1000))
    click.echo(_rates(calibration))
    click.echo(_gain(calibration))
    click.echo(f"next: auditor scan DATASET{added} --calibration {shlex.quote(output)}")
    return 0


def _rates(calibration: Calibration) -> str:
    """A table of the error rates."""
    import auditor

    lines = [f"{'CONDITION':<16}  {'FALSE POSITIVES':>15}  {'TRUE POSITIVES':>14}  {'AUROC':>5}"]
    lines += [
        f"{rates.condition:<16}  {percent(rates.false_positive):>15}  {percent(rates.true_positive):>14}  "
        f"{rates.auroc:>5.3f}"
        for rates in auditor.error_rates(calibration)
    ]
    return "\n".join([*lines, "at the threshold for flags; means over folders or domains with equal weights"])


def _gain(calibration: Calibration) -> str:
    """What the calibration does to the interval of an audit."""
    import auditor

    def width(interval: Interval) -> str:
        return span(interval.low, interval.high)

    text = f"with it, 5,000 images with 10 % synthetic would give about {width(auditor.expected_interval(calibration))}"
    if calibration.detector in registry.default_detectors():
        text += f"; with the built-in calibration {width(auditor.expected_interval())}"
    return text


def _adapted(
    real: tuple[str, ...], synthetic: tuple[str, ...], *, detector: str, indexes: tuple[str, ...], encoder: str | None,
    **given: Any,
) -> Calibration:  # fmt: skip
    import auditor

    if detector != "classifier" or indexes or encoder:
        raise click.UsageError("--adapt is for the built-in classifier: leave out --detector, --index and --encoder")
    if not synthetic:
        raise click.UsageError("--adapt needs both kinds of images: give --synthetic too")
    calibration, adaptation = auditor.adapt(real, synthetic, **given)
    aurocs = f"AUROC on held-out folders: {adaptation.before:.3f} with the shipped head, {adaptation.after:.3f} adapted"
    click.echo(f"{aurocs}; {'the adapted head is kept' if adaptation.head else 'the shipped head is kept'}")
    return calibration
