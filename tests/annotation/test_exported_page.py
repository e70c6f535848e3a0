"""The annotation page in an exported folder, without a server."""

import json

import labelled
import pytest
from label_page import BACKSPACE, count, is_clean, ready

from auditor.annotation import file
from auditor.errors import LabelError


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
