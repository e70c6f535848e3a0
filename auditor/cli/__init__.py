"""The command line: commands parse their options, call the public functions of `auditor`, and exit.

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


class _LazyGroup(click.Group):
    """A group with one module per command, imported when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"auditor.cli.{name}").command
        return command


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="auditor")
def cli() -> None:
    """Does this dataset feed a model its own tail?

    Finds generated images in image/caption datasets, estimates their fraction, and gates training by exit code: 0 pass,
    1 fail, 2 usage, 3 no audit, 4 inconclusive, 130 interrupted.
    """


def main(args: list[str] | None = None) -> None:
    """Run a command and exit. An unexpected error exits 3, so that it does not look like a failed policy."""
    try:
        code = cli.main(args=args, standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: finished shards are kept; run the same command to continue", err=True)
        code = EXIT_INTERRUPTED
    except AuditorError as error:
        click.echo(f"ERROR {error}", err=True)
        code = EXIT_NO_AUDIT
    except SystemExit:  # raised by click when the output is closed (| head), with the exit code of a failed policy
        click.echo("ERROR the output was closed before everything was written", err=True)
        code = EXIT_NO_AUDIT
    except OSError as error:
        code = _system_error(error)
    except Exception as error:
        code = _bug(error)
    sys.exit(code)


def _system_error(error: OSError) -> int:
    """An error of a file is the user's to fix; an error without a file name is a bug."""
    if not isinstance(error.filename, str):
        return _bug(error)
    click.echo(f"ERROR {error.filename.removesuffix('.tmp')}: {error.strerror or error}", err=True)
    return EXIT_NO_AUDIT


def _bug(error: Exception) -> int:
    traceback.print_exc()
    click.echo(f"ERROR unexpected {type(error).__name__}: {error} (a bug in auditor: please report it)", err=True)
    return EXIT_NO_AUDIT
