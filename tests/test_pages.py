"""Every command and every output in the README and in docs/ is what the program does (tests/support/pages.py says how).

`python tests/test_docs.py` writes the outputs anew.
"""

import gc
import importlib.util
import re
import tomllib
from unittest import mock

import desk
import pages
import pytest
from pages import PAGES, ROOT, blocks, page_text

from auditor.api import records
from auditor.policy import policy

pytestmark = pytest.mark.system

pytest.importorskip("skimage", reason="the demo dataset needs the extra `demo`")
WITH_BLOCKS = [name for name in PAGES if any(block.kind in ("sh", "python") for block in blocks(page_text(name)))]
NEEDING = [
    pytest.param(name, block.notes["needs"], id=f"{name}-{block.notes['needs']}")
    for name in PAGES
    for block in blocks(page_text(name))
    if "needs" in block.notes
]


@pytest.fixture(scope="module")
def no_reports():
    """report.html is left empty: it takes half of the time of a small scan, and has tests of its own."""
    render = records.render

    def without(audit, decision, format, **more):
        return "" if format == "html" else render(audit, decision, format, **more)

    with mock.patch.object(records, "render", without):
        yield


@pytest.fixture(scope="module")
def read(no_reports, tmp_path_factory):
    """read(page): the reader of a page who has come to its end, and (block, output block, what was printed)."""
    base = tmp_path_factory.mktemp("pages")
    (base / "desk").mkdir()
    desk.prepare(base / "desk")
    finished = {}

    def once(name: str):
        if name not in finished:
            folder = base / re.sub(r"\W", "-", name)
            folder.mkdir()
            reader = pages.Reader(name, base / "desk", folder)
            finished[name] = reader, list(pages.outputs(reader))
        return finished[name]

    return once


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_a_page_does_what_it_says(read, name):
    for block, expected, printed in read(name)[1]:
        if expected is not None:
            assert (printed or "").rstrip() == expected.code.rstrip(), block.code


@pytest.mark.filterwarnings("ignore")  # webdataset leaves files open
@pytest.mark.parametrize(("name", "library"), NEEDING)
def test_a_recipe_works_with_its_library(read, name, library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    reader, _ = read(name)
    found = blocks(page_text(name))
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.notes.get("needs") == library:
            assert after.kind == "output"
            assert reader.run_recipe(block).rstrip() == after.code.rstrip()
    gc.collect()


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_commands_that_are_not_run_are_parsed(name):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for block in blocks(page_text(name)):
        lines = block.lines if block.kind == "sh" and "not run" in block.notes else []
        for words in [words for line in lines for words in pages.words_of(line)]:
            if words[0] == "auditor":
                pages.parse(words)
            elif words[0] == "python":
                assert (ROOT / words[1]).exists() or words[1] == "train.py", words
            for extra in re.findall(r"\[([\w,-]+)\]", " ".join(words)):
                assert set(extra.split(",")) <= set(extras), words


@pytest.mark.parametrize("name", PAGES)
def test_policies_of_pages_are_policies(name):
    for block in blocks(page_text(name)):
        if block.kind == "toml":
            policy.parse(block.code if "[rules" in block.code else policy.DEFAULT + block.code)


def test_the_tutorial_explains_lines_that_are_printed():
    text = page_text("docs/tutorial/first-dataset.md")
    printed = "".join(block.code for block in blocks(text) if block.kind == "output")
    explained = re.findall(r"^- \*\*(\w+)\*\*: ", text, re.MULTILINE)
    assert explained
    assert [name for name in explained if not re.search(rf"^{name}\b", printed, re.MULTILINE)] == []


def test_code_in_guides_is_fenced():
    """Otherwise it would not be run."""
    for name in PAGES:
        if "benchmarks" not in name:
            outside = re.sub(r"^```.*?^```$", "", page_text(name), flags=re.MULTILINE | re.DOTALL)
            assert not re.search(r"^    \S", outside, re.MULTILINE), name


def test_blocks_that_are_not_run_say_why():
    assert all(block.notes[note] for name in PAGES for block in blocks(page_text(name)) for note in block.notes)
    wrong = [(name, note) for name in PAGES for block in blocks(page_text(name)) for note in block.notes
             if note not in ("not run", "needs", "file", "output")]  # fmt: skip
    assert wrong == []
