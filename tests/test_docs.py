"""What the documents say is what the program does."""

import dataclasses
import importlib
import re
import sys
import tempfile
import typing
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "support"))  # for `python tests/test_docs.py`
from commands import run

from auditor import cli as program
from auditor import registry
from auditor.cli import cli, signals, streams
from auditor.config import Config
from auditor.decision import Decision
from auditor.estimate import prevalence
from auditor.policy import policy
from auditor.policy.rules import RULES
from auditor.results import Audit

ROOT = Path(__file__).parents[1]
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1"}
COMMANDS = ["", *program._COMMANDS]
pytest.importorskip("skimage", reason="the demo dataset needs the extra `demo`")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    base = tmp_path_factory.mktemp("docs")
    assert run("demo", "demo-dataset", cwd=base).returncode == 0
    return base


def block(text: str, marker: str) -> str:
    return re.search(rf"<!-- {re.escape(marker)} -->\n```text\n(.*?)```", text, re.DOTALL)[1]


def test_the_readmes_output_is_the_programs(demo):
    readme = (ROOT / "README.md").read_text()
    result = run("scan", "demo-dataset", cwd=demo, env=PLAIN)
    assert result.stdout.strip() == block(readme, "output: auditor scan demo-dataset").strip()
    last = result.stderr.strip().splitlines()[-1]
    assert f"```text\n{last}\n```" in readme


def usage(command: str) -> str:
    return run(*command.split(), "--help", env=PLAIN).stdout


def subcommands(command: str) -> list[str]:
    """A command, and the commands in it if it is a group."""
    program = cli.get_command(cli.make_context("auditor", [command or "doctor"]), command) if command else None
    return [command, *(f"{command} {name}" for name in getattr(program, "commands", ()))]


def reference() -> str:
    """docs/reference/cli.md, as it should be."""
    parts = ["# Commands\n\nWritten by `python tests/test_docs.py`; a test compares it with the program.\n"]
    names = [name for command in COMMANDS for name in subcommands(command)]
    parts += [f"## auditor {name}".rstrip() + f"\n\n```text\n{usage(name)}```\n" for name in names]
    return "\n".join(parts)


def quoted_row(first: str) -> dict[str, str]:
    """A row of the first table of docs/benchmarks/mixtures.md, by column."""
    table = re.findall(r"^\|.*", (ROOT / "docs/benchmarks/mixtures.md").read_text(), re.MULTILINE)
    heads, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in (table[0], next(
        line for line in table if line.startswith(f"| {first} |")
    )))  # fmt: skip
    found = dict(zip(heads, row, strict=True))
    return {**found, "decided": re.search(r"\((.*)\)", found["decided"])[1]}


def test_what_is_said_of_mixtures_is_the_tables():
    none, fifty = quoted_row("no labels"), quoted_row("50 labels")
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (
        f"without labels covered the true fraction in {none['cover']}, with a median width of {none['median width']}, "
        f"and decided {none['decided']} at the default limit" in readme
    )
    assert (
        f"With 50 labels without errors it covered in {fifty['cover']}, with {fifty['median width']}, and decided "
        f"{fifty['decided']}" in readme
    )
    cover = none["cover"].removesuffix(" %")
    assert any(re.search(rf"in {cover} of 100 cases", said) for said in prevalence.ASSUMPTIONS)


def test_every_page_of_measurements_is_linked_and_names_commands_that_are_there():
    guides = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "benchmarks")
    for page in (ROOT / "docs/benchmarks").glob("*.md"):
        assert f"/benchmarks/{page.name}" in guides, page.name
        scripts = re.findall(r"(?:benchmarks|tests)/\w+\.py", page.read_text())
        assert scripts, page.name
        assert all((ROOT / script).exists() for script in scripts), page.name


def test_the_reference_of_commands_is_the_programs():
    assert (ROOT / "docs/reference/cli.md").read_text() == reference()


@pytest.mark.parametrize("page", ["docs/reference/exit-codes.md"])
def test_documented_exit_codes_are_the_programs(page):
    table = (ROOT / page).read_text().partition("<!-- exit codes -->")[2]
    documented = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    used = {*policy.EXIT_CODE.values(), program.EXIT_USAGE, program.EXIT_NO_AUDIT, *signals.EXIT_CODES,
            streams.EXIT_CLOSED}  # fmt: skip
    assert documented == sorted(used)


def test_every_detector_and_every_command_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [id for id in registry.table("detectors") if f"`{id}`" not in readme] == []


def test_every_rule_and_the_default_policy_are_in_the_guide():
    guide = (ROOT / "docs/reference/policy.md").read_text()
    assert policy.DEFAULT in guide
    for id, kind in RULES.items():
        row = next(line for line in guide.splitlines() if line.startswith(f"| `{id}`"))
        assert all(f"`{setting}`" in row for setting in kind.setting_names()), id


def test_every_reader_and_every_column_is_in_the_guide():
    import pyarrow.parquet as pq

    from auditor.evidence_store import columns

    guide = (ROOT / "docs/reference/formats.md").read_text()
    assert [id for id in registry.table("readers") if f"`{id}`" not in guide] == []
    assert [name for name in columns.schema().names if f"`{name}`" not in guide] == []
    assert pq


def row_of_the_inventory(first: str) -> str:
    guide = (ROOT / "docs/reference/formats.md").read_text()
    return next(line for line in guide.splitlines() if line.startswith(f"| {first} |"))


def test_the_guide_tells_every_suffix_that_is_read_or_passed_over():
    from auditor.storage import names, tables

    guide = (ROOT / "docs/reference/formats.md").read_text()
    documented = set(re.findall(r"`\.(\w+)`", guide))
    assert set(tables.FORMATS) <= documented
    assert {suffix.rpartition(".")[2] for suffix in names.TAR_SUFFIXES if suffix.count(".") > 1} <= documented
    passed_over = re.findall(r"`\.(\w+)`", row_of_the_inventory("skipped, with a reason"))
    assert passed_over
    for suffix in passed_over:
        name = f"a.{suffix}"
        assert names.is_dataset(name), suffix
        is_read = names.is_archive(name) or names.is_image(name) or tables.is_table(name) or names.may_be_image(name)
        assert not is_read, suffix
    for suffix in re.findall(r"`a\.(\w+)`", row_of_the_inventory("sidecar of an image")):
        assert names.is_sidecar(f"a.{suffix}") or names.is_image(f"a.{suffix}"), suffix


def dataclasses_in(kind) -> set[type]:
    """The dataclasses that a type names: itself, or those in its brackets."""
    inner = [found for argument in typing.get_args(kind) for found in dataclasses_in(argument)]
    return {kind, *inner} if dataclasses.is_dataclass(kind) else set(inner)


def keys(cls) -> set[str]:
    """The keys that audit.json has for a dataclass, and for those in its fields."""
    hints = typing.get_type_hints(cls)
    inner = [key for kind in hints.values() for found in dataclasses_in(kind) for key in keys(found)]
    return {*(name.rstrip("_") for name in hints), *inner}


def test_every_key_of_audit_json_is_in_the_guide():
    guide = (ROOT / "docs/reference/formats.md").read_text()
    guide = guide.partition("### audit.json")[2].partition("### evidence/")[0]
    words = set(re.findall(r"\w+", guide))
    options = {
        *Config.of().options,
        "limits",
        "read",
        "date",
    }  # called like the options of `auditor scan`, in docs/reference/cli.md; the date is not in audit.json
    assert sorted((keys(Audit) | keys(Decision)) - options - words) == []


def test_what_guides_import_is_there():
    for path in (ROOT / "docs").rglob("*.md"):
        for module, names in re.findall(r"^ *from (auditor[\w.]*) import ([\w, ]+)$", path.read_text(), re.MULTILINE):
            for name in names.split(", "):
                assert hasattr(importlib.import_module(module), name), f"{path.name}: {module} has no {name}"


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_between_documents_lead_somewhere():
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "detectors/models").rglob("*.md")):
        for target, anchor in re.findall(r"\]\((?!\w+:)([^)#]*)#?([^)]*)\)", path.read_text()):
            page = path.parent / target if target else path
            assert page.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors(page), f"{path.name}: {target}#{anchor}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/index.md").read_text()
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    assert sorted(page for page in pages if f"({page})" not in index) == []


def rewrite(name: str, change) -> None:
    (ROOT / name).write_text(change((ROOT / name).read_text()))


def readme_outputs(text: str) -> str:
    """The README with what the program prints now."""
    with tempfile.TemporaryDirectory() as folder:
        run("demo", "demo-dataset", cwd=Path(folder))
        result = run("scan", "demo-dataset", cwd=Path(folder), env=PLAIN)
    last = re.search(r"```text\n((?:PASS|FAIL|INCONCLUSIVE) .*)\n```", text)[1]
    demo = block(text, "output: auditor scan demo-dataset")
    text = text.replace(demo, f"{result.stdout.strip()}\n")
    return text.replace(last, result.stderr.strip().splitlines()[-1])


def policy_default(text: str) -> str:
    """The guide to policies with the default policy of the program."""
    return re.sub(r'(?<=```toml\n)name = "default"\n.*?(?=```)', lambda _: policy.DEFAULT, text, flags=re.DOTALL)


def page_outputs() -> None:
    """Every output on every page anew."""
    import desk
    import pages

    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "desk")
        template.mkdir()
        desk.prepare(template)
        for number, name in enumerate(pages.PAGES):
            if any(block.kind == "output" for block in pages.blocks(pages.page_text(name))):
                own = Path(folder, str(number))
                own.mkdir()
                rewrite(name, lambda _, name=name, own=own: pages.updated(pages.Reader(name, template, own)))


if __name__ == "__main__":  # writes what the program prints into the documents
    rewrite("docs/reference/cli.md", lambda _: reference())
    rewrite("README.md", readme_outputs)
    rewrite("docs/reference/policy.md", policy_default)
    page_outputs()
