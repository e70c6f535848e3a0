"""The command line: commands parse their options, call the public functions of `auditor`, and exit.

Exit codes: 0 pass · 1 the policy failed · 2 usage · 3 no audit · 4 inconclusive · 129, 130, 143 interrupted · 141 the
output was closed.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback

import click
import cloup

from auditor import __version__, garbage
from auditor.cli import layout, signals, streams
from auditor.errors import AuditorError
from auditor.safe_text import safe_text

_SECTIONS = {
    "Audit a dataset": ("scan", "merge", "demo"),
    "Decide": ("gate", "report", "diff"),
    "Narrow the estimate": ("label", "calibrate"),
    "Act on the result": ("filter", "export", "simulate"),
    "Tools": ("explain", "index", "models", "doctor"),
}
_COMMANDS = tuple(name for names in _SECTIONS.values() for name in names)

EXIT_USAGE, EXIT_NO_AUDIT = 2, 3
_MAX_CHARACTERS = 2000  # of an error
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _LazyGroup(layout.Group):
    """A group with one module per command, imported when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"auditor.cli.{name}").command
        return command

    def list_sections(self, ctx: click.Context, include_default_section: bool = True) -> list[cloup.Section]:
        return [
            cloup.Section(title, {name: command for name in names if (command := self.get_command(ctx, name))})
            for title, names in _SECTIONS.items()
        ]

    def handle_bad_command_name(
        self, bad_name: str, valid_names: list[str], error: click.UsageError
    ) -> click.UsageError:
        return super().handle_bad_command_name(bad_name, list(_COMMANDS), error)


@layout.group(cls=_LazyGroup, context_settings=layout.SETTINGS)
@click.version_option(__version__, prog_name="auditor")
def cli() -> None:
    """Audit image datasets for generated images before you train on them.

    Finds images that generators made, estimates their fraction, and checks it against a policy. The exit code is the
    decision: 0 pass, 1 fail, 2 usage, 3 no audit, 4 inconclusive, 130 interrupted (129 and 143 by SIGHUP and SIGTERM).

    \b
    auditor demo && auditor scan demo-dataset   try it on a small dataset
    auditor COMMAND --help                      options and examples
    """


def main(args: list[str] | None = None) -> None:
    """Run a command and exit. An unexpected error exits 3, so that it does not look like a failed policy."""
    garbage.search_rarely()
    streams.prepare()
    with signals.stopping():
        try:
            code = cli.main(args=args, standalone_mode=False)
            sys.stdout.flush()
        except click.exceptions.Exit as stop:
            code = stop.exit_code
        except click.ClickException as error:
            usage = io.StringIO()
            error.show(usage)
            for line in usage.getvalue().splitlines():
                _tell(line)
            code = EXIT_USAGE
        except (KeyboardInterrupt, click.Abort) as error:
            _tell("interrupted: finished shards are kept; run the same command to continue")
            code = signals.exit_code(error.__cause__ if isinstance(error, click.Abort) else error)
        except AuditorError as error:
            _tell(f"ERROR {error}")
            code = EXIT_NO_AUDIT
        except (BrokenPipeError, SystemExit):  # the output was closed (| head); click raises SystemExit then
            code = streams.EXIT_CLOSED
        except OSError as error:
            code = _system_error(error)
        except Exception as error:
            code = _bug(error)
    sys.exit(code)


def _tell(text: str) -> None:
    click.echo(safe_text(text, _MAX_CHARACTERS), err=True)


def _system_error(error: OSError) -> int:
    """An error of a file is the user's to fix, and so is a full disk; another error without a file name is a bug."""
    if not isinstance(error.filename, str) and error.errno not in _NO_SPACE:
        return _bug(error)
    name = str(error.filename or "output").removesuffix(".tmp")
    _tell(f"ERROR {name}: {os.strerror(error.errno) if error.errno else error}")
    return EXIT_NO_AUDIT


def _bug(error: Exception) -> int:
    traceback.print_exc()
    _tell(f"ERROR unexpected {type(error).__name__}: {error} (a bug in auditor: please report it)")
    return EXIT_NO_AUDIT
