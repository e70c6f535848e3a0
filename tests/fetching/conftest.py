"""A host that behaves as badly as it is asked to, and fetchers that reach it alone."""

from functools import partial

import hosting
import pytest


@pytest.fixture
def host():
    with hosting.host() as running:
        yield running


@pytest.fixture
def fetcher(tmp_path):
    return partial(hosting.fetcher, tmp_path / "cache")
