"""auditor doctor"""

from __future__ import annotations

import platform
from collections import Counter

import click

from auditor import __version__
from auditor.cli import layout
from auditor.cli.layout import option
from auditor.safe_text import safe_text

_MAX_DETAIL = 400  # characters
_EXIT_FAILED = 3


@layout.command("doctor")
@option("--policy", is_flag=True, help="Print the default policy as TOML.")
def command(policy: bool) -> int:
    """Check the installation, or print the default policy.

    One line per check: pass, fail, or absent for an optional part that is not installed. Exits 3 if a check fails.
    """
    if policy:
        from auditor.policy.policy import DEFAULT

        click.echo(DEFAULT, nl=False)
        return 0
    import auditor

    click.echo(f"auditor {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    results: Counter[str] = Counter()
    for check in auditor.check_installation():
        results[check.result.value] += 1
        click.echo(f"{check.result.value:<7} {check.name:<16} {safe_text(check.detail, _MAX_DETAIL)}")
    click.echo(f"{results['pass']} passed, {results['fail']} failed, {results['absent']} optional parts absent")
    return _EXIT_FAILED if results["fail"] else 0
