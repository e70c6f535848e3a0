"""Some rows of a dataset again: the very ones that the evidence tells of."""

import pyarrow.parquet as pq
import pytest
from making import encoded, tar, write

from auditor.audit import make_engine, run_audit
from auditor.config import Config
from auditor.evidence_store.selection import RowRef, pick
from auditor.evidence_store.store import Store
from auditor.readers import choose
from auditor.types import Need

CONFIG = Config.of(depth=Need.ROW)


def folder(path):
    for number in range(30):
        write(path / f"images/{number:02}.png", encoded(width=8, height=8, seed=number))
    return path / "images"


def tars(path):
    (path / "tars").mkdir()
    for shard in range(2):
        members = [(f"{shard}{n:02}.png", encoded(width=8, height=8, seed=n)) for n in range(12)]
        tar(path / f"tars/{shard:05}.tar", members)
    return path / "tars"


def table(path):
    rows = [f"https://example.org/{number % 5}.jpg\tsame" for number in range(40)]
    return write(path / "urls.tsv", "url\tcaption\n" + "\n".join(rows))


@pytest.mark.parametrize("dataset", [folder, tars, table])
def test_rows_come_back_as_evidence_numbers_them(tmp_path, dataset):
    inputs = dataset(tmp_path)
    run_audit(inputs, tmp_path / "out", CONFIG, make_engine(1, "serial"))
    wanted, expected = {}, {}
    for part in Store(tmp_path / "out").parts():
        rows = pq.read_table(part.path, columns=["key", "image"]).to_pylist()
        wanted[part.shard] = range(0, len(rows), 7)
        expected |= {RowRef(part.shard, n): (rows[n]["key"], rows[n]["image"]) for n in wanted[part.shard]}
    shards = [shard for input, reader in choose(inputs, CONFIG.scan.read) for shard in reader.shards(input)]
    assert {place: (item.key, item.image) for place, item in pick(shards, wanted)} == expected
    assert len(expected) >= 4


def test_a_row_that_is_gone_is_left_out(tmp_path):
    inputs = folder(tmp_path)
    [shard] = [shard for input, reader in choose(inputs, CONFIG.scan.read) for shard in reader.shards(input)]
    found = pick([shard], {shard.id: {29, 30, 5}, "no such shard": {0}})
    assert [place.number for place, _ in found] == [5, 29]
