"""The annotation page in a real browser, served and exported."""

import json
from dataclasses import replace

import commands
import labelled
import pytest
from browsing import AXE

from auditor.annotation import file
from auditor.errors import LabelError

BACKSPACE = "\ue003"


def count(browser, text):
    """Waits until the page shows `text` and its image, or the text instead of one."""
    browser.wait(lambda: browser.text("#count") == text and browser.js("return !isBusy"))


def saved(server):
    path = server.session.path
    return [(a.key, a.label.value, a.how) for a in file.read(path)] if path.exists() else []


def is_clean(browser, host="127.0.0.1"):
    """No script of the dataset ran, the console is empty, and no request left this machine."""
    assert browser.js("return window.hacked") is None
    assert browser.hosts() == {host}
    return browser.complaints() == []


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
HIDDEN = """return [...document.querySelectorAll('button, #judgement, #count, #stage img, #grid img')]
    .filter(element => element.checkVisibility())
    .filter(element => { const box = element.getBoundingClientRect()
        return box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight
            || (element instanceof HTMLButtonElement && Math.min(box.width, box.height) < 44) })
    .map(element => element.outerHTML.slice(0, 80))"""
SCROLLS = """return [document.documentElement, ...document.querySelectorAll('body, header, main, footer, #stage, #grid')]
    .filter(element => element.checkVisibility())
    .some(element => element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight)"""


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


# ---- grid


def ready(tab):
    """Waits until a page of images can be saved."""
    tab.wait(lambda: tab.find("#rest").get_attribute("aria-disabled") == "false")


def marks(tab):
    return tab.js("return tiles.map(tile => tile.mark)")


def test_a_page_of_images_is_labelled_by_keys_and_doubtful_ones_come_next(tab, server, task):
    keys = [row.key for row in task.drawn]
    broken = keys.index(labelled.BROKEN)
    first, second = (number for number in range(3) if number != broken) if broken < 2 else (0, 1)
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.keys("g")
    count(tab, "1–8 of 8")
    assert [i for i, mark in enumerate(marks(tab)) if mark] == [broken]  # what cannot be shown is not real unseen
    tab.keys(str(first + 1), str(second + 1), str(second + 1), str(broken + 1))
    ready(tab)
    assert tab.text("#rest").endswith("the other 5 are real")
    tab.keys("r")
    count(tab, "closer look: 2 left")
    expected = dict.fromkeys(keys, ("real", "looks"))
    expected |= {keys[first]: ("synthetic", "looks"), keys[second]: ("unsure", ""), labelled.BROKEN: ("unsure", "")}
    assert {key: found for key, *found in saved(server)} == {key: list(found) for key, found in expected.items()}
    assert not tab.find("#grid").is_displayed()
    for left in (1, 0):
        tab.keys("2", "s")
        count(tab, f"closer look: {left} left" if left else "8 of 8")
    expected |= {keys[second]: ("synthetic", "page"), labelled.BROKEN: ("synthetic", "page")}
    assert {key: found for key, *found in saved(server)} == {key: list(found) for key, found in expected.items()}


def test_a_page_is_taken_back_at_once_and_its_marks_stay(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.keys("r")
    count(tab, "2 of 8")
    tab.keys("g")
    count(tab, "2–8 of 8")
    tab.keys("1", "2", "3", "3")
    before = marks(tab)
    ready(tab)
    tab.keys("r")
    tab.wait(lambda: tab.text("#count").startswith("closer look"))
    assert tab.text("#undo").endswith("undo\npage of 7")
    tab.keys(BACKSPACE)
    count(tab, "2–8 of 8")
    assert marks(tab) == before
    assert len(saved(server)) == 1
    tab.keys("g")
    count(tab, "2 of 8")


def test_a_page_that_nobody_can_have_looked_at_is_not_saved(tab, tmp_path_factory):
    base = tmp_path_factory.mktemp("pages")
    with labelled.served(labelled.task(base, images=40), base / "labels.csv") as server:
        tab.open(server.url)
        count(tab, "1 of 40")
        tab.keys("g")
        count(tab, "1–12 of 40")
        ready(tab)
        tab.keys("r", "r")
        tab.wait(lambda: tab.js("return !isBusy"))
        assert len(saved(server)) == 12


def test_a_finger_does_everything_on_a_phone(tab, tmp_path_factory):
    base = tmp_path_factory.mktemp("phone")
    task = labelled.task(base, images=60)
    with labelled.served(task, base / "labels.csv") as server:
        tab.phone()
        tab.open(server.url)
        count(tab, "1 of 60")
        assert not tab.find("kbd").is_displayed()
        tab.tap("[data-how=page]")
        tab.tap("[data-label=synthetic]")
        count(tab, "2 of 60")
        tab.tap("#undo")
        count(tab, "1 of 60")
        tab.tap("#ask")
        tab.wait(lambda: tab.find("#context").is_displayed())
        tab.tap("#what")
        tab.wait(lambda: tab.find("#definition").is_displayed())
        tab.tap("#close")
        tab.tap("#mode")
        for page in range(2):
            count(tab, f"{12 * page + 1}–{12 * page + 12} of 60")
            images = [number for number, mark in enumerate(marks(tab)) if not mark]
            tab.tap(f"#grid button:nth-child({images[0] + 1})")
            assert marks(tab)[images[0]] == "synthetic"
            ready(tab)
            assert tab.js(HIDDEN) == []
            tab.tap("#rest")
            tab.wait(lambda done=12 * page + 12: len(saved(server)) == done and tab.js("return !isBusy"))
            while tab.text("#count").startswith("closer"):
                before = tab.text("#count")
                tab.tap("[data-label=unsure]")
                tab.wait(lambda before=before: tab.text("#count") != before and tab.js("return !isBusy"))
        tab.wait(lambda: "synthetic · not decided yet" in tab.text("#judgement"))
        assert tab.js(HIDDEN) == []
        assert not tab.js(SCROLLS)
        assert {how for _, _, how in saved(server)} == {"looks"}
        assert is_clean(tab)


def test_an_image_stays_until_the_next_one_can_be_shown(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.js("""window.empty = 0
        new MutationObserver(() => { if (!document.querySelector('#stage > *')) window.empty++ })
            .observe(document.querySelector('#stage'), { childList: true })""")
    for number in range(3):
        count(tab, f"{number + 1} of 8")
        assert tab.js("return document.querySelector('#stage').matches(':has(> img, > .message)')")
        tab.keys("r")
    assert tab.js("return window.empty") == 0


def test_zooming_shows_more_and_ends_with_the_image(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    before = tab.find("#stage img").size["width"] if tab.driver.find_elements("css selector", "#stage img") else 0
    tab.keys("z")
    assert tab.find("#zoom").get_attribute("aria-pressed") == "true"
    assert tab.find("#stage img").size["width"] > before
    tab.keys("r")
    count(tab, "2 of 8")
    assert tab.find("#zoom").get_attribute("aria-pressed") == "false"


def test_a_page_whose_server_has_gone_says_so(browser, task, tmp_path):
    with labelled.served(task, tmp_path / "labels.csv") as server:
        browser.open(server.url)
        count(browser, "1 of 8")
    browser.keys("r")
    browser.wait(lambda: "not running any more" in browser.text(".message"))
    assert not (tmp_path / "labels.csv").exists()


def test_an_old_page_saves_nothing_and_catches_up(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    first = tab.driver.current_window_handle
    tab.driver.switch_to.new_window("tab")
    try:
        tab.open(server.url)
        count(tab, "1 of 8")
        tab.keys("s")
        count(tab, "2 of 8")
    finally:
        tab.driver.close()
        tab.driver.switch_to.window(first)
    tab.keys("r")
    count(tab, "2 of 8")
    assert tab.text("#live").startswith("Nothing was saved")
    assert [truth for _, truth, _ in saved(server)] == ["synthetic"]


# ---- exported


@pytest.fixture
def folder(task, tmp_path):
    task.export(tmp_path / "export", "ann")
    return tmp_path / "export"


def test_an_exported_folder_works_without_a_server(browser, folder, task):
    keys = [row.key for row in task.drawn]
    browser.open(folder / "index.html")
    for number, key in enumerate("sru"):
        count(browser, f"{number + 1} of 8")
        browser.keys("c")
        count(browser, f"{number + 1} of 8")  # the page ignores labels until it has shown what it knows of the image
        browser.keys("2", key)
    count(browser, "4 of 8")
    browser.keys(BACKSPACE)
    count(browser, "3 of 8")
    browser.driver.refresh()
    count(browser, "3 of 8")
    found = browser.downloads / "labels.csv"
    found.unlink(missing_ok=True)
    browser.find("#end").click()
    browser.wait(found.exists)
    assert [(a.key, a.label.value, a.stratum, a.how, a.labeller) for a in file.read(found)] == [
        (keys[0], "synthetic", "unknown", "page", "ann"), (keys[1], "real", "unknown", "page", "ann"),
    ]  # fmt: skip
    for number in range(3, 9):
        count(browser, f"{number} of 8")
        browser.keys("r")
    browser.wait(lambda: "All images" in browser.text(".message"))
    assert is_clean(browser, "")


OTHERS = [{"number": 0, "label": "fake", "how": "looks"}, {"number": 0, "label": "real", "how": "<b>"},
          {"number": 8, "label": "real", "how": "looks"}, {"number": 0, "label": "real", "how": ""}]  # fmt: skip


def test_what_others_left_in_the_browser_is_not_taken_for_answers(browser, folder):
    browser.open(folder / "index.html")
    for left in ("nonsense", "{}", "[1]", "[[]]", *(json.dumps([[answer]]) for answer in OTHERS)):
        count(browser, "1 of 8")
        browser.keys("r")
        count(browser, "2 of 8")
        browser.js("for (const key of Object.keys(localStorage)) localStorage.setItem(key, arguments[0])", left)
        browser.driver.refresh()
    count(browser, "1 of 8")


def test_a_browser_that_keeps_nothing_still_gives_the_labels(browser, folder, task):
    browser.open(folder / "index.html")
    count(browser, "1 of 8")
    browser.js("Storage.prototype.setItem = () => { throw new Error('full') }")
    browser.keys("r")
    count(browser, "2 of 8")
    found = browser.downloads / "labels.csv"
    found.unlink(missing_ok=True)
    assert "cannot store labels" in browser.text("#end")
    browser.find("#end").click()
    browser.wait(found.exists)
    assert [a.key for a in file.read(found)] == [task.drawn[0].key]


def test_an_export_does_not_say_what_the_audit_thinks(folder):
    text = "".join(path.read_text() for path in (folder / "index.html", folder / "labels.csv"))
    assert "unknown" not in text
    assert "likely" not in text


def test_an_exported_folder_has_the_grid_too(browser, folder, task):
    keys = [row.key for row in task.drawn]
    broken = keys.index(labelled.BROKEN)
    marked = 0 if broken else 1
    browser.open(folder / "index.html")
    count(browser, "1 of 8")
    browser.keys("g")
    count(browser, "1–8 of 8")
    browser.keys(str(marked + 1))
    ready(browser)
    browser.keys("r")
    count(browser, "closer look: 1 left")
    browser.driver.refresh()
    count(browser, "closer look: 1 left")
    browser.keys("1", "u")
    count(browser, "8 of 8")
    found = browser.downloads / "labels.csv"
    found.unlink(missing_ok=True)
    browser.find("#end").click()
    browser.wait(found.exists)
    expected = dict.fromkeys(keys, ("real", "looks"))
    expected |= {keys[marked]: ("synthetic", "looks"), labelled.BROKEN: ("unsure", "provenance")}
    assert [(a.key, (a.label.value, a.how)) for a in file.read(found)] == list(expected.items())
    browser.keys(BACKSPACE, BACKSPACE)
    count(browser, "1 of 8")
    assert is_clean(browser, "")


def test_an_exports_empty_label_file_can_be_filled_in_by_hand(folder, task):
    path = folder / "labels.csv"
    assert file.read(path) == []
    path.write_text(path.read_text().replace(",,sealed", ",real,sealed").replace(",,,\n", ",date,bob,\n"))
    assert [(a.key, a.stratum) for a in file.read(path)] == [(row.key, row.stratum) for row in task.drawn]


def test_an_export_overwrites_nothing(folder, task):
    before = (folder / "labels.csv").read_bytes()
    (folder / "labels.csv").write_bytes(b"filled in")
    with pytest.raises(LabelError, match="name a new folder"):
        task.export(folder, "ann")
    assert (folder / "labels.csv").read_bytes() == b"filled in"
    (folder / "labels.csv").write_bytes(before)
    task.export(folder, "ann")  # the same again
    (folder.parent / "mine").mkdir()
    (folder.parent / "mine/notes.txt").write_text("mine")
    with pytest.raises(LabelError, match="not empty"):
        task.export(folder.parent / "mine", "ann")
    assert [path.name for path in (folder.parent / "mine").iterdir()] == ["notes.txt"]
