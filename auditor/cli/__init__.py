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

from auditor import __version__
from auditor.cli import signals, streams
from auditor.errors import AuditorError
from auditor.safe_text import safe_text

_COMMANDS = (
    "scan", "gate", "explain", "report", "diff", "export", "merge", "label", "filter", "calibrate", "simulate",
    "index", "models", "doctor", "demo",
)  # fmt: skip

EXIT_USAGE, EXIT_NO_AUDIT = 2, 3
_MAX_CHARACTERS = 2000  # of an error
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
    1 fail, 2 usage, 3 no audit, 4 inconclusive, 130 interrupted (129 and 143 by SIGHUP and SIGTERM).
    """


def main(args: list[str] | None = None) -> None:
    """Run a command and exit. An unexpected error exits 3, so that it does not look like a failed policy."""
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
