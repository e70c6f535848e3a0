"""The annotation page in a real browser, one image at a time."""

from dataclasses import replace

import commands
import labelled
import pytest
from browsing import AXE
from label_page import BACKSPACE, HIDDEN, SCROLLS, count, is_clean, ready, saved

from auditor.annotation import file


def test_images_are_labelled_by_keyboard_undone_and_found_again(tab, server, task):
    keys = [row.key for row in task.drawn]
    tab.open(server.url.rstrip("/"))
    count(tab, "1 of 8")
    tab.keys("s")
    count(tab, "2 of 8")
    assert tab.text("#live") == "Saved: synthetic. 1 of 8 are labelled."
    tab.keys("1", "r")
    count(tab, "3 of 8")
    tab.keys("u")
    count(tab, "4 of 8")
    assert saved(server) == [
        (keys[0], "synthetic", "looks"), (keys[1], "real", "provenance"), (keys[2], "unsure", "looks"),
    ]  # fmt: skip
    tab.keys(BACKSPACE)
    count(tab, "3 of 8")
    tab.keys(BACKSPACE)
    count(tab, "2 of 8")
    tab.keys("3", "s")
    count(tab, "3 of 8")
    tab.driver.refresh()
    count(tab, "3 of 8")
    assert saved(server) == [(keys[0], "synthetic", "looks"), (keys[1], "synthetic", "date")]
    assert tab.js("return document.querySelector('progress').value") == 2


def test_the_page_says_what_is_known_and_when_one_may_stop(tab, tmp_path_factory):
    base = tmp_path_factory.mktemp("many")
    task = labelled.task(base, images=120)
    path = base / "labels.csv"
    with labelled.served(task, path) as server:
        tab.open(server.url)
        tab.wait(lambda: tab.text("#judgement") == "no label yet")
        for number in range(40):
            count(tab, f"{number + 1} of 120")
            tab.keys("1", "r")
        count(tab, "41 of 120")
        tab.wait(lambda: "decided: pass, you may stop" in tab.text("#judgement"))
        assert "decided" in tab.js("return document.querySelector('#judgement').className")
        assert is_clean(tab)
    assert all(a.until_decided for a in file.read(path))
    result = commands.run("gate", base / "audit", "--labels", path, cwd=base)
    assert (result.returncode, result.stderr[:4]) == (0, "PASS")


def test_with_a_fixed_number_nothing_is_said_before_the_end(tab, tmp_path_factory):
    base = tmp_path_factory.mktemp("fixed")
    with labelled.served(labelled.task(base, number=4), base / "labels.csv") as server:
        tab.open(server.url)
        count(tab, "1 of 4")
        tab.keys("r")
        count(tab, "2 of 4")
        assert server.session.judgement() is None
        assert tab.text("#judgement") == ""
        assert [a.until_decided for a in file.read(base / "labels.csv")] == [False]


def test_every_image_can_be_labelled_and_the_page_says_when_it_is_over(tab, server, task):
    tab.open(server.url)
    shown = set()
    for number, row in enumerate(task.drawn):
        count(tab, f"{number + 1} of 8")
        if row.key == labelled.BROKEN:
            assert "changed since the audit" in tab.text(".message")
        else:
            shown.add(tab.js("return document.querySelector('#stage img').src"))
        tab.keys("r")
    tab.wait(lambda: tab.text(".message") == "All images are labelled.")
    assert len(shown) == 7
    assert len(saved(server)) == 8
    tab.keys("s", BACKSPACE)
    count(tab, "8 of 8")
    tab.keys("u")
    tab.wait(lambda: "All images" in tab.text(".message"))
    assert saved(server)[-1] == (task.drawn[-1].key, "unsure", "looks")
    tab.find("#end").click()
    tab.wait(lambda: "Finished" in tab.text(".message"))
    tab.keys(BACKSPACE)
    assert len(saved(server)) == 8


def test_nothing_in_a_dataset_acts_and_what_it_says_is_shown_when_asked(tab, server, task):
    tab.open(server.url)
    for number, row in enumerate(task.drawn):
        count(tab, f"{number + 1} of 8")
        assert not tab.find("#context").is_displayed()
        assert row.key not in tab.driver.page_source
        tab.keys("c")
        tab.wait(lambda: tab.find("#context").is_displayed())
        assert tab.text("#caption") == labelled.HOSTILE
        assert tab.text("#file").endswith(row.key)
        assert tab.text("#url") == "javascript:hacked=1"
        assert tab.driver.find_elements("css selector", "#context a, #context img, #context script") == []
        tab.keys("r")
    tab.wait(lambda: "All images" in tab.text(".message"))
    assert tab.js("return window.hacked") is None
    assert tab.hosts() == {"127.0.0.1"}


def test_the_page_complains_of_nothing_and_asks_nobody_else(tab, server):
    tab.open(server.url)
    for number in range(8):
        count(tab, f"{number + 1} of 8")
        tab.keys("z", "c")
        tab.wait(lambda: tab.find("#context").is_displayed())
        tab.keys("s")
    tab.wait(lambda: "All images" in tab.text(".message"))
    assert is_clean(tab)


SIZES = [(360, 640), (390, 844), (844, 390), (820, 1180), (1280, 720), (1440, 900)]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_hidden_or_scrolls_and_fingers_hit_every_button(tab, server, size):
    tab.size(*size)
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.keys("u")
    count(tab, "2 of 8")
    assert (tab.js(HIDDEN), tab.js(SCROLLS)) == ([], False)
    tab.keys("g", "2")
    count(tab, "2–8 of 8")
    assert (tab.js(HIDDEN), tab.js(SCROLLS)) == ([], False)


@pytest.mark.skipif(not AXE.exists(), reason=f"no axe-core at {AXE} (npm install --prefix build/axe axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing(tab, server, scheme):
    tab.scheme(scheme)
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.keys("c")
    tab.wait(lambda: tab.find("#context").is_displayed())
    assert tab.violations() == []
    tab.keys("d")
    assert tab.violations() == []
    tab.keys("d", "g", "2", "3", "3")
    count(tab, "1–8 of 8")
    ready(tab)
    assert tab.violations() == []


def shown(tab):
    return tab.js("""const image = document.querySelector('#stage img'), box = image.getBoundingClientRect()
        return {width: box.width / image.naturalWidth, height: box.height / image.naturalHeight,
                style: getComputedStyle(image).imageRendering, stage: [image.parentElement.clientWidth,
                image.parentElement.clientHeight], size: [box.width, box.height]}""")


def test_images_fill_the_window_and_tiny_ones_have_square_pixels(tab, server, task):
    tab.open(server.url)
    for number, row in enumerate(task.drawn):
        count(tab, f"{number + 1} of 8")
        if row.key != labelled.BROKEN:
            found = shown(tab)
            fills = any(abs(side - room) <= 1 for side, room in zip(found["size"], found["stage"], strict=True))
            if row.key in (labelled.LARGER, "long.png"):
                assert fills
                assert found["style"] == "auto"
            else:
                assert found["width"] == found["height"] == int(found["width"]) > 1
                assert found["style"] == "pixelated"
        tab.keys("r")
    tab.wait(lambda: "All images" in tab.text(".message"))


def test_an_image_is_as_large_as_a_changed_window_allows(tab, server, task):
    tab.open(server.url)
    for number in range([row.key for row in task.drawn].index(labelled.LARGER)):
        count(tab, f"{number + 1} of 8")
        tab.keys("r")
    tab.wait(lambda: tab.js("return !isBusy"))
    for size in ((700, 500), (1200, 900)):
        tab.size(*size)
        tab.wait(lambda: any(abs(a - b) <= 1 for a, b in zip(*(shown(tab)[k] for k in ("size", "stage")), strict=True)))


def test_the_definition_is_one_key_away_and_nothing_is_labelled_meanwhile(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    assert not tab.find("#definition").is_displayed()
    tab.keys("d", "r", "s")
    assert tab.find("#definition").is_displayed()
    for word in ("screenshot", "3D renders", "Drawings", "filtered", "real here: the audit counts edits separately"):
        assert word in tab.text("#definition")
    tab.keys("\ue00c")
    tab.wait(lambda: not tab.find("#definition").is_displayed())
    assert saved(server) == []
    tab.keys("r")
    count(tab, "2 of 8")


def test_the_definition_follows_the_audit(tab, task, tmp_path):
    estimate = replace(task.audit.config.estimate, count_edited=True)
    counting = replace(task, audit=replace(task.audit, config=replace(task.audit.config, estimate=estimate)))
    with labelled.served(counting, tmp_path / "labels.csv") as server:
        tab.open(server.url)
        count(tab, "1 of 8")
        tab.keys("d")
        assert "synthetic here: this audit counts edits" in tab.text("#definition")
        assert "real here" not in tab.text("#definition")


def test_the_latest_label_and_the_time_left_are_shown(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    assert not tab.find("#undo").is_enabled()
    for number, (key, label) in enumerate(zip("sru", ("synthetic", "real", "cannot tell"), strict=True)):
        assert tab.text("#left") == ""
        first = tab.js("return document.querySelector('#stage img')?.src")
        tab.keys(key)
        count(tab, f"{number + 2} of 8")
        assert tab.text("#undo").split("\n")[-2:] == ["undo", label]
        assert tab.js("return document.querySelector('#undo img')?.src") == first
    assert tab.text("#left") == "less than 1 min left"
    tab.driver.refresh()
    count(tab, "4 of 8")
    assert tab.text("#undo").split("\n")[-2:] == ["undo", "cannot tell"]


def test_keys_alone_reach_the_end(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.keys("r")
    count(tab, "2 of 8")
    tab.keys("f")
    assert tab.js("return document.activeElement.id") == "end"
    assert tab.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.keys("\ue007")
    tab.wait(lambda: "Finished" in tab.text(".message"))


def test_nothing_moves_by_itself(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.keys("g")
    count(tab, "1–8 of 8")
    assert tab.js("return document.getAnimations().length") == 0
