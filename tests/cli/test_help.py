"""Help: groups, examples that run, lines that fit; near names of what does not exist."""

import re
import shutil

import click
import making
import pytest
from commands import run

from auditor import cli


def commands(group: click.Group = cli.cli, words: tuple[str, ...] = ()):
    """Every command with its words, groups included."""
    yield words, group
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = {" ".join(words): command for words, command in commands()}


def help_of(words: str, columns: int = 80) -> list[str]:
    return run(*words.split(), "--help", env={"COLUMNS": str(columns)}).stdout.splitlines()


def test_the_help_of_scan_fits_two_screens_of_48_lines():
    lines = help_of("scan")
    assert len(lines) <= 2 * 48
    assert [line.rstrip(":") for line in lines if line.endswith(":") and line[0] != " "] == [
        "Input", "What to look for", "How much", "Labels and models", "Decision", "Output", "Run",
    ]  # fmt: skip


def test_the_help_of_scan_shows_every_option_and_three_examples_before_them():
    text = "\n".join(help_of("scan"))
    names = [name for option in ALL["scan"].params for name in option.opts if name.startswith("--")]
    assert [name for name in names if not re.search(rf"(?<!\S){name}(?![\w-])", text)] == []
    assert len(re.findall(r"^  auditor scan ", text.partition("Input:")[0], re.MULTILINE)) == 3


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("words", ALL)
def test_lines_fit_and_no_word_is_broken(words, columns):
    for line in help_of(words, columns):
        assert len(line) < columns or line.startswith("  auditor ")  # examples are not wrapped
        assert not re.search(r"\w-$", line)
        assert "\u2011" not in line


def test_short_texts_of_commands_are_whole_at_80_columns():
    for words in ("", "index", "models"):
        assert not [line for line in help_of(words)[1:] if line.endswith("...")]


@pytest.mark.parametrize("words", ["", "index", "models"])
def test_a_group_alone_shows_its_help_and_exits_0(words):
    result = run(*words.split())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0].startswith("Usage: auditor")
    assert result.stdout == run(*words.split(), "--help").stdout


def test_every_command_is_in_one_section():
    lines = help_of("")
    for name in cli.cli.list_commands(None):
        assert sum(line.startswith(f"  {name} ") for line in lines) == 1
    assert "Other commands:" not in lines


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("scna set", "Did you mean 'scan'?"),
        ("index serch", "Did you mean 'search'?"),
        ("scan set --polcy x", "Did you mean '--policy'?"),
        ("gate audit --lables x", "Did you mean '--labels'?"),
        ("scan set --with c2pb", "did you mean c2pa?"),
    ],
)
def test_the_near_name_of_what_does_not_exist_is_suggested(tmp_path, words, near):
    (tmp_path / "set").mkdir()
    (tmp_path / "audit").mkdir()
    result = run(*words.split(), cwd=tmp_path)
    assert result.returncode == 2
    assert near in result.stderr


def examples(words: str) -> list[str]:
    """The example lines of a command's help, without the remarks beside them."""
    lines = (line.strip() for line in help_of(words, 100) if line.startswith("  auditor "))
    return [re.split(r"\s{2,}", line)[0] for line in lines]


def every_example() -> list[str]:
    found = dict.fromkeys(line for words in ALL for line in examples(words))
    return [line for line in found if "COMMAND" not in line and "demo" not in line]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with what the examples name."""
    base = tmp_path_factory.mktemp("examples")
    for number in range(12):
        for name in ("photos", "mine", "theirs", "generated"):
            making.write(base / name / f"{number % 2}/{number:02d}.png", making.png(width=256, height=256, seed=number))
    making.write(base / "photo.jpg", making.png())
    (base / "wds").mkdir()
    making.tar(base / "wds/0.tar", [("0.png", making.png()), ("1.png", making.png(seed=1))])
    making.write(base / "policy.toml", "[rules.declared]\nmax = 0.5\n")
    labels = "".join(f"{number % 2}/{number:02d}.png,real\n" for number in range(12))
    making.write(base / "labels.csv", f"key,label\n{labels}")
    for words in ("scan photos --out audit", "scan photos --out last-month", "scan mine/0 --out audit-1",
                  "scan mine/1 --out audit-2"):  # fmt: skip
        assert run(*words.split(), "--exit-zero", cwd=base).returncode == 0
    return base


# Their subjects have tests of their own: calibration, fetching, label pages.
ELSEWHERE = ("auditor calibrate", "auditor scan urls.parquet", "auditor label")


@pytest.mark.system
@pytest.mark.parametrize("line", every_example())
def test_every_example_runs_as_it_stands(workplace, tmp_path, line):
    words = line.removeprefix("auditor ").split()
    if line.startswith(ELSEWHERE):
        assert ALL[words[0]].make_context(words[0], words[1:], resilient_parsing=True)
        return
    folder = shutil.copytree(workplace, tmp_path / "copy")
    if words[0] in ("scan", "merge"):
        shutil.rmtree(folder / "audit")
    if "--index" in words:
        assert run("index", "build", "generated.index", "generated/", cwd=folder).returncode == 0
    result = run(*words, cwd=folder)
    assert result.returncode in (0, 1, 4), result.stderr
    assert "Traceback" not in result.stderr
