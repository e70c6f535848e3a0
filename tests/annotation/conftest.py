"""A labelling task, and the page that serves it."""

import labelled
import pytest


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return labelled.task(tmp_path_factory.mktemp("labelling"))


@pytest.fixture
def server(task, tmp_path):
    with labelled.served(task, tmp_path / "labels.csv") as running:
        yield running
