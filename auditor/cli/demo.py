"""auditor demo"""

from __future__ import annotations

import click


@click.command("demo")
@click.argument("folder", type=click.Path(file_okay=False), default="demo-dataset")
def command(folder: str) -> int:
    """Write a small dataset for trying out the tool (default: demo-dataset)."""
    from pathlib import Path

    from auditor.demo import build

    click.echo(f"{build(Path(folder))} rows in {folder}")
    return 0
