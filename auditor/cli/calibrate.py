"""auditor calibrate"""

from __future__ import annotations

from typing import Any

import click

from auditor import registry
from auditor.cli import options
from auditor.errors import NoSuchInput


@click.command("calibrate")
@click.option("--real", multiple=True, required=True, metavar="INPUT", help="Real images; may be given again.")
@click.option("--synthetic", multiple=True, metavar="INPUT", help="Synthetic images; may be given again.")
@click.option("--detector", metavar="ID", default="synthetic", show_default=True, help="Whose errors are counted.")
@click.option("--output", "-o", type=click.Path(dir_okay=False), default="calibration.json", show_default=True)
@click.option("--bank", "banks", multiple=True, type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="For known-neighbour: the banks that audits will look into.")  # fmt: skip
@click.option("--encoder", metavar="NAME", help="For known-neighbour: the open_clip model that they were made with.")
@options.reading
@options.jobs
def command(real: tuple[str, ...], synthetic: tuple[str, ...], output: str, jobs: int | None, **given: Any) -> int:
    """Measure a model's error rates on your own labelled images, for `auditor scan --calibration`.

    Keep images of different origin in different folders: how much rates differ between them decides how wide an
    estimate is. Real images alone are enough to fix the false-positive rate.
    """
    from pathlib import Path

    from auditor import api
    from auditor.estimate.calibration import dumps
    from auditor.verdicts.store import write_atomically

    read = options.take_reading(given)
    try:
        made = api.calibrate(real, synthetic or None, read=read, jobs=jobs, **given)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'--real' or '--synthetic'") from error
    write_atomically(Path(output), dumps(made).encode())
    added = "" if made.detector in registry.default_detectors() else f" --with {made.detector}"
    added += "".join(f" --bank {bank}" for bank in given["banks"])
    click.echo(f"{made.origin}\n{output} is for: auditor scan{added} --calibration {output}")
    return 0
