"""Keep-lists: chances that add up to the estimate, targets that are reached, costs that are told."""

import re
import tarfile
from dataclasses import replace

import making
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audits import audit, estimate, source
from evidence import part, row
from hypothesis import given
from hypothesis import strategies as st
from making import encoded, png, tar, write
from properties import examples

import auditor
from auditor.aggregate.posteriors import posteriors
from auditor.config import Config
from auditor.errors import EvidenceError, FilterError
from auditor.estimate.counts import UNSAMPLED, EvidenceCounts, masks, sums_of
from auditor.estimate.design import row_design
from auditor.estimate.prior_shift import log_odds_offset, shift_log_odds, solve_prior_shift
from auditor.filtering import keep_lists
from auditor.filtering.selection import COLUMNS, keep_list
from auditor.filtering.tars import write_tars
from auditor.plugin import Input, Shard
from auditor.results import SubgroupEstimate
from auditor.types import Status, VerdictKind

CHANCES = st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=50)


@given(CHANCES, st.floats(0, 1))
def test_moved_chances_add_up_and_keep_their_order(chances, share):
    given = np.array(chances)
    found = shift_log_odds(given, log_odds_offset(given, np.ones(len(given)), share))
    scored = ~np.isnan(given)
    assert (np.isnan(found) == ~scored).all()
    if scored.any():
        assert found[scored].mean() == pytest.approx(share, abs=1e-6)
    order = np.argsort(given[scored], kind="stable")
    assert (np.diff(found[scored][order]) >= -1e-12).all()


def test_keys_of_kept_and_removed_rows_are_named():
    rows = pd.DataFrame({"key": ["a", "a", "b"], "image": ["1", "2", "3"], "keep": [True, False, True]})
    assert keep_lists.ambiguity(rows) == "1 key of rows to keep is of rows to remove too: join by `key` and `image`"
    assert "filter the audit of each split" in keep_lists.ambiguity(rows.assign(image="1"))
    assert keep_lists.ambiguity(rows.assign(keep=True)) == ""


def test_images_that_people_labelled_synthetic_are_left_out(tmp_path, scan):
    for number in range(4):
        write(tmp_path / f"set/{number}.png", encoded("PNG", seed=number))
    lines = ["0.png,synthetic,A", "1.png,real,A", "2.png,synthetic,A", "2.png,real,B", "3.png,,"]
    write(tmp_path / "labels.csv", "\n".join(["key,label,labeller", *lines]))
    scan(tmp_path / "set", detectors=("creator-tags",))
    kept = auditor.keep_list(tmp_path / "audit", labels=tmp_path / "labels.csv")
    assert kept.rows.set_index("key")["reasons"].to_dict() == {
        "0.png": "labelled synthetic", "1.png": "", "2.png": "", "3.png": "",
    }  # fmt: skip
    assert kept.removed == {"labelled synthetic": 1}
    assert auditor.keep_list(tmp_path / "audit").left == 4


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        log_odds_offset(np.array([0.5]), np.ones(1), 1.5)


def adjusted(table, share, full_coverage_detectors=None):
    column = {name: table[name].combine_chunks() for name in COLUMNS}
    found = masks(column, count_edited=False, full_coverage_detectors=full_coverage_detectors)
    weights = np.ones(len(table))
    sums = sums_of(found, weights)
    evidence = EvidenceCounts.of(sums, row_design(sums[UNSAMPLED]))
    chance = column["p_synthetic"].to_numpy(zero_copy_only=False)
    undecided = found.undecided
    return solve_prior_shift(chance[undecided], weights[undecided], evidence, share)(chance, found), found


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    made = [row(number, VerdictKind.SYNTHETIC, 0.9, declared=True, decided_by="tags") for number in range(20)]
    made += [row(20 + k, VerdictKind.LIKELY_SYNTHETIC, 0.99, decided_by="classifier") for k in range(10)]
    made += [row(30 + number, score=float(rng.beta(1, 3))) for number in range(n)]
    made += [row(1000 + number, score=None) for number in range(5)]
    made += [row(2000, VerdictKind.EDITED, 0.5, decided_by="tags"), row(2001, status=Status.UNREADABLE, score=None)]
    return made


def evidence(tmp_path, made):
    return pq.read_table(part(tmp_path / "part.parquet", made), columns=list(COLUMNS))


def audited(point=0.10, low=0.06, high=0.2, **more):
    return audit(estimate=estimate(point, low, high), **more)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.95])
def test_the_mean_over_the_audited_rows_is_the_estimate(tmp_path, share):
    p, found = adjusted(evidence(tmp_path, rows()), share)
    assert np.nanmean(p) == pytest.approx(share, abs=1e-6)
    assert (p[found.confirmed] == 1).all()
    assert (p[found.edited] == 0).all()
    assert np.isnan(p[~found.readable]).all()


def test_rows_beyond_a_sample_get_the_share_of_the_rest(tmp_path):
    made = rows() + [row(3000 + number, score=None, is_sampled=False) for number in range(300)]
    table = evidence(tmp_path, made)
    p, _ = adjusted(table, 0.2, full_coverage_detectors=frozenset({"tags"}))
    assert np.nanmean(p) == pytest.approx(0.2, abs=1e-6)
    assert len(set(p[~table["sampled"].to_numpy()])) == 1


def test_what_evidence_decides_is_left_out(tmp_path):
    kept = keep_list(evidence(tmp_path, rows()), audited(), None)
    assert kept.removed == {"synthetic: tags": 20, "unreadable": 1}
    assert kept.false_removals == pytest.approx(0)
    assert kept.after.point < kept.before.point == pytest.approx(0.1)


def test_what_is_likely_goes_on_request_and_its_cost_is_told(tmp_path):
    kept = keep_list(evidence(tmp_path, rows()), audited(), None, drop="likely")
    assert kept.removed["likely synthetic: classifier"] == 10
    assert 0 < kept.false_removals < 10


@pytest.mark.parametrize("target", [0.08, 0.05, 0.02])
def test_a_target_is_reached_with_as_few_removals_as_can_be(tmp_path, target):
    kept = keep_list(evidence(tmp_path, rows()), audited(), None, target=target)
    assert kept.after.point <= target + 1e-9
    assert kept.after.low <= kept.after.point <= kept.after.high
    one_more = kept.rows[(kept.rows.reasons == "removed to reach the target")].p_adjusted.min()
    left = kept.rows[kept.rows.keep].p_adjusted
    if kept.removed.get("removed to reach the target"):
        assert np.append(left.dropna(), one_more).mean() > target
        assert left.max() <= one_more


def test_weights_are_the_chance_of_being_real(tmp_path):
    found = keep_list(evidence(tmp_path, rows()), audited(), None).rows
    known = found[found.keep & found.p_adjusted.notna()]
    assert (known.weight == 1 - known.p_adjusted).all()
    assert (found[~found.keep].weight == 0).all()


def test_a_target_out_of_reach_says_what_to_do(tmp_path):
    made = [row(number, score=0.5) for number in range(50)]
    with pytest.raises(FilterError, match="auditor label"):
        keep_list(evidence(tmp_path, made), audited(), None, target=0.01)


def test_without_an_estimate_there_is_no_target_and_still_a_list(tmp_path):
    table = evidence(tmp_path, rows())
    with pytest.raises(FilterError, match="needs an audit with an estimate"):
        keep_list(table, audit(), None, target=0.05)
    kept = keep_list(table, audit(), None)
    assert kept.after is None
    assert kept.left == len(kept.rows) - 21


def sourced():
    """An audit of 20 % with its source `bad` at 80 % and `good` at 5 %, and its rows, which have middling scores."""
    made = [row(n, score=0.3 + 0.004 * (n % 50), source="bad") for n in range(50)]
    made += [row(100 + n, score=0.3 + 0.004 * (n % 50), source="good") for n in range(200)]
    subgroups = (
        replace(source("bad", 50, 0), estimate=SubgroupEstimate(0.8, 0.6, 1.0, 0.05, True)),
        replace(source("good", 200, 0), estimate=SubgroupEstimate(0.05, 0.0, 0.2, 0.8, False)),
    )
    return made, audited(0.2, 0.1, 0.3, subgroups=subgroups)


def test_each_source_has_a_prior_of_its_own(tmp_path):
    made, of_sources = sourced()
    found = keep_list(evidence(tmp_path, made), of_sources, None)
    bad = np.array([each.source == "bad" for each in made])
    assert found.rows.p_adjusted[bad].mean() == pytest.approx(0.8)
    assert found.rows.p_adjusted[~bad].mean() == pytest.approx(0.05)
    assert (found.before.low, found.before.point, found.before.high) == (0.1, 0.2, 0.3)
    assert (found.after.low, found.after.point, found.after.high) == pytest.approx((0.1, 0.2, 0.3))


def test_a_target_takes_the_worst_source_first(tmp_path):
    made, of_sources = sourced()
    found = keep_list(evidence(tmp_path, made), of_sources, None, target=0.1)
    assert {each.source for each, keep in zip(made, found.rows.keep, strict=True) if not keep} == {"bad"}
    assert found.after.point <= 0.1


def test_sources_are_left_out_on_request(tmp_path):
    made, of_sources = sourced()
    table = evidence(tmp_path, made)
    found = keep_list(table, of_sources, None, drop_sources=["bad"])
    assert found.removed == {"source left out: bad": 50}
    assert found.after.point == pytest.approx(0.05)
    assert found.false_removals == pytest.approx(10)
    with pytest.raises(FilterError, match="no row is of the source 'goood'; did you mean 'good'"):
        keep_list(table, of_sources, None, drop_sources=["goood"])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=60),
       st.floats(0.01, 0.99), st.floats(0.01, 0.99))  # fmt: skip
@examples(30)
def test_probabilities_of_a_sample_add_up_source_by_source(tmp_path_factory, drawn, a, b):
    made = [
        row(n, score=p if sampled else None, source=name, is_sampled=sampled)
        for n, (name, p, sampled) in enumerate(drawn)
    ]
    points = {"a": a, "b": b}
    subgroups = tuple(
        replace(source(name, 1, 0), estimate=SubgroupEstimate(at, 0.0, 1.0, None, False)) for name, at in points.items()
    )
    table = evidence(tmp_path_factory.mktemp("rows"), made)
    p = posteriors(audited(0.5, 0.1, 0.9, subgroups=subgroups), [table], frozenset()).of(table)
    for name, at in points.items():
        members = np.array([each == name for each, _, _ in drawn])
        if members.any():
            assert p[members].mean() == pytest.approx(at, abs=1e-6)


@pytest.mark.parametrize("share", [0.03, 0.4])
def test_batch_by_batch_the_chances_are_the_same(tmp_path, share):
    made = rows()
    parts = [part(tmp_path / f"{number}.parquet", made[number::3]) for number in range(3)]
    found = posteriors(audited(share, share, share), map(pq.read_table, parts), None)
    several = np.concatenate([found.of(batch) for path in parts for batch in pq.ParquetFile(path).iter_batches(50)])
    together, _ = adjusted(evidence(tmp_path, [row for number in range(3) for row in made[number::3]]), share)
    np.testing.assert_allclose(several, together)
    assert np.isnan(posteriors(audit(), map(pq.read_table, parts), None).of(pq.read_table(parts[0]))).all()


# ---- files


def listed(keys, keep):
    frame = pd.DataFrame({"key": keys, "keep": keep, "reasons": ""})
    return frame.assign(image="i", p_synthetic=0.1, p_adjusted=0.1, weight=0.9)


def test_datacomps_list_is_sorted_pairs(tmp_path):
    keys = ["f" * 32, "0" * 31 + "1", "0123456789abcdef" * 2]
    keep_lists.write(listed(keys, [True, True, False]), tmp_path / "kept.npy")
    found = np.load(tmp_path / "kept.npy")
    assert found.dtype == np.dtype("u8,u8")
    assert found.tolist() == [(0, 1), (2**64 - 1, 2**64 - 1)]


def test_keys_that_are_no_uids_are_named(tmp_path):
    with pytest.raises(FilterError, match="'a.jpg' is not a DataComp uid"):
        keep_lists.write(listed(["a.jpg"], [True]), tmp_path / "kept.npy")
    assert not (tmp_path / "kept.npy").exists()


def test_text_holds_the_kept_keys(tmp_path):
    keep_lists.write(listed(["a", "b", "ä"], [True, False, True]), tmp_path / "kept.txt")
    assert (tmp_path / "kept.txt").read_text("utf-8") == "a\nä\n"
    with pytest.raises(FilterError, match="line break"):
        keep_lists.write(listed(["a\nb"], [True]), tmp_path / "kept.txt")


def test_parquet_holds_every_row(tmp_path):
    rows = listed(["a", "b"], [True, False])
    keep_lists.write(rows, tmp_path / "kept.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "kept.parquet"), rows)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(FilterError, match=".parquet"):
        keep_lists.write(listed(["a"], [True]), tmp_path / "kept.csv")


def test_tars_are_copied_without_what_is_left_out(tmp_path):
    text = {"parameters": "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"}
    (tmp_path / "data").mkdir()
    members = [
        ("a.png", png(text)),
        ("a.txt", b"cat"),
        ("b.png", encoded(seed=1)),
        ("b.txt", b"dog"),
        ("b.json", b"{}"),
    ]
    tar(tmp_path / "data/00000.tar", members)
    tar(tmp_path / "data/00001.tar", [("c.png", encoded(seed=2))])
    scanned = auditor.scan(
        tmp_path / "data", out=tmp_path / "out", config=Config.of(detectors=("generator-text",)), engine="serial"
    )
    assert scanned.confirmed.count == 1
    kept = auditor.keep_list(tmp_path / "out")
    assert auditor.write_filtered_tars(kept, tmp_path / "data", tmp_path / "kept") == 2
    with tarfile.open(tmp_path / "kept/00000.tar") as archive:
        assert archive.getnames() == ["b.png", "b.txt", "b.json"]
        assert archive.extractfile("b.png").read() == encoded(seed=1)
    (tmp_path / "kept/00001.tar").write_bytes(b"mine")
    with pytest.raises(FilterError, match="already exists"):
        auditor.write_filtered_tars(kept, tmp_path / "data", tmp_path / "kept")


def test_a_tar_that_is_scanned_in_pieces_is_written_once(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.readers.archive._PIECE_BYTES", 1000)
    data = tar(tmp_path / "data.tar", [(f"{number}.png", encoded(seed=number)) for number in range(9)])
    config = Config.of(detectors=("generator-text",))
    auditor.scan(data, out=tmp_path / "out", config=config, engine="serial")
    assert len(list((tmp_path / "out/evidence").glob("*.parquet"))) > 1
    assert auditor.write_filtered_tars(auditor.keep_list(tmp_path / "out"), data, tmp_path / "kept") == 9
    with tarfile.open(tmp_path / "kept/data.tar") as archive:
        assert len(archive.getnames()) == 9


def test_a_folder_of_images_has_no_tars_to_write(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.png").write_bytes(encoded())
    auditor.scan(tmp_path / "data", out=tmp_path / "out", config=Config.of(detectors=()), engine="serial")
    with pytest.raises(FilterError, match="not a tar"):
        auditor.write_filtered_tars(auditor.keep_list(tmp_path / "out"), tmp_path / "data", tmp_path / "kept")


def test_every_size_of_table_gives_the_same_list(tmp_path):
    table = evidence(tmp_path, rows())
    pieces = pa.concat_tables([table.slice(0, 100), table.slice(100)])
    one, other = (keep_list(t, audited(), None, target=0.05).rows for t in (table, pieces))
    pd.testing.assert_frame_equal(one, other)


def scanned_tar(folder, members):
    tar(folder / "a.tar", members)
    auditor.scan(folder, out=folder.parent / "out", config=Config.of(detectors=("generator-text",)), engine="serial")
    return auditor.keep_list(folder.parent / "out")


def names(path):
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_no_kept_image_is_lost_by_how_its_name_is_spelt(tmp_path):
    spelt = ["a.Png", "b.PNG", "c\udcff.png", "é.png", "d.front.png", "d.back.Jpg"]
    (tmp_path / "data").mkdir()
    kept = scanned_tar(tmp_path / "data", [(name, encoded(seed=number)) for number, name in enumerate(spelt)])
    assert auditor.write_filtered_tars(kept, tmp_path / "data", tmp_path / "kept") == len(spelt) == kept.left
    assert names(tmp_path / "kept/a.tar") == spelt


def test_what_is_left_out_is_left_out_however_its_name_is_spelt(tmp_path):
    (tmp_path / "data").mkdir()
    text = {"parameters": "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"}
    kept = scanned_tar(tmp_path / "data", [("a.Png", png(text)), ("a.real.png", encoded())])
    assert auditor.write_filtered_tars(kept, tmp_path / "data", tmp_path / "kept") == 1
    assert names(tmp_path / "kept/a.tar") == ["a.real.png"]


def test_tars_of_another_dataset_are_refused_before_any_is_written(tmp_path):
    (tmp_path / "data").mkdir()
    kept = scanned_tar(tmp_path / "data", [("a.png", encoded())])
    (tmp_path / "other").mkdir()
    tar(tmp_path / "other/b.tar", [("a.png", encoded())])
    with pytest.raises(FilterError, match="not the audited one"):
        auditor.write_filtered_tars(kept, tmp_path / "other", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_damaged_tar_leaves_nothing_half_written(tmp_path):
    (tmp_path / "data").mkdir()
    kept = scanned_tar(tmp_path / "data", [("a.png", encoded()), ("b.png", encoded(seed=1))])
    whole = (tmp_path / "data/a.tar").read_bytes()
    (tmp_path / "data/a.tar").write_bytes(whole[:600])
    shard = Shard("a", Input(str(tmp_path / "data"), "data"), "webdataset", file="a.tar")
    with pytest.raises(FilterError, match="ends inside this member"):
        write_tars([shard], set(kept.rows.image), tmp_path / "kept")
    assert not list((tmp_path / "kept").iterdir())


def test_a_dataset_that_changed_since_its_audit_is_not_filtered(tmp_path):
    (tmp_path / "data").mkdir()
    kept = scanned_tar(tmp_path / "data", [("a.png", encoded()), ("b.png", encoded(seed=1))])
    tar(tmp_path / "data/a.tar", [("a.png", encoded()), ("b.png", encoded(seed=2))])
    with pytest.raises(FilterError, match="not the audited one, or has changed"):
        auditor.write_filtered_tars(kept, tmp_path / "data", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_filter_that_was_killed_can_be_repeated(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    tar(tmp_path / "data/b.tar", [("b.png", encoded(seed=1))])
    kept = scanned_tar(tmp_path / "data", [("a.png", encoded())])
    out = tmp_path / "kept"
    with monkeypatch.context() as killed:  # after one of two tars has its final name
        killed.setattr("auditor.storage.atomic.shutil.rmtree", lambda folder, **_: None)
        auditor.write_filtered_tars(kept, tmp_path / "data", out)
    (out / "b.tar").rename(out / ".unfinished/b.tar")
    assert auditor.write_filtered_tars(kept, tmp_path / "data", out) == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.tar", "b.tar"]
    assert auditor.write_filtered_tars(kept, tmp_path / "data", out) == 2  # the same tars again
    (out / "a.tar").write_bytes(b"mine")
    with pytest.raises(FilterError, match="already exists and is another file: give an empty folder"):
        auditor.write_filtered_tars(kept, tmp_path / "data", out)
    assert (out / "a.tar").read_bytes() == b"mine"


def test_a_key_that_is_kept_and_left_out_is_in_no_list_of_keys(tmp_path):
    uid = "0" * 32
    both = pd.DataFrame({"key": [uid, uid], "image": ["a.tar::a.png"] * 2, "keep": [True, False]})
    for name in ("keep.txt", "keep.npy"):
        with pytest.raises(FilterError, match="to keep and of a row to remove"):
            keep_lists.write(both, tmp_path / name)
    keep_lists.write(both, tmp_path / "keep.parquet")
    keep_lists.write(both.assign(keep=True), tmp_path / "keep.txt")


@pytest.mark.parametrize("key", ["0x" + "1" * 30, "+" + "1" * 31, "1" * 30 + "_1", " " + "1" * 31, "١" * 32])
def test_what_only_looks_like_a_number_is_no_uid(tmp_path, key):
    with pytest.raises(FilterError, match="not a DataComp uid"):
        keep_lists.write(pd.DataFrame({"key": [key], "keep": [True]}), tmp_path / "keep.npy")


def test_a_key_that_ends_in_a_line_break_is_in_no_text(tmp_path):
    for key in ("a\r", "a\n", "a\u2028", "a\nb"):
        with pytest.raises(FilterError, match="line break"):
            keep_lists.write(pd.DataFrame({"key": [key], "keep": [True]}), tmp_path / "keep.txt")


def test_of_nothing_that_is_left_nothing_is_said(tmp_path):
    made = [row(number, VerdictKind.SYNTHETIC, 0.9, declared=True, decided_by="tags") for number in range(5)]
    kept = keep_list(evidence(tmp_path, made), audited(), None)
    assert (kept.left, kept.after, auditor.status_after(kept)) == (0, None, None)


def test_before_is_the_estimate_of_the_audit(tmp_path):
    made = rows(40)
    found = keep_list(evidence(tmp_path, made), audit(estimate=estimate(0.5, 0.01, 0.9)), None).before
    assert (found.point, found.low, found.high) == (0.5, 0.01, 0.9)


def test_evidence_that_audit_json_does_not_sum_up_makes_no_list(tmp_path):
    (tmp_path / "data").mkdir()
    for number in range(2):
        (tmp_path / f"data/{number}.png").write_bytes(encoded(seed=number))
        before = (tmp_path / "out/audit.json").read_bytes() if number else b""
        auditor.scan(tmp_path / "data", out=tmp_path / "out", config=Config.of(detectors=()), engine="serial")
    assert auditor.keep_list(tmp_path / "out").left == 2
    (tmp_path / "out/audit.json").write_bytes(before)
    with pytest.raises(EvidenceError, match="finish that scan"):
        auditor.keep_list(tmp_path / "out")


def test_the_target_that_is_advised_can_be_reached(tmp_path):
    rng = np.random.default_rng(3)
    made = [row(number, score=float(rng.uniform(0.3, 0.9))) for number in range(50)]
    with pytest.raises(FilterError) as refused:
        keep_list(evidence(tmp_path, made), audited(), None, target=0.0001)
    lowest = float(re.search(r"can be reached is ([\d.]+)", str(refused.value))[1])
    assert keep_list(evidence(tmp_path, made), audited(), None, target=lowest).left
    with pytest.raises(FilterError):
        keep_list(evidence(tmp_path, made), audited(), None, target=lowest - 0.001)


@pytest.mark.parametrize(("target", "told"), [
    (0.3, "the target of 30 % is reached by the upper bound"),
    (0.05, "the target of 5 % is reached by the point estimate (4.9 %) but not by the upper bound"),
])  # fmt: skip
def test_what_is_kept_is_told_by_its_upper_bound(tmp_path, target, told):
    from auditor.cli.filter import _summary

    kept = keep_list(evidence(tmp_path, rows()), audited(), None, target=target)
    lines = _summary(kept, target).splitlines()
    bound = f"at most {100 * kept.after.high:.1f} %"
    assert any(line.startswith(bound) and "; before, at most 20.0 % (6.0 to 20.0 %)" in line for line in lines)
    assert lines[-1].startswith(told)


def test_tars_of_two_datasets_with_the_same_names_are_written_apart(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tar(tmp_path / name / "0.tar", [(f"{name}{number}.jpg", encoded(seed=number)) for number in range(2)])
    datasets = [tmp_path / "one", tmp_path / "two"]
    auditor.scan(datasets, out=tmp_path / "audit", config=Config.of(depth="file"), engine="serial")
    kept = auditor.keep_list(tmp_path / "audit")
    assert auditor.write_filtered_tars(kept, datasets, tmp_path / "kept") == 4
    for name in ("one", "two"):
        with tarfile.open(tmp_path / "kept" / name / "0.tar") as written:
            assert written.getnames() == [f"{name}0.jpg", f"{name}1.jpg"]


def test_rows_that_a_table_declares_synthetic_are_removed_before_anybody_fetches_them(tmp_path, scan):
    lines = [f"http://x.org/{n}.jpg,c{n},{int(n < 8)}" for n in range(10)]
    making.write(tmp_path / "t.csv", "url,caption,is_ai\n" + "\n".join(lines) + "\n")
    scan(tmp_path / "t.csv")
    kept = auditor.keep_list(tmp_path / "audit")
    assert (kept.left, dict(kept.removed)) == (2, {"synthetic: declared-column": 8})
    assert auditor.keep_list(tmp_path / "audit", drop="nothing").left == 10


def test_labels_that_are_taken_at_face_value_say_what_is_kept(tmp_path, scan):
    """Ten images: metadata decide two, and people label eight by provenance: three synthetic, five real."""
    for number in range(10):
        texts = {"parameters": making.A1111} if number < 2 else {}
        making.write(tmp_path / f"set/{number}.png", making.png(texts, seed=number))
    lines = [f"{n}.png,{'synthetic' if n < 5 else 'real'},A,provenance" for n in range(2, 10)]
    making.write(tmp_path / "labels.csv", "\n".join(["key,label,labeller,how", *lines]) + "\n")
    audit = scan(tmp_path / "set", labels=str(tmp_path / "labels.csv"), depth="file")
    assert (audit.estimate.point, audit.estimate.low, audit.estimate.high) == (0.5, 0.5, 0.5)
    kept = auditor.keep_list(tmp_path / "audit", labels=tmp_path / "labels.csv")
    assert sorted(kept.rows.key[kept.rows.keep]) == [f"{n}.png" for n in range(5, 10)]
    assert (kept.after.point, kept.after.low, kept.after.high) == (0.0, 0.0, 0.0)
    assert kept.false_removals == 0
    assert kept.rows.weight[kept.rows.keep].tolist() == [1.0] * 5
    some = making.write(tmp_path / "some.csv", "\n".join(["key,label,labeller,how", *lines[:4]]) + "\n")
    partly = auditor.keep_list(tmp_path / "audit", drop="nothing", labels=some)
    known = partly.rows.set_index("key").p_adjusted
    assert known[["2.png", "3.png", "4.png", "5.png"]].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert known.mean() == pytest.approx(0.5)
