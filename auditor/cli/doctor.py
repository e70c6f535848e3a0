"""auditor doctor"""

from __future__ import annotations

import click

from auditor import __version__, registry
from auditor.cli import layout
from auditor.cli.layout import option
from auditor.safe_text import safe_text


@layout.command("doctor")
@option("--policy", is_flag=True, help="Print the default policy as TOML.")
def command(policy: bool) -> int:
    """Check the installation, or print the default policy."""
    if policy:
        from auditor.policy.policy import DEFAULT

        click.echo(DEFAULT, nl=False)
        return 0
    return 0 if all(_check_installation()) else 3


def _check_installation() -> list[bool]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"auditor {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    passed = []
    for package in ("pillow", "pyarrow", "pandas", "numpy", "scipy", "fsspec", "c2pa-python"):
        try:
            click.echo(f"  {package:<14} {version(package)}")
            passed.append(True)
        except PackageNotFoundError:
            click.echo(f"  {package:<14} MISSING: pip install {package}")
            passed.append(False)
    for kind in ("readers", "detectors", "reports", "engines"):
        click.echo(kind)
        for id in registry.table(kind):
            try:
                registry.load(kind, id)
                click.echo(f"  {id}")
                passed.append(True)
            except Exception as error:  # this command reports any reason why a plugin does not load
                click.echo(f"  {id}: DOES NOT LOAD: {safe_text(str(error))}")
                passed.append(False)
    return passed
