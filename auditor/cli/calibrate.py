"""auditor calibrate"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from auditor import registry
from auditor.cli import options
from auditor.errors import NoSuchInput
from auditor.safe_text import safe_text

if TYPE_CHECKING:
    from auditor.estimate.calibration import Calibration


@click.command("calibrate")
@click.option("--real", multiple=True, required=True, metavar="INPUT", help="Real images; repeatable.")
@click.option("--synthetic", multiple=True, metavar="INPUT", help="Synthetic images; repeatable.")
@click.option("--detector", metavar="ID", default="classifier", show_default=True, help="Detector to calibrate.")
@click.option(
    "--adapt", is_flag=True, help="Fit the classifier to these images; measure errors by leaving folders out."
)
@click.option("--output", "-o", type=click.Path(dir_okay=False), default="calibration.json", show_default=True,
              help="File to write.")  # fmt: skip
@click.option("--index", "indexes", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="For known-neighbour: the indexes that audits will search; repeatable.")  # fmt: skip
@click.option("--encoder", metavar="NAME", help="For known-neighbour: the open_clip model of these indexes.")
@options.reading
@options.jobs
def command(
    real: tuple[str, ...], synthetic: tuple[str, ...], output: str, jobs: int | None, adapt: bool, **given: Any
) -> int:
    """Measure a classifier's error rates on your own labelled images.

    The result is for `auditor scan --calibration`. Keep images of different origin in different folders: the variation
    of the rates between folders determines the width of the estimate's interval. Real images alone are enough to
    measure the false-positive rate.

    With --adapt, the classifier's head is fitted to your images, real and synthetic, and stored in the file. It is kept
    only if it is better on folders that it was not fitted to.
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
    click.echo(f"{safe_text(calibration.origin, 1000)}\nto use {output}: auditor scan{added} --calibration {output}")
    return 0


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
    aurocs = f"AUROC on folders left out: {adaptation.before:.3f} with the shipped head, {adaptation.after:.3f} adapted"
    click.echo(f"{aurocs}; {'the adapted head is kept' if adaptation.head else 'the shipped head is kept'}")
    return calibration
