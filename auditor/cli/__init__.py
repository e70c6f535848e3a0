"""The command line: parse, call, exit. Commands translate; what they call is the public functions of `auditor`.

Exit codes: 0 pass · 1 the policy failed · 2 usage · 3 no audit · 4 inconclusive · 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
import traceback

import click

from auditor import __version__
from auditor.errors import AuditorError

_COMMANDS = (
    "scan", "gate", "explain", "report", "diff", "export", "merge", "label", "filter", "calibrate", "simulate",
    "index", "models", "doctor", "demo",
)  # fmt: skip

EXIT_USAGE, EXIT_NO_AUDIT, EXIT_INTERRUPTED = 2, 3, 130


class _Lazy(click.Group):
    """A group whose commands live in modules of their own, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"auditor.cli.{name}").command
        return found


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="auditor")
def cli() -> None:
    """Does this dataset feed a model its own tail?

    Audits image/caption datasets for machine-made images and gates training by exit code: 0 pass, 1 fail,
    2 usage, 3 no audit, 4 inconclusive, 130 interrupted.
    """


def main(args: list[str] | None = None) -> None:
    """Run a command and exit. An unexpected error must not look like a failed policy: it exits 3."""
    try:
        code = cli.main(args=args, standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: finished shards are kept; the same command goes on from there", err=True)
        code = EXIT_INTERRUPTED
    except AuditorError as error:
        click.echo(f"ERROR {error}", err=True)
        code = EXIT_NO_AUDIT
    except SystemExit:  # click's way out where nobody reads what is written (| head), with the code of a failed policy
        click.echo("ERROR the output was closed before all was written", err=True)
        code = EXIT_NO_AUDIT
    except OSError as error:
        code = _system_error(error)
    except Exception as error:
        code = _bug(error)
    sys.exit(code)


def _system_error(error: OSError) -> int:
    """A file that cannot be written or read is the user's to mend; where none is named, the bug is ours."""
    if not isinstance(error.filename, str):
        return _bug(error)
    click.echo(f"ERROR {error.filename.removesuffix('.tmp')}: {error.strerror or error}", err=True)
    return EXIT_NO_AUDIT


def _bug(error: Exception) -> int:
    traceback.print_exc()
    click.echo(f"ERROR unexpected {type(error).__name__}: {error} (a bug of auditor's: please report it)", err=True)
    return EXIT_NO_AUDIT
