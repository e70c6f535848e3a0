"""Samples of whole shards: which are read, how they are reported, and that the numbers stand for the whole."""

import json

import numpy as np
import pytest
import saving
from audits import audit
from hypothesis import given
from hypothesis import strategies as st
from making import A1111, png, tar, write

import auditor
from auditor.annotation.file import Annotation, HumanLabel
from auditor.audit import make_engine, run_audit
from auditor.compare import UNKNOWN, UNTESTED, compare
from auditor.config import Config, ReadOptions
from auditor.errors import ConfigError, EvidenceError, FilterError
from auditor.plugin import Input, Shard
from auditor.results import EffectiveSampleSize, ShardSample
from auditor.sampling.shards import name, sample_shards
from auditor.types import Need
from reports import next_steps, phrases

DETECTORS = ("generator-text", "file-name-prior")


def dataset(path, declared=(0, 1, 2, 0, 5, 0, 1, 3, 0, 4, 2, 1), rows=6):
    """A folder of tars, with a number of declared synthetic rows in each."""
    path.mkdir()
    for number, count in enumerate(declared):
        images = [png({"parameters": A1111} if k < count else {}, seed=100 * number + k) for k in range(rows)]
        tar(path / f"{number:05}.tar", [(f"{number:03}{k:02}.png", data) for k, data in enumerate(images)])
    return path


def scan(inputs, out, **config):
    config = {"detectors": DETECTORS, "depth": Need.FILE, **config}
    return saving.finished(run_audit(inputs, out, Config.of(**config), make_engine(1, "serial")), out)


def read(out):
    return {place.partition("::")[0] for place in auditor.evidence(out).image}


# ---- which


def shard(file, *, folder="set", prefix="", start=0):
    return Shard(f"{folder}-{file}", Input(f"/{folder}", folder, prefix=prefix), "webdataset", file, start)


@given(st.sets(st.text(min_size=1), min_size=2, max_size=40), st.integers(0, 5), st.data())
def test_a_larger_sample_of_shards_holds_the_smaller(names, seed, data):
    shards = [shard(name) for name in sorted(names)]
    few, more = sorted(data.draw(st.tuples(*[st.integers(1, len(shards))] * 2)))
    (small, drawn), (large, _) = (sample_shards(shards, most, seed) for most in (few, more))
    assert set(small) <= set(large)
    assert list(large) == [one for one in shards if one in large]
    assert (drawn is None) == (few == len(shards))
    assert drawn is None or (drawn.read, drawn.of) == (few, len(shards))


def test_which_shards_are_drawn_never_changes_and_does_not_depend_on_the_folders_name():
    files = [f"{number:05}.tar" for number in range(20)]
    here, there = (sample_shards([shard(file, folder=folder) for file in files], 3, 0)[0] for folder in ("a", "b"))
    assert [one.file for one in here] == [one.file for one in there] == PINNED
    assert name(shard("x.parquet", prefix="one/", start="500:12")) == "one/x.parquet#500:12"


PINNED = ["00006.tar", "00014.tar", "00015.tar"]


def test_every_shard_has_the_same_chance():
    shards = [shard(f"{number}.tar") for number in range(10)]
    counts = np.zeros(10)
    for seed in range(2000):
        for one in sample_shards(shards, 3, seed)[0]:
            counts[int(one.file.partition(".")[0])] += 1
    assert abs(counts - 600).max() < 5 * np.sqrt(600 * 0.7)


# ---- the audit


def test_shards_are_read_whole_and_the_others_not_at_all(tmp_path):
    inputs = dataset(tmp_path / "set")
    for untouched in {f"{n:05}.tar" for n in range(12)} - {one.file for one in drawn_of(inputs, 4)}:
        (inputs / untouched).write_bytes(b"nobody opens this")
    found = scan(inputs, tmp_path / "out", sample_shards=4)
    assert len(read(tmp_path / "out")) == 4
    assert (found.counts.rows, found.counts.ok, found.sample) == (24, 24, None)
    assert (found.shards.read, found.shards.of, found.shards.declared.n) == (4, 12, 24)
    assert found.confirmed.low < found.confirmed.share < found.confirmed.high
    assert json.loads(auditor.render(found, auditor.decide(found), "json"))["shards"]["of"] == 12


def drawn_of(inputs, most):
    from auditor.audit import all_shards, sampled
    from auditor.readers import choose

    return sampled(all_shards(choose(inputs, ReadOptions())), Config.of(sample_shards=most))[0]


def test_the_floor_of_shards_holds_that_of_the_dataset(tmp_path):
    inputs, missed, narrow = dataset(tmp_path / "set"), 0, 0
    for seed in range(15):
        found = scan(inputs, tmp_path / f"{seed}", sample_shards=5, seed=seed)
        missed += not found.confirmed.low <= 19 / 72 <= found.confirmed.high
        narrow += found.confirmed.high - found.confirmed.low < 0.02
    assert missed <= 2
    assert not narrow


def test_all_shards_are_a_full_scan(tmp_path):
    inputs = dataset(tmp_path / "set", declared=(1, 0, 2))
    some, full = (scan(inputs, tmp_path / f"{most}", sample_shards=most) for most in (3, None))
    assert (some.confirmed, some.digests, some.shards) == (full.confirmed, full.digests, None)


def test_one_shard_is_no_sample():
    with pytest.raises(ConfigError, match="at least 2"):
        Config.of(sample_shards=1)


def test_more_shards_are_added_to_what_is_there(tmp_path):
    inputs, plans = dataset(tmp_path / "set"), []

    class Kept:
        def planned(self, plan):
            plans.append((plan.kept, plan.dropped, len(plan.todo)))

        def advanced(self, rows):
            pass

    for most in (3, 5, None):
        config = Config.of(detectors=DETECTORS, depth=Need.FILE, sample_shards=most)
        run_audit(inputs, tmp_path / "out", config, make_engine(1, "serial"), listener=Kept())
    assert plans == [(0, 0, 3), (18, 0, 2), (30, 0, 7)]


def test_the_audited_shards_are_known_again_and_a_new_one_is_seen(tmp_path):
    inputs = dataset(tmp_path / "set")
    found = scan(inputs, tmp_path / "out", sample_shards=3)
    assert auditor.is_same_dataset(found, inputs, jobs=1)
    tar(inputs / "new.tar", [("a.png", png(seed=1))])
    assert not auditor.is_same_dataset(found, inputs, jobs=1)


def test_samples_of_shards_are_not_merged(tmp_path):
    folders = []
    for which in ("a", "b"):
        folders.append(tmp_path / f"out-{which}")
        auditor.scan(
            dataset(tmp_path / which), out=folders[-1], engine="serial",
            config=Config.of(detectors=DETECTORS, depth=Need.FILE, sample_shards=3),
        )  # fmt: skip
    with pytest.raises(EvidenceError, match="of a sample"):
        auditor.merge(folders, tmp_path / "both")


def test_a_keep_list_of_some_shards_is_refused(tmp_path):
    out = tmp_path / "out"
    config = Config.of(detectors=DETECTORS, depth=Need.FILE, sample_shards=3)
    auditor.scan(dataset(tmp_path / "set"), out=out, engine="serial", config=config)
    with pytest.raises(FilterError, match="3 of 12 shards"):
        auditor.keep_list(out)


def test_labels_of_rows_of_some_shards_speak_for_all(tmp_path):
    """Every row that was read is labelled, one shard's as synthetic; the other shards are unknown."""
    inputs = dataset(tmp_path / "set", declared=(0,) * 12)
    whole, some = (scan(inputs, tmp_path / f"{most}", sample_shards=most) for most in (None, 4))
    assert (whole.confirmed.high, some.confirmed.share) == (0.0, 0.0)
    rows = auditor.evidence(tmp_path / "4")
    labels = tuple(
        Annotation(
            key,
            "unknown",
            HumanLabel.SYNTHETIC if image.startswith(max(rows.image)[:9]) else HumanLabel.REAL,
            "provenance",
            "a",
        )
        for key, image in zip(rows.key, rows.image, strict=True)
    )
    found = scan(inputs, tmp_path / "labelled", sample_shards=4, labels=saving.label_file(tmp_path, labels)).estimate
    assert found.point == pytest.approx(6 / 24)
    assert found.low < 0.06  # one shard of four, all of a kind
    assert found.high > 0.6
    assert "random sample of the dataset's 12" in " ".join(found.assumptions)


# ---- what is said


def of_shards(ok, synthetic, design_effect):
    from dataclasses import replace

    from auditor.estimate.intervals import effective_interval

    rows = EffectiveSampleSize(ok, ok / design_effect, design_effect)
    made = audit(ok, synthetic, shards=ShardSample(20, 1234, rows, None))
    low, high = effective_interval(synthetic / ok, rows.n_eff)
    return replace(made, confirmed=replace(made.confirmed, low=low, high=high, source_interval=(low, high)))


def test_the_design_effect_is_said():
    said = phrases.sample(of_shards(1000, 100, 6.7))
    assert "20 of 1,234 shards" in said
    assert "their 1,000 images have an effective sample size of 149 (design effect 6.7)" in said
    for format in ("html", "markdown"):
        made = of_shards(1000, 100, 6.7)
        assert "design effect 6.7" in auditor.render(made, auditor.decide(made), format).replace("\\", "")


def test_rows_of_shards_are_compared_by_their_intervals_alone():
    before, after = of_shards(1000, 100, 10.0), of_shards(1000, 150, 10.0)
    found = compare(before, after)
    declared = next(one for one in found.changes if one.name.startswith("confirmed"))
    assert declared.verdict == "no more than noise"
    assert {one.verdict for one in found.changes if one is not declared} <= {UNKNOWN, UNTESTED}
    assert any("not independent" in note for note in found.notes)
    grown = next(one for one in compare(before, of_shards(1000, 500, 10.0)).changes if one.name.startswith("confirmed"))
    assert grown.verdict == "rose"


def test_the_command_that_repeats_it_names_the_shards():
    made = audit(config=Config.of(sample_shards=20))
    assert "--sample-shards=20" in next_steps.command(made)


def test_a_folders_runs_of_images_are_shards_too(tmp_path):
    for number in range(2500):
        write(tmp_path / f"set/{number:05}.png", b"")
    found = scan(tmp_path / "set", tmp_path / "out", sample_shards=2, depth=Need.ROW)
    assert found.shards.of > 2
    assert found.counts.rows < 2500
