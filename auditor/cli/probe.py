"""auditor probe"""

from __future__ import annotations

from typing import Any

import click

from auditor.cli import options
from auditor.errors import NoSuchInput


@click.command("probe")
@click.option("--encoder", required=True, metavar="NAME", help="local-dir:FOLDER or ARCHITECTURE:FILE.safetensors.")
@click.option("--real", multiple=True, required=True, metavar="INPUT", help="Real images; may be given again.")
@click.option("--synthetic", multiple=True, required=True, metavar="INPUT", help="Synthetic images; likewise.")
@options.reading
def command(encoder: str, real: tuple[str, ...], synthetic: tuple[str, ...], **given: Any) -> int:
    """Fit a linear head on an open_clip model's vectors, for `auditor scan --with probe`.

    Keep images of different origin in different folders: each source weighs the same. Then count the probe's errors on
    other images: auditor calibrate --detector probe.
    """
    from auditor import api

    read = options.take_reading(given)
    try:
        made, path = api.fit_probe(real, synthetic, encoder, read=read, **given)
    except NoSuchInput as error:
        raise click.BadParameter(str(error), param_hint="'--real' or '--synthetic'") from error
    click.echo(f"{made.origin}\n{path}")
    click.echo("next, on other images: auditor calibrate --detector probe --real … --synthetic …")
    return 0
