"""A short run of benchmarks/sampling.py: our intervals of samples cover the truth; those that ignore shards do not."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def bench():
    path = Path(__file__).parents[2] / "benchmarks" / "sampling.py"
    spec = importlib.util.spec_from_file_location("sampling_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # what it shares with others
        spec.loader.exec_module(module)
    return module


pytestmark = pytest.mark.slow


def least(count):
    """The nominal coverage minus three standard errors."""
    return 0.95 - 3 * np.sqrt(0.95 * 0.05 / count)


@pytest.mark.parametrize("read", [5, 20, 50])
@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.005, 0.02, 0.3])
def test_what_shards_decide_is_held(bench, runs, share, correlation, read):
    ours, naive = bench.decided(np.random.default_rng(1), share, correlation, read, count := runs(200, 100))
    assert ours[0] >= least(count)
    if correlation >= 0.1 and share >= 0.02:
        assert naive[0] < 0.6
    if correlation == 0 and share == 0.3 and read == 50:
        assert ours[1] < 1.25 * naive[1]  # shards that are alike cost little


@pytest.mark.parametrize(("share", "correlation"), [(0.0, 0.0), (0.01, 0.0), (0.3, 0.1), (0.1, 0.3)])
def test_what_flags_of_shards_say_is_held(bench, runs, share, correlation):
    ours, _ = bench.estimated(np.random.default_rng(2), share, correlation, 20, count := runs(200, 100))
    assert ours[0] >= least(count)


@pytest.mark.parametrize(("share", "correlation"), [(0.0, 0.0), (0.02, 0.3), (0.1, 0.1)])
def test_what_labels_in_shards_say_is_held(bench, share, correlation):
    ours, naive = bench.labelled(np.random.default_rng(3), share, correlation, 20, 60)
    assert ours[0] >= least(60)
    assert ours[1] >= naive[1]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3])
def test_a_sample_shared_out_among_domains_is_no_worse_than_one_by_one(bench, runs, share):
    ours, _, off = bench.shared_out(np.random.default_rng(4), share, 0.3, count := runs(200, 100))
    assert ours[0] >= least(count)
    assert off < 1.15
