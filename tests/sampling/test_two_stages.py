"""Rows that are drawn from drawn shards: what is read, what the interval says, and when it happens by itself."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import saving
from making import A1111, png, tar
from scipy.stats import binom

import auditor
from auditor.audit import make_engine, run_audit
from auditor.config import MANY_ROWS, USUAL_SHARDS, Config, SamplingConfig
from auditor.errors import DatasetError
from auditor.estimate.clusters import effective_sample_size
from auditor.estimate.design import ClusterSample
from auditor.estimate.intervals import effective_interval
from auditor.plugin import Input, Shard
from auditor.sampling.shards import with_two_stages
from reports import phrases


def tars(path, shards=8, rows=10):
    """A folder of tars, every third image of which declares to be synthetic."""
    path.mkdir()
    for number in range(shards):
        images = [png({"parameters": A1111} if k % 3 == 0 else {}, seed=100 * number + k) for k in range(rows)]
        tar(path / f"{number:05}.tar", [(f"{number:03}{k:02}.png", data) for k, data in enumerate(images)])
    return path


def scan(inputs, out, **config):
    config = Config.of(detectors=("generator-text",), **config)
    return saving.finished(run_audit(inputs, out, config, make_engine(1, "serial")), out)


def test_rows_are_drawn_from_the_shards_that_are_read_and_no_others_are_opened(tmp_path):
    found = scan(tars(tmp_path / "set"), tmp_path / "out", sample_shards=4, sample=12)
    rows = auditor.evidence(tmp_path / "out")
    assert (found.shards.read, found.shards.of) == (4, 8)
    assert (found.counts.rows, found.sample.rows) == (40, 12)
    assert len({place.partition("::")[0] for place in rows.image}) == 4
    assert rows.sha256[~rows.sampled].isna().all()
    assert found.shards.declared.n == 12
    assert found.confirmed.low <= 4 / 10 <= found.confirmed.high
    said = phrases.sample(found)
    assert "4 of 8 shards were read" in said
    assert "12 of the 40 rows of these shards were checked in full" in said


def test_a_sample_of_all_rows_of_the_shards_is_that_of_whole_shards(tmp_path):
    inputs = tars(tmp_path / "set")
    some, whole = (scan(inputs, tmp_path / f"{n}", sample_shards=4, sample=n) for n in (40, None))
    assert (some.confirmed, some.sample, some.shards) == (whole.confirmed, None, whole.shards)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
@pytest.mark.parametrize("correlation", [0.0, 0.3])
@pytest.mark.parametrize(("read", "per_shard"), [(20, 10), (20, 200), (150, 10)])
def test_the_interval_holds_the_truth(share, correlation, read, per_shard, runs):
    """Of 200 shards of 250 rows, `read` are drawn, and `per_shard` rows on average of each."""
    rng, shards, rows, missed, count = np.random.default_rng(3), 200, 250, 0, runs(1000, 100)
    for _ in range(count):
        odds = 1 / correlation - 1 if correlation else 0
        fractions = rng.beta(share * odds, (1 - share) * odds, shards) if odds else np.full(shards, share)
        synthetic = rng.binomial(rows, fractions)
        drawn = rng.choice(shards, read, replace=False)
        sizes = rng.multivariate_hypergeometric(np.full(read, rows), read * per_shard)
        found = rng.hypergeometric(synthetic[drawn], rows - synthetic[drawn], sizes)
        n_eff = effective_sample_size(found, sizes).n_eff
        design = ClusterSample(read, shards, row_fraction=per_shard / rows)
        low, high = effective_interval(found.sum() / sizes.sum(), n_eff, design.fpc)
        missed += not low <= synthetic.sum() / (shards * rows) <= high
    assert missed <= binom.ppf(0.999, count, 0.05)


def test_the_correction_is_that_of_whole_shards_or_that_of_rows():
    assert ClusterSample(50, 100).fpc == pytest.approx(0.5**0.5)
    assert ClusterSample(100, 100, row_fraction=0.25).fpc == pytest.approx(0.75**0.5)
    assert ClusterSample(50, 100, row_fraction=1e-6).fpc == pytest.approx(1)


# ---- very large manifests


def shards(count, rows):
    return [Shard(f"{n}", Input("/x", "x"), "table", f"{n}.parquet", rows=rows) for n in range(count)]


def test_rows_to_fetch_are_drawn_from_some_shards_of_a_very_large_manifest():
    fetching, large = SamplingConfig(fetch=2000), shards(200, MANY_ROWS // 100)
    assert with_two_stages(fetching, large).sample_shards == USUAL_SHARDS
    assert with_two_stages(fetching, shards(200, 10)).sample_shards is None
    assert with_two_stages(SamplingConfig(fetch=20, sample_shards=7), large).sample_shards == 7
    assert with_two_stages(SamplingConfig(sample=2000), large).sample_shards is None
    assert with_two_stages(fetching, shards(2, MANY_ROWS)).sample_shards is None


def test_a_sample_of_a_manifest_without_images_is_refused_before_a_row_is_read(tmp_path, monkeypatch):
    pq.write_table(pa.table({"url": ["http://a.org/1.jpg"] * 9}), tmp_path / "list.parquet")

    def read(self, shard):
        raise AssertionError("a row is read")

    for name in ("read", "read_columns"):
        monkeypatch.setattr(f"auditor.readers.table.Table.{name}", read)
    with pytest.raises(DatasetError, match="only has URLs"):
        scan(tmp_path / "list.parquet", tmp_path / "out", sample=2)
