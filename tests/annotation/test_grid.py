"""The grid of the annotation page: twelve images at once, by keys and fingers; and pages that are old or unplugged."""

import labelled
from label_page import BACKSPACE, HIDDEN, SCROLLS, count, is_clean, marks, ready, saved


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
