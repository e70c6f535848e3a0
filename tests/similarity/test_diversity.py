"""The panel: published numbers, closed forms, and what each kind of contamination does to it."""

import making
import numpy as np
import pytest
from audits import audit
from corpora import corpus, directions, part, pictures
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from auditor import audit_json
from auditor.config import EstimateConfig
from auditor.errors import ConfigError, IndexFileError
from auditor.evidence_store.store import Store
from auditor.policy import policy
from auditor.resources import Resources
from auditor.results import Diversity
from auditor.similarity import diversity, index_writer
from auditor.similarity.diversity import (
    compare_metrics,
    distances,
    effective_dimension,
    metrics,
    trace,
    trace_ratio,
    vendi,
)
from auditor.similarity.embedding_set import EmbeddingSet
from auditor.similarity.reference import Reference, TemporalReference
from auditor.similarity.summary import similarity_results
from auditor.types import VerdictKind
from reports import phrases


def clouds(count, seed, *, dimension=24, kinds=8, scatter=0.6):
    """Unit vectors of `kinds` kinds: the same kinds whatever the seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 1, (kinds, dimension))
    found = centres[rng.integers(0, kinds, count)] + rng.normal(0, scatter, (count, dimension))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


# ---- each measure

PRDC = (0.9833333333333333, 0.8, 1.2266666666666668, 0.9166666666666666)  # precision, recall, density, coverage


@pytest.fixture(scope="module")
def both():
    rng = np.random.default_rng(7)
    return rng.normal(0, 1, (60, 5)), rng.normal(0.3, 0.8, (60, 5))


def test_manifolds_are_as_their_authors_compute_them(both):
    """prdc 0.2, the reference implementation of Naeem et al.: compute_prdc(both[0], both[1], nearest_k=5)."""
    found = metrics(*both)
    wanted = {"precision": PRDC[0], "recall": PRDC[1], "density": PRDC[2], "coverage": PRDC[3]}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_cmmd_is_as_its_authors_compute_it(both):
    """The formula of google-research/cmmd/distance.py, written out pair by pair."""

    def kernel(one, other):
        return np.mean([[np.exp(-((a - b) ** 2).sum() / 200) for b in other] for a in one])

    x, y = both
    assert metrics(x, y)["cmmd"] == pytest.approx(1000 * (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)), rel=1e-6)
    assert metrics(x, x)["cmmd"] == pytest.approx(0, abs=1e-9)


@given(st.integers(1, 12))
def test_of_n_that_share_nothing_vendi_is_n_and_of_copies_it_is_one(n):
    assert vendi(np.eye(12)[:n]) == pytest.approx(n)
    assert vendi(np.tile(directions(1, 12), (n, 1))) == pytest.approx(1)


def test_vendi_of_two_kinds_is_the_entropy_of_their_shares():
    rows = np.eye(3)[[0] * 6 + [1] * 2]
    assert vendi(rows) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))


def test_the_effective_dimension_of_a_ball_is_its_dimension_and_of_a_line_one():
    rng = np.random.default_rng(0)
    assert effective_dimension(rng.normal(0, 2, (400, 40))) == pytest.approx(40, rel=0.05)
    assert effective_dimension(rng.normal(0, 1, (100, 1)) @ np.ones((1, 30))) == pytest.approx(1, abs=0.05)
    shape = np.diag([3.0, 2, 1, 0.5, 0.1])
    variance = np.diag(shape) ** 2
    wanted = variance.sum() ** 2 / (variance**2).sum()
    assert effective_dimension(rng.normal(0, 1, (20_000, 5)) @ shape) == pytest.approx(wanted, rel=0.03)


def test_trace_and_determinant_follow_the_scale():
    rows = np.random.default_rng(1).normal(0, 1, (300, 10))
    assert trace(rows) == pytest.approx(np.trace(np.cov(rows.T)))
    assert trace(3 * rows) == pytest.approx(9 * trace(rows))
    volume = metrics(rows, rows)["log_determinant"]
    assert metrics(rows, 3 * rows)["log_determinant"] == pytest.approx(volume + np.log(9))
    top = np.sort(np.linalg.eigvalsh(np.cov(rows.T)))[5:]
    assert volume == pytest.approx(np.log(top).mean())


@given(st.integers(0, 1000))
@examples(20)
def test_no_measure_depends_on_the_order(seed):
    x, y = clouds(40, seed), clouds(40, seed + 1)
    order = np.random.default_rng(seed).permutation(40)
    assert metrics(x[order], y[order[::-1]]) == pytest.approx(metrics(x, y), rel=1e-5, abs=1e-7)


def test_distances_are_euclidean(both):
    x, y = both
    assert distances(x, y)[3, 5] == pytest.approx(np.linalg.norm(x[3] - y[5]))


# ---- against chance


def outside(comparison):
    return {measure.name: np.sign(measure.z) for measure in comparison.metrics if measure.is_outside}


@pytest.fixture(autouse=True)
def _small_draws(monkeypatch):
    monkeypatch.setattr(diversity, "MAX_IMAGES", 300)
    monkeypatch.setattr("auditor.similarity.near_duplicates._MAX_CROP_SEARCHES", 0)  # made-up thumbnails have no crops


def contaminated(kind, share=0.2, n=600):
    """Real vectors, a share of them replaced by what one kind of decay makes of others."""
    clean, rng = clouds(n, 2), np.random.default_rng(3)
    count = int(share * n)
    others = clouds(count, 4)
    changed = {
        "contraction": clouds(count, 4, scatter=0.3),
        "mode skew": others[rng.integers(0, 4, count)] + rng.normal(0, 0.05, (count, 24)),
        "artefact": others + 0.8 * directions(1, 24, seed=5),
    }[kind]
    return np.concatenate([clean[count:], unit(changed)])


def test_clean_data_stay_inside_what_chance_does():
    wrong = [outside(compare_metrics("x", clouds(900, seed), clouds(600, 20 + seed), seed=seed)) for seed in range(5)]
    assert sum(map(len, wrong)) <= 1  # of 55 measures, at 1 % each


@pytest.mark.parametrize(("kind", "moves"), [
    ("contraction", {"density": 1, "recall": -1, "nearest": -1}),
    ("mode skew", {"vendi": -1}),
    ("artefact", {"cmmd": 1}),
])  # fmt: skip
def test_each_contamination_moves_what_theory_says(kind, moves):
    found = compare_metrics("x", clouds(900, 1), contaminated(kind), seed=0)
    assert outside(found).items() >= moves.items()


def test_too_few_images_are_not_compared():
    assert compare_metrics("x", clouds(199, 1), clouds(500, 2), seed=0) is None
    assert compare_metrics("x", clouds(500, 1), clouds(99, 2), seed=0) is None
    assert compare_metrics("x", clouds(200, 1), clouds(100, 2), seed=0).n == 100


def test_the_same_seed_gives_the_same_numbers():
    one, again, other = (compare_metrics("x", clouds(300, 1), clouds(200, 2), seed=seed) for seed in (1, 1, 2))
    assert one == again != other


def test_the_ratio_of_traces_is_that_of_the_variances():
    rng = np.random.default_rng(0)
    low, ratio, high = trace_ratio(rng.normal(0, 1, (2000, 20)), rng.normal(0, 0.7**0.5, (2000, 20)), seed=0)
    assert low < 0.7 < high
    assert ratio == pytest.approx(0.7, abs=0.03)


# ---- of an audit


def evidence(out, vectors, labels=(), seed=0):
    part(out, vectors, pictures(len(vectors), seed), labels=labels)
    return list(Store(out).parts())


def test_suspects_are_compared_with_the_others_without_their_copies(tmp_path):
    suspects = unit(clouds(150, 5).mean(axis=0) + 0.5 * (clouds(150, 5) - clouds(150, 5).mean(axis=0)))
    vectors = np.concatenate([clouds(300, 1), suspects, suspects[:1].repeat(40, axis=0)])
    labels = [*[VerdictKind.UNKNOWN] * 300, *[VerdictKind.LIKELY_SYNTHETIC] * 190]
    thumbs = np.concatenate([pictures(450), pictures(450)[300:301].repeat(40, axis=0)])
    part(tmp_path, vectors, thumbs, labels=labels)
    _, found = similarity_results(list(Store(tmp_path).parts()), tmp_path, seed=0)
    assert found.distinct == 450
    assert [comparison.name for comparison in found.comparisons] == ["confirmed and flagged images vs. the others"]
    assert found.trace_ratio[2] < 0.95
    assert (
        audit_json.loads(audit_json.dumps(audit(diversity=found), policy.decide(audit(), policy.default()))).diversity
        == found
    )


def test_an_index_or_an_audit_is_a_reference(tmp_path):
    parts = evidence(tmp_path / "set", clouds(300, 2))
    index_writer.add_parts(tmp_path / "index", evidence(tmp_path / "ref", clouds(400, 1), seed=1), "real")
    for name in ("index", "ref"):
        _, found = similarity_results(parts, tmp_path, seed=0, reference=Reference(str(tmp_path / name)))
        assert [comparison.name for comparison in found.comparisons] == [f"all images vs. {name}"]
        assert 150 <= found.comparisons[0].n <= 200
        assert found.trace_ratio is None


def test_copies_in_a_reference_count_once(tmp_path):
    vectors = np.concatenate([clouds(200, 1), clouds(1, 3).repeat(100, axis=0)])
    evidence(tmp_path / "ref", vectors)
    found = Reference(str(tmp_path / "ref")).vectors(corpus(tmp_path / "ref"), 0)
    assert 190 <= len(found) <= 201


def test_a_reference_of_another_encoder_or_of_none_is_refused(tmp_path):
    parts = evidence(tmp_path / "set", clouds(10, 2))
    part(tmp_path / "other", clouds(10, 1), pictures(10), fingerprint="made:2")
    with pytest.raises(IndexFileError, match="vectors are from made:2, the dataset's from made:1"):
        similarity_results(parts, tmp_path, seed=0, reference=Reference(str(tmp_path / "other")))
    with pytest.raises(IndexFileError, match="neither an index nor an audit with vectors"):
        similarity_results(parts, tmp_path, seed=0, reference=Reference(str(tmp_path / "nothing")))


def test_a_reference_makes_vectors_wanted_and_leaves_the_evidence_alone(tmp_path):
    evidence(tmp_path / "ref", clouds(10, 1))
    from auditor.config import Config

    plain = Config.of(detectors=(), keep_vectors=True)
    held = Config.of(detectors=(), reference=str(tmp_path / "ref"))
    assert Resources.load(held).vectors.is_wanted
    digests = [Resources.load(config).evidence_digest(config) for config in (plain, held)]
    assert digests[0] == digests[1]
    assert held.portable.estimate.reference == "ref"


# ---- the dataset's own older part


def test_later_images_are_held_against_earlier_ones(tmp_path):
    drawn_in = 0.6 * (clouds(150, 5) - clouds(150, 5).mean(axis=0)) + clouds(150, 5).mean(axis=0)
    vectors = np.concatenate([clouds(300, 1), unit(drawn_in), clouds(40, 7)])
    part(tmp_path, vectors, pictures(490), years=[*[2019] * 300, *[2021] * 150, *[None] * 40])
    _, found = similarity_results(list(Store(tmp_path).parts()), tmp_path, seed=0, reference=TemporalReference(2021))
    (comparison,) = found.comparisons
    assert comparison.name == "images since 2021 vs. those before"
    assert comparison.n == 150
    assert {measure.name for measure in comparison.metrics if measure.is_outside} >= {"recall", "trace"}
    assert found.not_compared == ()


def test_images_of_no_known_year_are_on_neither_side_and_copies_of_older_ones_are_older(tmp_path):
    vectors = directions(6)
    thumbs = pictures(6)
    again = np.concatenate([vectors, vectors[:1]])
    part(tmp_path, again, np.concatenate([thumbs, thumbs[:1]]), years=[2022, 2019, None, 2021, 2020, 2023, 2018])
    known = corpus(tmp_path)
    label = np.array([0, 1, 2, 3, 4, 5, 0])  # the first was there in 2018 already
    before, since = TemporalReference(2021).sides(known, label)
    assert (before.tolist(), since.tolist()) == ([0, 1, 4], [3, 5])


def test_too_few_images_on_a_side_are_told_and_not_compared(tmp_path):
    part(tmp_path, clouds(250, 1), pictures(250), years=[*[2019] * 180, *[2022] * 60, *[None] * 10])
    parts = list(Store(tmp_path).parts())
    _, found = similarity_results(parts, tmp_path, seed=0, reference=TemporalReference(2021))
    assert found.comparisons == ()
    (told,) = found.not_compared
    assert "images since 2021 vs. those before: not compared" in told
    assert "60 of 100 and 180 of 200 in the reference" in told
    assert told in phrases.diversity(audit(diversity=found))
    evidence(tmp_path / "few", clouds(50, 2))
    _, found = similarity_results(parts, tmp_path, seed=0, reference=Reference(str(tmp_path / "few")))
    assert "250 of 100 and 50 of 200" in found.not_compared[0]


def test_a_scan_takes_the_years_of_its_manifest(tmp_path, scan):
    for number in range(3):
        making.write(tmp_path / "set" / f"{number}.png", making.encoded("PNG", seed=number))
    making.write(tmp_path / "set/metadata.csv", "file_name,year\n0.png,2019\n1.png,2022\n2.png,2023\n")
    found = scan(tmp_path / "set", detectors=(), reference="before:2021")
    assert found.config.estimate.reference == "before:2021"
    assert "2 of 100 and 1 of 200" in found.diversity.not_compared[0]


@pytest.mark.parametrize("text", ["before:", "before:soon", "before:21", "before:٢٠٢١"])
def test_a_reference_before_no_year_is_refused(text):
    with pytest.raises(ConfigError, match="like before:2021"):
        EstimateConfig(reference=text)


def test_the_measured_dimension_is_what_mad_assumes_unless_the_policy_names_one():
    of = audit(diversity=Diversity("f", 500, 31.5))
    assert policy.decide(of, policy.default()).mad.dimension == 31.5
    named = policy.parse("[rules.mad]\n[mad]\ndimension = 80\n")
    assert policy.decide(of, named).mad.dimension == 80
    assert policy.decide(audit(), policy.default()).mad.dimension == 100


def test_no_vectors_no_panel(tmp_path):
    assert similarity_results([], tmp_path, seed=0) == (None, None)
    assert len(EmbeddingSet([])) == 0
    assert diversity.MIN_IMAGES == 100
