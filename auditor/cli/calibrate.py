"""auditor calibrate"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from auditor import registry
from auditor.cli import options
from auditor.errors import NoSuchInput

if TYPE_CHECKING:
    from auditor.estimate.calibration import Calibration


@click.command("calibrate")
@click.option("--real", multiple=True, required=True, metavar="INPUT", help="Real images; may be given again.")
@click.option("--synthetic", multiple=True, metavar="INPUT", help="Synthetic images; may be given again.")
@click.option("--detector", metavar="ID", default="classifier", show_default=True, help="Whose errors are counted.")
@click.option("--adapt", is_flag=True, help="Fit the classifier to these images; count errors on folders left out.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), default="calibration.json", show_default=True)
@click.option("--index", "indexes", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="For known-neighbour: the indexes that audits will look into.")  # fmt: skip
@click.option("--encoder", metavar="NAME", help="For known-neighbour: the open_clip model that they were made with.")
@options.reading
@options.jobs
def command(
    real: tuple[str, ...], synthetic: tuple[str, ...], output: str, jobs: int | None, adapt: bool, **given: Any
) -> int:
    """Measure a model's error rates on your own labelled images, for `auditor scan --calibration`.

    Keep images of different origin in different folders: how much rates differ between them decides how wide an
    estimate is. Real images alone are enough to fix the false-positive rate.

    With --adapt the classifier learns what your kind of images looks like, real and synthetic; the file holds its head.
    It is kept only where it does better on folders that it has not seen.
    """
    from pathlib import Path

    import auditor
    from auditor.estimate.calibration import dumps
    from auditor.evidence_store.store import write_atomically

    read = options.take_reading(given)
    try:
        if adapt:
            made = _adapted(real, synthetic, read=read, jobs=jobs, **given)
        else:
            made = auditor.calibrate(real, synthetic or None, read=read, jobs=jobs, **given)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'--real' or '--synthetic'") from error
    write_atomically(Path(output), dumps(made).encode())
    added = "" if made.detector in registry.default_detectors() else f" --with {made.detector}"
    added += "".join(f" --index {reference_index}" for reference_index in given["indexes"])
    click.echo(f"{made.origin}\n{output} is for: auditor scan{added} --calibration {output}")
    return 0


def _adapted(
    real: tuple[str, ...], synthetic: tuple[str, ...], *, detector: str, indexes: tuple[str, ...], encoder: str | None,
    **given: Any,
) -> Calibration:  # fmt: skip
    import auditor

    if detector != "classifier" or indexes or encoder:
        raise click.UsageError("--adapt is for the embedded classifier: leave --detector, --index and --encoder out")
    if not synthetic:
        raise click.UsageError("--adapt learns from both kinds: give --synthetic too")
    made, change = auditor.adapt(real, synthetic, **given)
    aurocs = f"AUROC on folders left out {change.before:.3f} with the shipped head, {change.after:.3f} adapted"
    click.echo(f"{aurocs}: {'the adapted head is kept' if change.head else 'the shipped head is kept'}")
    return made
