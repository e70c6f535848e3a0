"""Sampled audits: which rows are drawn, what happens to the others, and that the numbers stand for the whole."""

import dataclasses
import math

import pandas as pd
import pytest
import saving
from hypothesis import given
from hypothesis import strategies as st
from making import encoded, png, write

import auditor
from auditor.audit import drawn, make_engine, run_audit
from auditor.config import Config
from auditor.errors import DatasetError, EvidenceError, FilterError
from auditor.readers import choose
from auditor.sampling.order import sampling_rank, sampling_ranks
from auditor.types import Need

DETECTORS = ("digital-source-type", "generator-text", "file-name-prior", "dwt-dct")
PARAMETERS = {"parameters": "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"}


def dataset(path, rows=60, declared=10):
    for number in range(rows):
        data = png(PARAMETERS, seed=number) if number < declared else encoded(seed=number)
        write(path / f"images/{number:03}.png", data)
    return path / "images"


def scan(inputs, out, **config):
    return saving.finished(
        run_audit(inputs, out, Config.of(detectors=DETECTORS, **config), make_engine(1, "serial")), out
    )


def drawn_keys(out):
    evidence = auditor.evidence(out)
    return set(evidence.key[evidence.sampled])


# ---- the order of drawing


def test_the_order_is_the_same_for_ever():
    assert [sampling_rank(key, 0) for key in ("a", "b", "ä")] == [sampling_rank(key, 0) for key in ("a", "b", "ä")]
    assert sampling_rank("000.png", 0) == 18035717126218829920
    assert sampling_rank("000.png", 1) != sampling_rank("000.png", 0)


@given(st.lists(st.text(), max_size=30), st.integers(0, 2**70))
def test_one_by_one_or_together(keys, seed):
    assert sampling_ranks(keys, seed).tolist() == [sampling_rank(key, seed) for key in keys]


def test_places_are_uniform():
    found = sampling_ranks((f"{n}.jpg" for n in range(20_000)), 3) / 2**64
    assert abs(found.mean() - 0.5) < 4 * math.sqrt(1 / 12 / 20_000)
    assert abs((found < 0.01).mean() - 0.01) < 4 * math.sqrt(0.0099 / 20_000)


# ---- which rows


def test_so_many_rows_are_drawn_and_a_larger_sample_holds_the_smaller(tmp_path):
    inputs = dataset(tmp_path)
    samples = []
    for size in (7, 25):
        audit = scan(inputs, tmp_path / f"{size}", sample=size)
        assert (audit.sample.rows, audit.counts.rows, audit.counts.ok) == (size, 60, 60)
        samples.append(drawn_keys(tmp_path / f"{size}"))
    assert samples[0] < samples[1]


def test_another_seed_draws_others(tmp_path):
    inputs = dataset(tmp_path)
    for seed in (0, 1):
        scan(inputs, tmp_path / f"{seed}", sample=10, seed=seed)
    assert drawn_keys(tmp_path / "0") != drawn_keys(tmp_path / "1")


def test_a_sample_of_everything_is_a_full_scan(tmp_path):
    inputs = dataset(tmp_path, rows=20)
    bounded, full = (scan(inputs, tmp_path / f"{size}", sample=size) for size in (20, None))
    assert dataclasses.replace(bounded, config=full.config) == full


# ---- what is done with the others


def test_files_speak_for_every_row_and_pixels_for_the_sample(tmp_path):
    audit = scan(dataset(tmp_path), tmp_path / "out", sample=20)
    evidence = auditor.evidence(tmp_path / "out").explode("signals")
    signal = pd.json_normalize(evidence.signals)
    beyond = signal[~evidence.sampled.to_numpy(bool)]
    assert (beyond[beyond.detector == "dwt-dct"].outcome == "not-sampled").all()
    assert (beyond[beyond.detector == "generator-text"].outcome != "not-sampled").all()
    assert audit.confirmed.count == 10
    assert (audit.confirmed.low, audit.confirmed.high) != (
        10 / 60,
        10 / 60,
    )  # a mark in the pixels may be beyond the sample
    assert audit.confirmed.low == 10 / 60
    assert audit.coverage["declared"].share == 1
    assert audit.detectors["dwt-dct"].evaluable <= 20
    assert audit.detectors["dwt-dct"].share == audit.detectors["dwt-dct"].evaluable / 20


def test_files_can_be_bounded_as_well(tmp_path):
    audit = scan(dataset(tmp_path), tmp_path / "out", sample=20, sample_files=True)
    assert (audit.counts.ok, audit.counts.no_bytes, audit.confirmed.n) == (20, 40, 20)
    assert audit.sample == dataclasses.replace(audit.counts, rows=20, no_bytes=0)
    assert audit.confirmed.low < audit.confirmed.share < audit.confirmed.high
    evidence = auditor.evidence(tmp_path / "out")
    assert set(evidence.reason[~evidence.sampled]) == {"not in the sample"}


def test_the_floor_of_samples_holds_that_of_the_whole(tmp_path):
    inputs, missed = dataset(tmp_path, rows=80, declared=20), 0
    for seed in range(12):
        audit = scan(inputs, tmp_path / f"{seed}", sample=30, sample_files=True, seed=seed)
        missed += not audit.confirmed.low <= 0.25 <= audit.confirmed.high
    assert missed <= 2


def test_an_unreadable_row_is_drawn_like_any_other(tmp_path):
    inputs = dataset(tmp_path, rows=20)
    for number in range(20):
        write(inputs / f"broken{number}.png", b"no image")
    audit = scan(inputs, tmp_path / "out", sample=20)
    assert audit.sample.rows == 20
    assert 3 <= audit.sample.unreadable <= 17
    assert audit.counts.unreadable == 20


# ---- resuming, digests, errors


def test_a_larger_sample_redoes_the_evidence_and_the_same_one_keeps_it(tmp_path):
    inputs = dataset(tmp_path)

    class Kept:
        def planned(self, plan):
            self.kept = plan.kept

        def advanced(self, rows):
            pass

    kept = []
    for size in (10, 10, 30):
        listener = Kept()
        config = Config.of(detectors=DETECTORS, sample=size)
        run_audit(inputs, tmp_path / "out", config, make_engine(1, "serial"), listener=listener)
        kept.append(listener.kept)
    assert kept == [0, 60, 0]


@pytest.mark.parametrize("sample_files", [False, True])
def test_the_audited_dataset_is_known_again(tmp_path, sample_files):
    inputs = dataset(tmp_path, rows=20)
    audit = scan(inputs, tmp_path / "out", sample=5, sample_files=sample_files)
    assert auditor.is_same_dataset(audit, inputs, jobs=1)
    for number in range(20):
        write(inputs / f"{number:03}.png", encoded(seed=1000 + number))
    assert not auditor.is_same_dataset(audit, inputs, jobs=1)


def audited(inputs, out, sample):
    return auditor.scan(inputs, out=out, engine="serial", config=Config.of(detectors=DETECTORS, sample=sample))


def test_a_sample_with_every_row_is_merged_and_a_part_is_not(tmp_path):
    first, second = dataset(tmp_path / "one", rows=20), dataset(tmp_path / "two", rows=21)
    audited(first, tmp_path / "whole", None)
    audited(second, tmp_path / "large", 50)
    audited(second, tmp_path / "part", 5)
    merged = auditor.merge([tmp_path / "whole", tmp_path / "large"], tmp_path / "merged")
    assert (merged.counts.ok, merged.sample, merged.config.sampling.sample) == (41, None, None)
    with pytest.raises(EvidenceError, match="audit of a sample"):
        auditor.merge([tmp_path / "whole", tmp_path / "part"], tmp_path / "other")


def test_a_keep_list_by_probability_needs_every_row(tmp_path):
    audited(dataset(tmp_path), tmp_path / "out", 20)
    for removal in ({"target": 0.05}, {"drop": "likely"}):
        with pytest.raises(FilterError, match="only 20 of 60 rows were classified.*--sample all"):
            auditor.keep_list(tmp_path / "out", **removal)
    kept = auditor.keep_list(tmp_path / "out")
    assert kept.left == 50
    assert kept.unsampled == 50 - kept.rows.keep[kept.rows.key.isin(drawn_keys(tmp_path / "out"))].sum()


def test_where_there_is_nothing_to_draw_from_it_says_what_to_do(tmp_path):
    urls = write(tmp_path / "urls.tsv", "url\tcaption\n" + "https://example.org/a.jpg\tcat\n" * 10)
    with pytest.raises(DatasetError, match="--fetch"):
        scan(urls, tmp_path / "out", sample=5)


def test_the_draw_does_not_depend_on_how_rows_are_spread(tmp_path):
    inputs = dataset(tmp_path)
    config = Config.of(detectors=DETECTORS, sample=9, depth=Need.PIXELS)
    shards = [shard for input, reader in choose(inputs, config.scan.read) for shard in reader.shards(input)]
    alone, together = (drawn(shards, config, engine) for engine in (make_engine(1, "serial"), make_engine(2)))
    assert alone == together
    assert alone.rows == 9
