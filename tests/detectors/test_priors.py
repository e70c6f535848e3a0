import csv
from pathlib import Path

import pytest
from looking import look

from detectors import host_prior

HOSTS = {
    "https://cdn.midjourney.com/0b4e/0_1.png": "Midjourney",
    "https://oaidalleapiprodscus.blob.core.windows.net/private/x.png": "OpenAI",
    "https://v3.fal.media/files/x.png": "fal.ai",
    "https://th.bing.com/th/id/OIG.abc?pid=x": "Bing Image Creator",
    "https://ideogram.ai/assets/image/x": "Ideogram",
    "https://image.civitai.com:443/x/y.jpeg": "Civitai",
    "HTTPS://IMAGE.LEXICA.ART/full/x": "Lexica",
}
ORDINARY = [
    "https://th.bing.com/th/id/OIP.abc",
    "https://ideogram.ai/about",
    "https://notfal.media/x.png",
    "https://fal.media.example.com/x.png",
    "https://example.com/cdn.midjourney.com/x.png",
    "https://example.com/?src=cdn.midjourney.com",
    "https://example.com/mai-generated-x.jpg",
    "http://[::1",
    "//",
    "not a url",
]


@pytest.mark.parametrize("url", HOSTS)
def test_generators_hosts_are_known(url):
    reading = look("host-prior", url=url)
    assert (reading.generator, reading.tier) == (HOSTS[url], "E")


@pytest.mark.parametrize("url", ORDINARY)
def test_hosts_match_on_label_boundaries_only(url):
    assert look("host-prior", url=url).score == 0


def test_stock_sites_say_it_in_their_paths():
    assert look("host-prior", url="https://stock.example.com/photo/ai-generated-cat-123.jpg").score == 1


def test_without_a_url_there_is_nothing_to_look_at():
    assert look("host-prior").score is None


def test_every_host_of_the_list_has_its_origin_and_its_date():
    with host_prior._HOSTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["origin"] and row["date"] for row in rows)
    assert len({(row["host"], row["path"]) for row in rows}) == len(rows)
    assert Path(host_prior._HOSTS) in map(Path, host_prior.HostPrior().resources())


NAMES = {
    "00012-3456789012-a cat.png": "AUTOMATIC1111",
    "ComfyUI_00001_.png": "ComfyUI",
    "DALL·E 2023-04-01 12.34.56 - a cat.png": "DALL·E",
    "ChatGPT Image Apr 1, 2025, 12_34_56 PM.png": "ChatGPT",
    "Gemini_Generated_Image_abc12abc12abc12a.png": "Gemini",
    "Gemini_Generated_Image_abcd12abcd12abcd.png": "Gemini",
    "jane_a_cat_on_a_mat_0b4ebc16-83d2-4a7a-8a5f-0e6cf5f0ad5b.png": "Midjourney",
    "Default_a_cat_on_a_mat_0.jpg": "Leonardo.Ai",
}


@pytest.mark.parametrize("name", NAMES)
def test_generators_file_names_are_known(name):
    for place in (name, f"deep/folder/{name}", f"x.tar::a/{name}"):
        assert look("file-name-prior", image=place).generator == NAMES[name]


@pytest.mark.parametrize(
    "name",
    ["IMG_0001.jpg", "DSC00012.JPG", "00012.png", "2023-04-01.png", "Gemini_Generated_Image_abcdefghijklmnop.png",
     "ComfyUI notes.png", "0b4ebc16-83d2-4a7a-8a5f-0e6cf5f0ad5b.png", "Default.jpg", "table.parquet#12"],
)  # fmt: skip
def test_other_names_are_nothing(name):
    assert not look("file-name-prior", image=name).score


def test_the_name_in_a_url_counts_too():
    url = "https://x.org/files/ComfyUI_00001_.png?size=large"
    assert look("file-name-prior", image=url, url=url).generator == "ComfyUI"


@pytest.mark.parametrize(
    "caption",
    ["a cat --ar 16:9 --v 5", "a cat —niji 5", "cat <lora:detail:0.8>", "(detailed fur:1.2), cat", "Negative prompt: dog",
     "masterpiece, best quality, 1girl", "trending on ArtStation", "AI-generated image of a cat", "made in Midjourney"],
)  # fmt: skip
def test_wording_of_prompts_is_known(caption):
    reading = look("caption-prior", caption=caption)
    assert 0 < reading.score < 1
    assert reading.tier == "E"


@pytest.mark.parametrize(
    "caption",
    ["a cat on a mat", "ratio (3:2) print", "rain -- again", "Said: aim high", "(see page 3: 1.2 m tall)x", "--"],
)
def test_ordinary_captions_are_nothing(caption):
    assert look("caption-prior", caption=caption).score == 0


@pytest.mark.parametrize("value", [True, "true", "1", 1, 1.0, "AI", "synthetic", "Yes"])
def test_a_declaring_column_declares(value):
    reading = look("declared-column", row={"Is_AI": value})
    assert (reading.score, reading.tier) == (1, "B")


@pytest.mark.parametrize("value", [False, "no", 0, "real", "digitalCapture"])
def test_a_declaring_column_can_say_no(value):
    assert look("declared-column", row={"synthetic": value}).score == 0


@pytest.mark.parametrize("row", [{}, {"synthetic": None}, {"synthetic": " "}, {"synthetic": "maybe"}, {"label": "ai"}])
def test_other_columns_and_other_values_are_no_declaration(row):
    assert look("declared-column", row=row).score is None


def test_a_source_type_in_a_column_is_read_by_its_term():
    row = {"digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"}
    assert look("declared-column", row=row).claim == "edited"
