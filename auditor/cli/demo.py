"""auditor demo"""

from __future__ import annotations

import click

from auditor.cli import layout


@layout.command("demo")
@click.argument("folder", type=click.Path(file_okay=False), default="demo-dataset")
def command(folder: str) -> int:
    """Write a small dataset to try the tool on.

    \b
    auditor demo && auditor scan demo-dataset
    """
    from pathlib import Path

    from auditor.demo import build

    click.echo(f"{build(Path(folder))} rows in {folder}")
    return 0
