"""The diversity of captions: the same for the same rows, lower for a template, and comparable between sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.captions import diversity, languages, ranges
from auditor.captions.sample import LowestRanks, ranks

WORDS = [f"{a}{b}" for a in "bcdfglmnprst" for b in ("ad", "elo", "irn", "om", "ust", "agi", "ev")]


def captions(n, seed=0, words=8):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, words)) for _ in range(n)]


def test_a_template_is_less_diverse():
    plain = diversity.figures(captions(400))
    template = diversity.figures([f"a photo of a {caption}" for caption in captions(400)])
    assert template["openings"] == template["phrases"] == 1
    assert plain["openings"] < 0.2
    assert template["distinct_2"] < plain["distinct_2"]
    assert template["compression"] < plain["compression"]


def test_figures_do_not_depend_on_the_number_of_captions():
    few, many = diversity.figures(captions(200)), diversity.figures(captions(1000))
    for name in ("openings", "phrases", "distinct_2", "compression"):
        assert abs(few[name] - many[name]) < 0.05, name


def test_repeated_and_nearly_repeated_captions_are_counted():
    texts = captions(diversity.BLOCK, words=10)
    texts[1], texts[3] = texts[0].upper(), f"{texts[2]} {texts[2].split()[0]}"
    figures = diversity.figures(texts)
    assert figures["duplicates"] == 2 / diversity.BLOCK
    assert figures["near_duplicates"] == 4 / diversity.BLOCK


def test_numbers_are_one_word_as_in_cc3m():
    assert diversity.normalised("The 12 Dogs\tof  2019") == diversity.normalised("the 9 dogs of 3")


def test_scripts_without_blanks_have_words():
    assert diversity.words("一只狗 on a 草地") == ["一", "只", "狗", "on", "a", "草", "地"]


@given(st.lists(st.text(max_size=20), min_size=diversity.BLOCK, max_size=diversity.BLOCK))
def test_any_text_has_figures(texts):
    assert all(value >= 0 for value in diversity.figures(texts).values())


def test_too_few_captions_have_none():
    with pytest.raises(ValueError, match="at least 200 captions, got 3"):
        diversity.figures(["a", "b", "c"])


def test_only_english_captions_are_compared():
    sample = [f"a photo of a {caption}" for caption in captions(200)]
    assert ranges.diversity_of(sample, is_english=True).figures["openings"].is_outside
    unknown = ranges.diversity_of(sample, is_english=False).figures["openings"]
    assert (unknown.is_outside, unknown.ranges) == (False, {})


def test_the_shipped_ranges_are_those_of_the_lists(data):
    path = data / "captions" / "captions.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    import pandas as pd

    lines = pd.read_csv(path, keep_default_na=False)
    source = lines[lines.source == "multi30k_en"].text.sample(frac=1, random_state=0)
    for name, value in diversity.figures(list(source)).items():
        human = ranges.ranges()[name]["human"]
        assert human.low <= value <= human.high, name


# ---- the sample


IMAGES = st.tuples(st.integers(0, 2**64 - 1), st.text(max_size=8))


@given(st.lists(IMAGES, unique_by=lambda image: image[0], max_size=60), st.randoms())
def test_the_sample_does_not_depend_on_order_or_batches(rows, random):
    expected = sampled([rows], 10)
    shuffled = random.sample(rows, len(rows))
    cut = random.randint(0, len(rows))
    assert sorted(sampled([shuffled[:cut], shuffled[cut:]], 10)) == sorted(expected)
    assert len(expected) == min(10, len(rows))


def sampled(batches, size):
    sample = LowestRanks(size)
    for batch in batches:
        images = np.array([identity for identity, _ in batch], np.uint64)
        sample.add(ranks(images, 7), lambda chosen, batch=batch: [batch[number] for number in chosen])
    return sample.items


def test_another_seed_draws_another_sample():
    images = np.arange(1000, dtype=np.uint64)
    assert (ranks(images, 0) != ranks(images, 1)).all()


@pytest.mark.parametrize("seed", [0, 1, 2**64])
def test_ranks_are_spread_evenly(seed):
    found = ranks(np.arange(20_000, dtype=np.uint64), seed) / 2**64
    assert abs(found.mean() - 0.5) < 0.01
    assert np.histogram(found, 10, (0, 1))[0] == pytest.approx(2000, rel=0.1)


# ---- languages


@pytest.mark.parametrize(
    ("caption", "expected"),
    [("A dog runs on the grass", languages.ENGLISH), ("Ein Hund läuft auf der Wiese", languages.OTHER_LATIN),
     ("Un chien court dans le parc", languages.OTHER_LATIN), ("Nike Air 90", languages.UNDECIDED),
     ("一只狗在草地上", "Chinese or Japanese script"), ("Собака на траве", "Cyrillic script"),
     ("كلب على العشب", "Arabic script"), ("123 !!", languages.NONE), ("\u202e\x00", languages.NONE)],
)  # fmt: skip
def test_the_language_is_english_or_a_script(caption, expected):
    assert languages.language(caption) == expected
