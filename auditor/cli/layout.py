"""Commands whose help has options in groups (cloup), and no line that ends within a word.

Use `command`, `group` and `option` instead of click's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import click
import cloup
from cloup.formatting import HelpFormatter

_NON_BREAKING_HYPHEN = "\u2011"
_COLUMN = 26  # of options, in characters; a longer option has its text on the next line


class _Formatter(HelpFormatter):
    """Keeps words like `--sample-shards` on one line: textwrap breaks lines after hyphens."""

    def write_text(self, text: str, *args: Any, **options: Any) -> None:
        super().write_text(_unbroken(text), *args, **options)

    def write_dl(self, rows: Iterable[Any], *args: Any, **options: Any) -> None:
        super().write_dl([(first, _unbroken_later(text)) for first, text in rows], *args, **options)

    def getvalue(self) -> str:
        return super().getvalue().replace(_NON_BREAKING_HYPHEN, "-")


def _unbroken(text: str) -> str:
    return text.replace("-", _NON_BREAKING_HYPHEN)


def _unbroken_later(text: str | Callable[[int], str]) -> str | Callable[[int], str]:
    """The same of a text, or of a function from a width to a text."""
    return (lambda width: _unbroken(text(width))) if callable(text) else _unbroken(text)


class _Context(cloup.Context):
    formatter_class = _Formatter


class Option(cloup.Option):
    """An option whose range is in its text or in its error, and not in brackets in the help."""

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Click's additions to the text: the default."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class Command(cloup.Command):
    """A command with option groups."""

    context_class = _Context


class Group(cloup.Group):
    """A group of commands. Without a command, it prints its help and exits 0."""

    context_class = _Context
    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As the base class does; ends with the help if there are no arguments."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


SETTINGS = cloup.Context.settings(
    help_option_names=["-h", "--help"],
    max_content_width=100,
    formatter_settings=HelpFormatter.settings(col1_max_width=_COLUMN),
)
command = partial(cloup.command, cls=Command)


def group(
    name: str | None = None, *, cls: type[Group] = Group, **options: Any
) -> Callable[[Callable[..., Any]], Group]:
    """cloup.group, with this module's Group."""
    return cloup.group(name, cls=cls, **options)


option = partial(cloup.option, cls=Option)
option_group = cloup.option_group
help_option = click.help_option(*SETTINGS["help_option_names"])  # to name its group
