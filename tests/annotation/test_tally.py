"""Labels against the evidence: random ones count, and others are refused."""

import random
from dataclasses import replace

import pytest
from evidence import part, row
from making import encoded, png, write

from auditor.aggregate.summary import summarise
from auditor.annotation import tally
from auditor.annotation.file import Annotation, HumanLabel
from auditor.annotation.tally import LabelJoin
from auditor.audit import make_engine, run_audit
from auditor.config import Config
from auditor.errors import LabelError
from auditor.estimate.counts import EvidenceCounts
from auditor.estimate.intervals import Interval
from auditor.sampling.order import sampling_rank
from auditor.types import VerdictKind

SEED = 5
FLAGGED, UNKNOWN, REAL = VerdictKind.LIKELY_SYNTHETIC, VerdictKind.UNKNOWN, VerdictKind.LIKELY_REAL


def dataset(rows=3000, seed=0):
    """Rows of every verdict, and their ground truth."""
    rng = random.Random(seed)
    made, truth = [], {}
    for number in range(rows):
        is_synthetic = rng.random() < 0.1
        label = rng.choices([FLAGGED, UNKNOWN, REAL], [50, 40, 10] if is_synthetic else [1, 49, 50])[0]
        if is_synthetic and rng.random() < 0.2:
            label = VerdictKind.SYNTHETIC
        made.append(row(number, label, declared=label is VerdictKind.SYNTHETIC, decided_by="tags"))
        truth[f"k{number}"] = is_synthetic
    return made, truth


def draw(rows, label, n):
    keys = sorted((r.key for r in rows if r.verdict.kind is label), key=lambda key: sampling_rank(key, SEED))
    return keys[:n]


def answers(
    rows, truth, counts=((FLAGGED, 100), (UNKNOWN, 150), (REAL, 50)), *, stratum=True, labeller="a", how="provenance"
):
    return [
        Annotation(
            key,
            label.value if stratum else "",
            HumanLabel.SYNTHETIC if truth[key] else HumanLabel.REAL,
            how,
            labeller,
        )
        for label, n in counts
        for key in draw(rows, label, n)
    ]


def summed(tmp_path, rows, given, **more):
    return summarise([part(tmp_path / "part.parquet", rows)], labels=LabelJoin.of(given, SEED), **more)


def estimated(tmp_path, rows, given, **more):
    found = summed(tmp_path, rows, given, **more)
    return tally.estimate_from_labels(found.evidence, found.labels.labelled(given))


@pytest.mark.slow
def test_the_estimate_holds_the_truth_and_adds_what_is_declared(tmp_path, runs):
    missed, count = 0, runs(20, 10)
    for seed in range(count):
        rows, truth = dataset(seed=seed)
        found = estimated(tmp_path, rows, answers(rows, truth))
        missed += not found.low <= sum(truth.values()) / len(rows) <= found.high
        assert found.high - found.low < 0.08
        assert found.n == 300
    assert missed <= (3 if count == 20 else 2)


def test_the_strata_are_told(tmp_path):
    rows, truth = dataset(400)
    counts = ((FLAGGED, 10), (UNKNOWN, 12), (REAL, 14))
    found = estimated(tmp_path, rows, answers(rows, truth, counts)).labels
    for label, n in counts:
        stratum = found.strata[label]
        assert stratum.rows == sum(r.verdict.kind is label for r in rows)
        assert stratum.synthetic + stratum.real == n
    assert found.skipped == 0


def test_labels_of_a_plain_random_sample_count_where_their_rows_are(tmp_path):
    rows, truth = dataset(2000)
    first = sorted((r.key for r in rows), key=lambda key: sampling_rank(key, SEED))[:500]
    given = [Annotation(key, "", HumanLabel.SYNTHETIC if truth[key] else HumanLabel.REAL) for key in first]
    found = estimated(tmp_path, rows, given)
    assert found.low <= sum(truth.values()) / len(rows) <= found.high
    assert found.labels.skipped == 0
    assert found.n == sum(r.verdict.kind is not VerdictKind.SYNTHETIC for r in rows if r.key in set(first))


def test_a_row_that_was_skipped_may_be_anything(tmp_path):
    rows, truth = dataset(2000)
    given = answers(rows, truth)
    whole, holey = (estimated(tmp_path, rows, kept) for kept in (given, given[:40] + given[60:]))
    assert holey.labels.skipped == 20
    assert holey.low < whole.low
    assert holey.high > whole.high


def test_labels_of_a_plain_random_sample_reach_as_far_in_every_class_of_weight(tmp_path):
    rows = [row(number, UNKNOWN, weight=8.0 if number % 4 == 0 else 1.0) for number in range(400)]
    order = sorted((r.key for r in rows), key=lambda key: sampling_rank(key, SEED))
    heavy = {r.key for r in rows if r.covariates.weight == 8}
    last = max(number for number, key in enumerate(order[:100]) if key in heavy)
    given = [Annotation(key, "", HumanLabel.REAL) for number, key in enumerate(order[:100]) if number != last]
    found = estimated(tmp_path, rows, given)
    assert found.labels.skipped == 1
    assert found.labels.strata["unknown, weight 8 to under 16"].unsure == 1


def test_labels_that_were_picked_by_hand_are_refused(tmp_path):
    rows, _ = dataset(2000)
    picked = [r.key for r in rows if r.verdict.kind is UNKNOWN][:50]
    given = [Annotation(key, UNKNOWN, HumanLabel.REAL) for key in picked]
    with pytest.raises(LabelError, match="not a random sample"):
        estimated(tmp_path, rows, given)


def test_labels_of_other_rows_are_refused(tmp_path):
    rows, truth = dataset(200)
    given = [*answers(rows, truth), Annotation("nobody.jpg", UNKNOWN, HumanLabel.REAL)]
    with pytest.raises(LabelError, match=r"labelled keys that are not in this audit \(1\): 'nobody.jpg'"):
        estimated(tmp_path, rows, given)


def test_labels_of_another_state_of_the_evidence_are_refused(tmp_path):
    rows, truth = dataset(200)
    given = answers(rows, truth)
    moved = [row(int(r.key[1:]), REAL) if r.key == given[0].key else r for r in rows]
    with pytest.raises(LabelError, match="likely-synthetic then, likely-real now"):
        estimated(tmp_path, moved, given)


def test_no_label_at_all_says_what_to_do(tmp_path):
    rows, _ = dataset(500)
    declared = next(r.key for r in rows if r.verdict.kind is VerdictKind.SYNTHETIC)
    with pytest.raises(LabelError, match="auditor label"):
        estimated(tmp_path, rows, [Annotation(declared, "", HumanLabel.SYNTHETIC)])


def test_two_people_who_disagree_widen_it(tmp_path):
    rows, truth = dataset(2000)
    wrong = {key: value ^ (sampling_rank(key, 1) % 10 == 0) for key, value in truth.items()}
    first, same, other = (
        answers(rows, labels, labeller=name, how="looks") for name, labels in (("a", truth), ("b", truth), ("b", wrong))
    )
    one, agreeing, two = (estimated(tmp_path, rows, given) for given in (first, first + same, first + other))
    assert (two.labels.double_annotated, two.labels.annotators) == (300, 2)
    assert 15 <= two.labels.disagreements <= 50
    assert agreeing.high - agreeing.low < two.high - two.low
    assert agreeing.high - agreeing.low < one.high - one.low


def test_two_statements_of_origin_that_contradict_each_other_are_unsure(tmp_path):
    rows, truth = dataset(2000)
    given = answers(rows, truth)
    opposite = HumanLabel.REAL if given[0].label is HumanLabel.SYNTHETIC else HumanLabel.SYNTHETIC
    plain, torn = (
        estimated(tmp_path, rows, labels)
        for labels in (given, [*given, replace(given[0], label=opposite, labeller="b")])
    )
    assert torn.labels.disagreements == 1
    assert torn.low <= plain.low + 0.002
    assert torn.high >= plain.high - 0.002


def test_the_sample_of_a_bounded_audit_stands_for_the_rest(tmp_path):
    rows, truth = dataset(3000)
    drawn = [
        r if sampling_rank(r.key, SEED) < 2**63 else row(int(r.key[1:]), UNKNOWN, None, is_sampled=False) for r in rows
    ]
    given = answers([r for r in drawn if r.is_sampled], truth)
    found = summed(tmp_path, drawn, given, full_coverage_detectors=frozenset())
    assert found.evidence.design.unsampled == sum(not r.is_sampled for r in drawn)
    estimate = tally.estimate_from_labels(found.evidence, found.labels.labelled(given))
    assert estimate.low <= sum(truth.values()) / len(rows) <= estimate.high


def test_where_everything_is_decided_labels_add_nothing():
    evidence = EvidenceCounts.of_rows(readable=4, confirmed=3, edited=1)
    nothing = tally.Labelled({}, (), 0, 0, 0, 0, 0, {}, False)
    found = tally.estimate_from_labels(evidence, nothing)
    assert Interval(found.point, found.low, found.high) == Interval(0.75, 0.75, 0.75)


# ---- the whole way


def test_a_scan_with_labels_keeps_the_evidence_and_rests_on_them(tmp_path):
    for number in range(80):
        text = {"parameters": "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"}
        write(tmp_path / f"images/{number:02}.png", png(text, seed=number) if number < 8 else encoded(seed=number))
    config = Config.of(detectors=("generator-text",))
    run_audit(tmp_path / "images", tmp_path / "out", config, make_engine(1, "serial"))
    order = sorted((f"{number:02}.png" for number in range(8, 80)), key=lambda key: sampling_rank(key, 0))
    lines = [
        f"{key},{'synthetic' if number < 3 else 'real'},unknown,provenance,me" for number, key in enumerate(order[:40])
    ]
    path = write(tmp_path / "labels.csv", "\n".join(["key,label,stratum,how,labeller", *lines]))
    with_labels = Config.of(detectors=("generator-text",), labels=str(path))
    audit = run_audit(tmp_path / "images", tmp_path / "out", with_labels, make_engine(1, "serial"))
    assert audit.estimate.n == 40
    assert audit.estimate.point == pytest.approx((8 + 72 * 3 / 40) / 80, abs=0.02)
    assert (audit.config.estimate.labels, bool(audit.digests.labels)) == ("labels.csv", True)
    again = run_audit(tmp_path / "images", tmp_path / "out", config, make_engine(1, "serial"))
    assert again.estimate is None


def test_each_shards_part_of_the_labels_adds_up_to_all(tmp_path):
    rows, truth = dataset(900)
    said = answers(rows, truth, ((FLAGGED, 20), (UNKNOWN, 40), (REAL, 20)))
    paths = [part(tmp_path / f"{number}.parquet", rows[number::3]) for number in range(3)]
    found = summarise(paths, labels=LabelJoin.of(said, SEED), full_coverage_detectors=frozenset(), shards=10)
    labelled = found.labels.labelled(said)
    assert len(labelled.by_shard) == 3
    for number in range(3):
        mine = [parts[number] for parts in labelled.by_shard]
        for count in (lambda s: s.size, lambda s: s.positives(False), lambda s: s.labelled):
            assert sum(map(count, mine)) == count(labelled.strata[number])
    decided = [parts[3] for parts in labelled.by_shard]
    assert sum(one.positives(False) for one in decided) == found.evidence.confirmed_in_sample.rows
    some = tally.estimate_from_labels(found.evidence, labelled)
    all_read = summarise(paths, labels=LabelJoin.of(said, SEED))
    whole = tally.estimate_from_labels(all_read.evidence, all_read.labels.labelled(said))
    assert some.point == pytest.approx(whole.point, abs=0.01)
    assert some.high - some.low > whole.high - whole.low
