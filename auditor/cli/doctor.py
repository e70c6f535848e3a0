"""auditor doctor"""

from __future__ import annotations

import click

from auditor import __version__, registry


@click.command("doctor")
@click.option("--policy", is_flag=True, help="Print the default policy as TOML.")
def command(policy: bool) -> int:
    """What is installed, which plugins load, and the default policy."""
    if policy:
        from auditor.policy.policy import DEFAULT

        click.echo(DEFAULT, nl=False)
        return 0
    return 0 if all(_checked()) else 3


def _checked() -> list[bool]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"auditor {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    good = []
    for package in ("pillow", "pyarrow", "pandas", "numpy", "scipy", "fsspec", "c2pa-python"):
        try:
            click.echo(f"  {package:<14} {version(package)}")
            good.append(True)
        except PackageNotFoundError:
            click.echo(f"  {package:<14} MISSING: pip install {package}")
            good.append(False)
    for kind in ("readers", "detectors", "reports", "engines"):
        click.echo(kind)
        for id in registry.table(kind):
            try:
                registry.load(kind, id)
                click.echo(f"  {id}")
                good.append(True)
            except Exception as error:  # whatever keeps a plugin from loading is what this command is asked for
                click.echo(f"  {id}: DOES NOT LOAD: {error}")
                good.append(False)
    return good
