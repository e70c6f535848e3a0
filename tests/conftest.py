"""What tests share."""

from __future__ import annotations

import os
from pathlib import Path

import encoding
import hypothesis
import pytest
import saving
from properties import FULL, USUAL

from auditor import audit
from auditor.config import ReadOptions
from auditor.embeddings.embedded_encoder import EmbeddedEncoder
from auditor.plugin import Input
from auditor.readers import listing, reader_for
from auditor.registry import load
from auditor.storage import files
from auditor.types import Sample, Unreadable

hypothesis.settings.register_profile("usual", deadline=None, max_examples=USUAL)  # a busy machine is no failure
hypothesis.settings.register_profile("full", deadline=None, max_examples=FULL)

DATA = Path(os.environ.get("AUDITOR_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-simulations", action="store_true", help="as many runs as simulations were written for")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("full" if config.getoption("--full-simulations") else "usual")


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest):
    """runs(200, 70): how often to draw; 200 times with --full-simulations alone. For tests with the marker `slow`."""
    is_full = request.config.getoption("--full-simulations")
    return lambda full, reduced: full if is_full else reduced


def pytest_report_header() -> str:
    return f"real data: {'found' if DATA.exists() else 'ABSENT, its tests are skipped'} (AUDITOR_TEST_DATA={DATA})"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real files to test with, which is no part of the project."""
    if not DATA.exists():
        pytest.skip(f"no real data at {DATA}; AUDITOR_TEST_DATA names another place")
    return DATA


def opened(profile: Path):
    """A real browser, see tests/support/browsing.py."""
    import browsing

    pytest.importorskip("selenium", reason="the extra `test` is not installed")
    if why := browsing.missing():
        pytest.skip(why)
    found = browsing.Browser(profile)
    yield found
    found.close()


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory):
    """One of the test's own.

    A second each: Chromium may lose what a page keeps soon after the storage of the page before was cleared.
    """
    yield from opened(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def _shared_browser(tmp_path_factory: pytest.TempPathFactory):
    yield from opened(tmp_path_factory.mktemp("browser"))


@pytest.fixture
def tab(_shared_browser):
    """A new tab of a browser that tests share: for pages that keep nothing, or whose host and port no other has."""
    _shared_browser.renew()
    return _shared_browser


@pytest.fixture(scope="module", autouse=True)
def _each_picture_is_encoded_once(request: pytest.FixtureRequest):
    """But in modules with the marker `encoder`, whose subject the embedded model is."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("encoder") is None:
            patch.setattr(EmbeddedEncoder, "_encoded", encoding.once)
        yield


@pytest.fixture(autouse=True)
def _no_stale_listings() -> None:
    files.forget()


@pytest.fixture
def read_all():
    """Every row of an input, by the reader that is chosen for it: (reader id, rows)."""

    def read(path: str | Path, forced: str | None = None, **options: object) -> tuple[str, list[Sample | Unreadable]]:
        input: Input = listing.parse(path, ReadOptions(input_format=forced, **options))
        reader = reader_for(input)
        return reader.id, [row for shard in reader.shards(input) for row in load("readers", shard.reader)().read(shard)]

    return read


@pytest.fixture
def scan(tmp_path: Path):
    """An audit in this process, with its audit.json: scan(path, out=…, detectors=…)."""

    def run(*paths: str | Path, out: str = "audit", restart: bool = False, **config: object):
        chosen = saving.config(tmp_path, **config)
        found = audit.run_audit(paths, tmp_path / out, chosen, audit.make_engine(1, "serial"), restart=restart)
        return saving.finished(found, tmp_path / out)

    return run


@pytest.fixture
def community_forensics(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model in the place and under the name of that detector's; the folder of optional models."""
    pytest.importorskip("onnx", reason="small models are made with onnx")
    import models

    folder = tmp_path_factory.mktemp("models")
    weights = models.classifier(folder / "made.onnx")
    weights.rename(models.pin(monkeypatch, folder, weights).path)
    return folder
