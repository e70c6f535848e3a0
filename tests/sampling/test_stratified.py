"""Stratified samples: proportional to within one row per domain, with the same inclusion probability for all rows."""

import csv

import numpy as np
import pytest
import saving
from hypothesis import given
from hypothesis import strategies as st
from making import encoded, write

import auditor
from auditor.audit import drawn, make_engine, run_audit
from auditor.config import Config
from auditor.readers import choose
from auditor.sampling.rows import Allocation
from auditor.sampling.stratified import DomainCounts, allocation, lowest_of_each
from auditor.types import Need

COUNTS = st.lists(st.integers(1, 500), min_size=1, max_size=60)


@given(COUNTS, st.integers(1, 5000), st.integers(0, 50))
def test_each_domain_gives_its_share_to_within_one_row(counts, most, seed):
    counts = np.array(counts)
    given = allocation(counts, most, seed)
    exact = counts * min(1.0, most / counts.sum())
    assert given.sum() == min(most, counts.sum())
    assert (np.floor(exact - 1e-9) <= given).all()
    assert (given <= np.ceil(exact + 1e-9)).all()
    assert (given <= counts).all()


def test_domains_too_small_for_a_row_of_their_own_have_their_chance():
    counts = np.array([1] * 200 + [800])
    drawn = np.mean([allocation(counts, 100, seed) for seed in range(2000)], axis=0)
    assert drawn[200] == pytest.approx(80, abs=0.1)
    assert drawn[:200].mean() == pytest.approx(0.1, abs=0.001)
    assert abs(drawn[:200] - 0.1).max() < 5 * np.sqrt(0.09 / 2000)


def test_as_many_rows_as_a_web_has_are_shared_out_exactly():
    counts = np.array([4_000_000_000, 1_850_000_000, 3])
    given = allocation(counts, 3_000_000_000, 1)
    assert given.sum() == 3_000_000_000
    assert abs(given[0] - 3_000_000_000 * 4_000_000_000 / 5_850_000_003) < 1


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=20), max_size=8))
def test_counts_add_up_however_they_come(shards):
    counted = DomainCounts()
    for shard in shards:
        counted.add(*(column.astype(kind) for column, kind in zip(np.unique(shard, return_counts=True), ("u8", "i8"), strict=True)))  # fmt: skip
    domains, counts = counted.result()
    every = [domain for shard in shards for domain in shard]
    assert dict(zip(domains.tolist(), counts.tolist(), strict=True)) == {d: every.count(d) for d in set(every)}


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 100)), max_size=60),
    st.lists(st.integers(0, 9), min_size=5, max_size=5),
)
def test_the_first_of_each_domain_are_its_lowest_places(rows, given):
    domains, places = (np.array([row[which] for row in rows], np.uint64) for which in (0, 1))
    found = lowest_of_each(domains, places, np.arange(5, dtype=np.uint64), np.array(given))
    for domain in range(5):
        mine = sorted(place for d, place in rows if d == domain)[: given[domain]]
        assert found[1][found[0] == domain].tolist() == mine


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), max_size=20), st.integers(0, 2**64 - 1))
def test_shares_are_found_by_domain(numbers, stranger):
    domains = np.array(sorted(numbers), np.uint64)
    shares = Allocation.of(domains, np.array([numbers[int(domain)] for domain in domains], np.uint64))
    assert {domain: shares.number(domain) for domain in numbers} == numbers
    assert shares.number(stranger) == numbers.get(stranger)


# ---- the audit

SIZES = {"a.org": 120, "b.org": 60, "c.org": 17, "d.org": 3}


def dataset(path):
    """A table of one small image under many names, from several domains, in chunks of at most 500 rows."""
    rows = [
        (f"https://{host}/{n}.png", f"{host}-{n}", f"{host}-{n}.png")
        for host, size in SIZES.items()
        for n in range(size)
    ]
    for _, _, name in rows:
        write(path / name, encoded("PNG"))
    with (path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("url", "id", "image"), *rows])
    return path / "rows.csv"


def scan(inputs, out, **config):
    return saving.finished(
        run_audit(inputs, out, Config.of(detectors=("host-prior",), **config), make_engine(1, "serial")), out
    )


def by_domain(out):
    rows = auditor.evidence(out)
    return rows[rows.sampled].source.value_counts().to_dict()


def test_each_domain_is_in_the_sample_in_proportion(tmp_path):
    inputs = dataset(tmp_path / "set")
    for seed in range(3):
        audit = scan(inputs, tmp_path / f"{seed}", sample=50, stratify="domain", seed=seed)
        assert (audit.sample.rows, audit.counts.rows, audit.config.sampling.stratify) == (50, 200, "domain")
        found = by_domain(tmp_path / f"{seed}")
        assert (found["a.org"], found["b.org"]) == (30, 15)
        assert found["c.org"] in (4, 5)
        assert found.get("d.org", 0) in (0, 1)


def test_it_is_the_same_sample_again_however_rows_are_spread(tmp_path):
    inputs = dataset(tmp_path / "set")
    config = Config.of(detectors=("host-prior",), sample=50, stratify="domain", depth=Need.PIXELS)
    shards = [shard for input, reader in choose(inputs, config.scan.read) for shard in reader.shards(input)]
    alone, together = (drawn(shards, config, engine) for engine in (make_engine(1, "serial"), make_engine(2)))
    assert alone == together
    assert (alone.rows, alone.population_size) == (50, 200)
    assert alone != drawn(shards, Config.of(sample=50, stratify="domain", seed=1), make_engine(1, "serial"))


def test_the_audited_dataset_is_known_again_and_kept(tmp_path):
    inputs, kept = dataset(tmp_path / "set"), []

    class Kept:
        def planned(self, plan):
            kept.append(plan.kept)

        def advanced(self, rows):
            pass

    for config in ({"stratify": "domain"}, {"stratify": "domain"}, {}):
        made = Config.of(detectors=("host-prior",), sample=50, **config)
        audit = run_audit(inputs, tmp_path / "out", made, make_engine(1, "serial"), listener=Kept())
        assert auditor.is_same_dataset(audit, inputs, jobs=1)
    assert kept == [0, 200, 0]


def test_a_sample_of_everything_is_a_full_scan(tmp_path):
    assert scan(dataset(tmp_path / "set"), tmp_path / "out", sample=200, stratify="domain").sample is None
