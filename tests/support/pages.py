"""The pages of the documentation, and their code blocks run as a reader runs them, in the order of the page.

```sh       each line is run in the page's folder. Commands that decide (scan, gate, merge) may exit 0, 1 or 4, others 0
```python   is run in one namespace per page
```output   is what the block before prints: standard output, and the last line of standard error (for sh)
```toml     is a policy, or with `file: NAME` the file of that name

Comments above a block:

<!-- not run: REASON -->       the commands are only parsed, by the program's own parser
<!-- needs: LIBRARY -->        the block is run if the library is installed (a test of its own, which is else skipped)
<!-- file: NAME -->            the block is written into the page's folder under this name
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import click
from commands import environment, run

from auditor import cli
from auditor.audit import make_engine
from auditor.cli.options import AuditPath
from auditor.cli.scan import configured

ROOT = Path(__file__).parents[2]
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1"}
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
DECIDING = ("scan", "gate", "merge")
_BLOCK = re.compile(r"(?P<notes>(?:^<!-- .*? -->\n)*)^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"^<!-- ([\w ]+): (.*?) -->$", re.MULTILINE | re.DOTALL)
_OPERATORS = ("&&", "|", ">", ";", "||", ">>")


@dataclass(frozen=True)
class Block:
    """A fenced block: its place on the page, its language, its text, and the comments above it."""

    number: int
    kind: str
    code: str
    notes: dict[str, str]

    @property
    def lines(self) -> list[str]:
        """The commands of a sh block, a line each, without comments; a backslash continues a line."""
        lines = (re.sub(r"(^|\s)#\s.*", "", line) for line in self.code.replace("\\\n", " ").splitlines())
        return [line for line in lines if line.strip()]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(number, found["kind"], found["code"], dict(_NOTE.findall(found["notes"])))
        for number, found in enumerate(_BLOCK.finditer(text))
    ]


def page_text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def words_of(line: str) -> list[list[str]]:
    """The commands of a line, split into words at blanks, and from each other at operators."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;>")
    lexer.whitespace_split, lexer.commenters = True, ""
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in _OPERATORS:
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in found if command]


def parse(words: list[str]) -> None:
    """Raises click.UsageError or ConfigError if `auditor` does not take these words. Nothing is looked up on disk."""
    with contextlib.ExitStack() as opened:
        for kind in (click.Path, AuditPath):
            opened.enter_context(mock.patch.object(kind, "convert", lambda _self, value, *_: value))
        context = opened.enter_context(cli.cli.make_context("auditor", list(words[1:])))
        command: click.Command = cli.cli
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None
            context = opened.enter_context(command.make_context(name, rest, parent=context))
        if name == "scan":
            configured(context.params)


@contextlib.contextmanager
def serially() -> Iterator[None]:
    """Everything runs in this process: workers cost a second each."""
    with contextlib.ExitStack() as around:
        for module in ("audits", "indexes"):
            target = f"auditor.api.{module}.make_engine"
            around.enter_context(mock.patch(target, return_value=make_engine(1, "serial")))
        yield


class Reader:
    """Runs the blocks of one page in a copy of the desk (desk.py).

    Pages on the demo dataset begin without an audit. The README is read here and there: each block has its own copy.
    """

    def __init__(self, name: str, desk: Path, base: Path) -> None:
        self.name, self._desk, self._base = name, desk, base
        self._names: dict[str, object] = {"__name__": "__main__"}
        self.folder = self._copy(page_text(name))

    def _copy(self, text: str) -> Path:
        folder = self._base / f"copy-{len(list(self._base.iterdir()))}"
        shutil.copytree(self._desk, folder)
        if "demo-dataset" in text:
            shutil.rmtree(folder / "audit")
        return folder

    def run(self, block: Block) -> str | None:
        """What a block prints; None if it is not one that runs. Raises AssertionError if it fails."""
        if self.name == "README.md":
            self.folder = self._copy(block.code)
        if name := block.notes.get("file"):
            (self.folder / name).write_text(block.code)
        if "not run" in block.notes:
            return None
        if block.kind == "sh":
            return "".join(self._shell(line) for line in block.lines)
        return self._python(block.code, self._names) if block.kind == "python" else None

    def run_recipe(self, block: Block) -> str:
        """What a python block prints after the page; its names are forgotten."""
        return self._python(block.code, dict(self._names))

    def _python(self, code: str, names: dict[str, object]) -> str:
        printed = io.StringIO()
        with contextlib.ExitStack() as around:
            around.enter_context(contextlib.chdir(self.folder))
            around.enter_context(contextlib.redirect_stdout(printed))
            around.enter_context(mock.patch.dict("os.environ", PLAIN))
            around.enter_context(serially())
            exec(compile(code, str(self.folder), "exec"), names)
        return printed.getvalue()

    def _shell(self, line: str) -> str:
        if {"|", ">", ";", ">>"} & set(shlex.shlex(line, punctuation_chars="&|;>")):
            return self._process(line)
        printed = ""
        for words in words_of(line):  # joined by &&
            text, code = self._command(words)
            printed += text
            if code:
                break
        return printed

    def _command(self, words: list[str]) -> tuple[str, int]:
        if words[0] != "auditor":
            return self._process(shlex.join(words)), 0
        with serially():
            result = run(*words[1:], cwd=self.folder, env=PLAIN)
        allowed = (0, 1, 4) if words[1] in DECIDING else (0,)
        assert result.returncode in allowed, f"{shlex.join(words)}\n{result.stdout}{result.stderr}"
        last = result.stderr.strip().splitlines()[-1:]
        return "".join(f"{text.rstrip()}\n" for text in (result.stdout, *last) if text.strip()), result.returncode

    def _process(self, line: str) -> str:
        """Through a real shell, for which tests/support/bin has the commands that pages use."""
        path = f"{Path(__file__).parent / 'bin'}:{environment()['PATH']}"
        ran = subprocess.run(
            ["bash", "-c", line],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment(**PLAIN, PATH=path, PYTHON=sys.executable),
        )
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


def outputs(reader: Reader) -> Iterator[tuple[Block, Block | None, str | None]]:
    """Runs a page: each block, the output block behind it, and what was printed.

    Blocks that need a library are left to tests of their own.
    """
    found = blocks(page_text(reader.name))
    for block, after in zip(found, [*found[1:], None], strict=True):
        if "needs" not in block.notes and block.kind != "output":
            printed = reader.run(block)
            yield block, after if after and after.kind == "output" else None, printed


def updated(reader: Reader) -> str:
    """A page with the outputs that the program prints now; recipes that need a library keep theirs."""
    printed = {after.number: text for _, after, text in outputs(reader) if after is not None and text is not None}
    numbers = itertools.count()

    def new(found: re.Match[str]) -> str:
        text = printed.get(next(numbers))
        return found[0] if text is None else f"{found['notes']}```output\n{text.rstrip()}\n```"

    return _BLOCK.sub(new, page_text(reader.name))
