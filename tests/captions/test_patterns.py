"""What captions are searched for: each pattern finds its form, and not what people write."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.captions import marks
from auditor.captions.patterns import ARTEFACTS, BY_ID, PATTERNS, Kind
from auditor.estimate.intervals import clopper_pearson

EXAMPLES = {
    "refusal": "I'm sorry, but I cannot describe this image.",
    "as-an-ai": "As an AI language model, I see a dog.",
    "cannot-identify": "Two men. I can't identify the people in it.",
    "agreement": "Sure! Here's a description: a dog",
    "here-is-a-caption": "Here is a short caption for it: a dog",
    "follow-up": "A dog on a lawn. Would you like me to describe it further?",
    "chat-token": "A dog on a lawn.<|im_end|>",
    "florence-token": "<loc_12><loc_99> a dog",
    "role": "A dog. ASSISTANT: A brown dog.",
    "arafed": "arafed dog sitting on a lawn",
    "facebook-alt": "Photo by Ann. May be an image of 2 people and text",
    "office-alt": "A dog on a lawn\n\nDescription automatically generated",
    "markdown": "A lawn.\n\n**Subject:** a dog",
    "image-features": "The image features a dog.",
    "image-depicts": "the image depicts a dog",
    "image-shows": "The image shows a dog.",
    "image-captures": "The image captures a dog at play.",
    "this-image-mood": "This image shows a dog. The overall mood is calm.",
    "overall": "A dog on a lawn. Overall, the scene is calm.",
    "switches": "a dog --ar 16:9 --v 5.2",
    "imagine": "/imagine a dog",
    "lora": "a dog <lora:fur:0.8>",
    "weights": "(8k:1.2), a dog",
    "negative-prompt": "a dog Negative prompt: cat",
    "settings": "a dog Steps: 20, Sampler: Euler a, CFG scale: 7",
    "quality-tags": "masterpiece, best quality, dog",
    "score-tags": "score_9, score_8_up, dog",
    "choices": "a {red|blue|green} dog",
    "embeddings": "easynegative, dog",
    "trending": "a dog, trending on ArtStation",
    "art-station": "a dog, artstation",
    "artist": "a dog by Greg Rutkowski",
    "art-terms": "concept art of a dog",
    "detailed": "a highly detailed dog",
    "lighting": "a dog, volumetric lighting",
    "renderer": "a dog, octane render",
    "negative-words": "bad anatomy, dog",
    "booru-count": "1girl, dog",
    "wildcards": "a __colour__ dog",
    "multi-prompt": "dog::2 cat",
    "ai-generated": "an AI-generated dog",
    "midjourney": "a dog, made in Midjourney",
    "stable-diffusion": "a dog by Stable Diffusion",
    "dall-e": "a dog by DALL·E",
    "file-name": "IMG_20200101_1234.jpg",
}
ORDINARY = (
    "The artist Charafeddine at work",
    "In this image we can see a man, who is standing. In the background there are trees.",
    "This image shows the surface of Mars, as seen by the rover. The image was taken in 2012.",
    "This image from the telescope shows methane that volcanoes contribute to the atmosphere.",
    "The picture shows the ruins of the city in 1945.",
    "I'm sorry, I can't help but smile at this photo",
    "I can't describe how happy I am",
    "Sure, here we go again",
    "Feel free to contact us. Let me know if you have any questions!",
    "This may be a photo of my grandmother",
    "Human: Fall Flat, a game",
    "Photographer: Ann Lee. Assistant: Bo Ek",
    "was <s>20</s> now 10 euros",
    "- 100 % cotton\n- machine wash\n- made in Portugal",
    "a serene, vibrant scene nestled in the hills, with a sense of calm",
    "a close up of a person in the background",
    "scale model (1:24), Matthew (5:1), ratio (3:2)",
    "trail shoe (UK:1.5), vase (Ratio:1.2), light (f:1.8), verse (Luke 1:1.5)",
    "pip install --version 3 --seed 42",
    "It was late —no one came -- and so on",
    "the __init__ method",
    "Concept art by Craig Mullins, digital painting, ArtStation",
    "4K camera, 50mm, bokeh",
    "1girl, absurdres, highres, long hair",
    "High quality official art print",
)  # fmt: skip


def found_in(*captions):
    return [set(marks.ids(bits)) for bits in marks.find(pa.array(captions, pa.string()))]


def test_every_pattern_has_an_example():
    assert set(EXAMPLES) == set(BY_ID)


@pytest.mark.parametrize("id", EXAMPLES)
def test_a_pattern_finds_its_example(id):
    (found,) = found_in(EXAMPLES[id])
    assert id in found


@pytest.mark.parametrize("caption", ORDINARY)
def test_what_people_write_is_no_artefact_and_no_prompt(caption):
    bits = marks.find(pa.array([caption]))
    assert not marks.has(bits, *ARTEFACTS).any(), marks.ids(bits[0])
    assert not marks.is_prompt_like(bits).any(), marks.ids(bits[0])


def test_openings_are_anchored_at_the_start():
    (found,) = found_in("A sign says: the image shows a dog")
    assert not found


def test_two_cues_of_one_group_are_no_prompt_and_two_of_different_groups_are():
    bits = marks.find(pa.array(["concept art by wlop, artstation", "concept art, volumetric lighting"]))
    assert marks.is_prompt_like(bits).tolist() == [False, True]


def test_every_expression_is_one_of_python_too():  # the detector caption-prior uses them so
    for pattern in PATTERNS:
        assert re.compile(pattern.expression).search(EXAMPLES[pattern.id]), pattern.id


TEXTS = st.one_of(st.none(), st.text(max_size=80), st.sampled_from([*EXAMPLES.values(), *ORDINARY]))


@given(st.lists(TEXTS, max_size=12))
def test_the_search_finds_what_single_patterns_find(captions):
    captions = [text and text.encode("utf-8", "replace").decode() for text in captions]
    column = pa.array(captions, pa.string())
    expected = [set() for _ in captions]
    import pyarrow.compute as pc

    for pattern in PATTERNS:
        for row in np.flatnonzero(pc.match_substring_regex(column, pattern.expression).fill_null(False)):
            expected[row].add(pattern.id)
    assert found_in(*captions) == expected


@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_stored_marks_are_read_back(captions):
    column = pa.array([text and text.encode("utf-8", "replace").decode() for text in captions], pa.string())
    bits = marks.find(column)
    kept = marks.stored(bits, column)
    assert (marks.loaded(kept) == bits).all()
    assert kept.is_null().to_pylist() == column.is_null().to_pylist()


def test_marks_of_another_version_are_ignored():
    assert marks.loaded(pa.array(["gone; role", "gone", "", None])).tolist() == [marks.bits_of(["role"]), 0, 0, 0]


# ---- measured on lists of captions with known writers


@pytest.fixture(scope="module")
def lines(data):
    import pandas as pd

    path = data / "captions" / "captions.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}")
    found = pd.read_csv(path, keep_default_na=False)
    bits = marks.find(pa.array(found.text))
    return found.assign(
        artefact=marks.has(bits, *ARTEFACTS), strong=marks.has(bits, Kind.STRONG), prompt=marks.is_prompt_like(bits)
    )


def test_no_caption_by_people_has_an_artefact_or_is_prompt_like(lines):
    human = lines[lines.label == "human"]
    assert len(human) > 5000
    assert list(human.text[human.artefact | human.prompt]) == []


def test_no_caption_by_a_machine_has_strong_prompt_syntax(lines):
    assert list(lines.text[(lines.label == "machine") & lines.strong]) == []


@pytest.mark.parametrize(
    ("family", "least"),
    [("instructblip", 0.97), ("shikra", 0.94), ("bard", 0.85), ("moondream", 0.65), ("gpt4_text", 0.55), ("claude", 0.5),
     ("facebook_aat", 0.75), ("ms_office_alt", 0.75), ("gpt4o", 0.2), ("llava_ov", 0.2)],
)  # fmt: skip
def test_recall_of_chat_models(lines, family, least):
    group = lines[lines.family == family]
    low, _ = clopper_pearson(int(group.artefact.sum()), len(group))
    assert low > least


@pytest.mark.parametrize("family", ["blip2", "florence2", "neuraltalk", "vitgpt2", "vlm2026"])
def test_short_captioners_leave_no_artefact(lines, family):
    assert not lines.artefact[lines.family == family].any()


@pytest.mark.parametrize(("family", "least"), [("midjourney", 0.6), ("diffusiondb", 0.25), ("open_prompts", 0.25)])
def test_prompts_are_found(lines, family, least):
    group = lines[lines.family == family]
    low, _ = clopper_pearson(int(group.prompt.sum()), len(group))
    assert low > least
