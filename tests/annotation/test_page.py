"""The annotation page in a real browser, served and exported."""

import commands
import labelled
import pytest

from auditor.annotation import file
from auditor.errors import LabelError

BACKSPACE = "\ue003"


def count(browser, text):
    """Waits until the page shows `text` and its image, or the text instead of one."""
    browser.wait(lambda: browser.text("#count") == text and browser.js("return !isBusy"))


def saved(server):
    return [(a.key, a.label.value, a.how) for a in file.read(server.session.path)]


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
            assert "changed since the audit" in tab.text("#message")
        else:
            shown.add(tab.js("return document.querySelector('#stage img').src"))
        tab.keys("r")
    tab.wait(lambda: tab.text("#message") == "All images are labelled.")
    assert len(shown) == 7
    assert len(saved(server)) == 8
    tab.keys("s", BACKSPACE)
    count(tab, "8 of 8")
    tab.keys("u")
    tab.wait(lambda: "All images" in tab.text("#message"))
    assert saved(server)[-1] == (task.drawn[-1].key, "unsure", "looks")
    tab.find("#end").click()
    tab.wait(lambda: "Finished" in tab.text("#message"))


def test_nothing_in_a_dataset_acts_and_what_it_says_is_shown_when_asked(tab, server, task):
    tab.open(server.url)
    for number, row in enumerate(task.drawn):
        count(tab, f"{number + 1} of 8")
        assert not tab.find("#about").is_displayed()
        assert row.key not in tab.driver.page_source
        tab.keys("c")
        tab.wait(lambda: tab.find("#about").is_displayed())
        assert tab.text("#caption") == labelled.HOSTILE
        assert tab.text("#file").endswith(row.key)
        assert tab.text("#url") == "javascript:hacked=1"
        assert tab.driver.find_elements("css selector", "#about a, #about img, #about script") == []
        tab.keys("r")
    tab.wait(lambda: "All images" in tab.text("#message"))
    assert tab.js("return window.hacked") is None
    assert tab.hosts() == {"127.0.0.1"}


def test_the_page_complains_of_nothing_and_asks_nobody_else(tab, server):
    tab.open(server.url)
    for number in range(8):
        count(tab, f"{number + 1} of 8")
        tab.keys("z", "c")
        tab.wait(lambda: tab.find("#about").is_displayed())
        tab.keys("s")
    tab.wait(lambda: "All images" in tab.text("#message"))
    assert is_clean(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(360, 640), (1280, 900)])
def test_it_fits_a_telephone_and_a_screen_in_light_and_dark(tab, server, scheme, size):
    tab.size(*size)
    tab.scheme(scheme)
    tab.open(server.url)
    count(tab, "1 of 8")
    assert tab.js("return document.documentElement.scrollWidth") <= size[0]
    for selector in (
        "#stage img",
        "[data-label=synthetic]",
        "[data-label=unsure]",
        "[data-how=looks]",
        "#undo",
        "#end",
    ):
        box = tab.find(selector).rect
        assert 0 <= box["x"] <= size[0] - box["width"], selector
        assert 0 <= box["y"] <= size[1] - box["height"], selector
        if selector != "#stage img":
            assert box["height"] >= 44, selector
    assert contrast(*tab.js(COLOURS)) >= 4.5


COLOURS = """const numbers = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
const style = getComputedStyle(document.body)
return [numbers(style.color), numbers(style.backgroundColor)]"""


def contrast(one, other):
    """WCAG 2.2's contrast ratio of two sRGB colours."""

    def luminance(colour):
        parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_an_image_stays_until_the_next_one_can_be_shown(tab, server):
    tab.open(server.url)
    count(tab, "1 of 8")
    tab.js("""window.empty = 0
        new MutationObserver(() => { if (!document.querySelector('#stage > *')) window.empty++ })
            .observe(document.querySelector('#stage'), { childList: true })""")
    for number in range(3):
        count(tab, f"{number + 1} of 8")
        assert tab.js("return document.querySelector('#stage').matches(':has(> img, > #message)')")
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
    browser.wait(lambda: "not running any more" in browser.text("#message"))
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
    browser.wait(lambda: "All images" in browser.text("#message"))
    assert is_clean(browser, "")


@pytest.mark.parametrize("left", ["nonsense", "{}", "[1]", '[["fake", "looks"]]', '[["real", "<b>"]]'])
def test_what_others_left_in_the_browser_is_not_taken_for_answers(browser, folder, left):
    browser.open(folder / "index.html")
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
    assert "keeps nothing" in browser.text("#end")
    browser.find("#end").click()
    browser.wait(found.exists)
    assert [a.key for a in file.read(found)] == [task.drawn[0].key]


def test_an_export_does_not_say_what_the_audit_thinks(folder):
    text = "".join(path.read_text() for path in (folder / "index.html", folder / "labels.csv"))
    assert "unknown" not in text
    assert "likely" not in text


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
