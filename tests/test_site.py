"""The site of the documentation, as `make docs` builds it: complete, and every link leads somewhere."""

import dataclasses
import inspect
import pathlib
import re
import subprocess
import sys
import typing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from commands import environment

import auditor
from auditor import config

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]
PARTS = (
    config.Config,
    config.ScanConfig,
    config.SamplingConfig,
    config.EstimateConfig,
    config.ReadOptions,
    config.Limits,
)
for library in ("sphinx", "myst_parser", "furo"):
    pytest.importorskip(library, reason="the site needs the extra `docs`")


class Page(HTMLParser):
    """The ids and the links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.ids.add(known.get("id") or "")
        self.links += [known[name] for name in ("href", "src") if known.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Built by the words of the Makefile's recipe, into another folder."""
    recipe = re.search(r"^\t\S+/python (-m sphinx .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    build = tmp_path_factory.mktemp("build")
    words = recipe.replace("build/", f"{build}/").split()
    built = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, env=environment())
    assert built.returncode == 0, built.stderr
    return build / "site"


@pytest.fixture(scope="module")
def reference(site) -> str:
    return (site / "reference" / "python-api.html").read_text()


def test_every_public_name_is_in_the_reference(reference):
    ids = Page(reference).ids
    assert [name for name in auditor.__all__ if f"auditor.{name}" not in ids] == []


def test_every_type_that_a_public_function_takes_or_returns_is_in_the_reference(reference):
    known = (
        {id.rpartition(".")[2] for id in Page(reference).ids} | {"PathLike", "Inputs"} | {*dir(typing), *dir(pathlib)}
    )
    for name in set(auditor.__all__) - {"AuditorError", "Config", "Policy"}:
        signature = inspect.signature(getattr(auditor, name))
        annotations = [signature.return_annotation, *(given.annotation for given in signature.parameters.values())]
        words = {word for annotation in annotations for word in re.findall(r"\b[A-Z]\w+", str(annotation))}
        assert sorted(words - known - {"None", "DataFrame"}) == [], name


def test_every_field_of_the_configuration_is_in_the_reference_with_its_type(reference):
    for part in PARTS:
        name = "auditor.Config" if part is config.Config else f"auditor.config.{part.__name__}"
        for field in dataclasses.fields(part):
            entry = rf'<dt class="[^"]*" id="{name}\.{field.name}">(.*?)</dt>\s*<dd>(.*?)</dd>'
            found = re.search(entry, reference, re.DOTALL)
            assert found, f"{name}.{field.name}"
            signature, docstring = (re.sub("<[^>]+>", "", html).strip() for html in found.groups())
            assert re.match(rf"{field.name}: \w+", signature), f"{name}.{field.name} has no type"
            assert docstring, f"{name}.{field.name} has no docstring"


def test_every_page_can_be_searched_and_reached_from_the_first_one(site):
    pages = {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in (ROOT / "docs").rglob("*.md")}
    links = {link.partition("#")[0] for link in Page((site / "index.html").read_text()).links}
    assert sorted(page for page in pages - {"index"} if f"{page}.html" not in links) == []
    index = (site / "searchindex.js").read_text()
    assert sorted(page for page in pages if f'"{page}"' not in index) == []


def test_no_link_of_the_site_is_broken(site):
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"\w+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (path.parent / name.partition("?")[0]).resolve() if name else path
            assert target.exists(), f"{path.name}: {link}"
            assert not anchor or target not in pages or anchor in pages[target].ids, f"{path.name}: {link}"
