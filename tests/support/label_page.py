"""What tests of the annotation page do and look at, in a real browser."""

from auditor.annotation import file

BACKSPACE = "\ue003"
# Scripts: what is outside the window or too small for a finger; whether anything scrolls.
HIDDEN = """return [...document.querySelectorAll('button, #judgement, #count, #stage img, #grid img')]
    .filter(element => element.checkVisibility())
    .filter(element => { const box = element.getBoundingClientRect()
        return box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight
            || (element instanceof HTMLButtonElement && Math.min(box.width, box.height) < 44) })
    .map(element => element.outerHTML.slice(0, 80))"""
SCROLLS = """return [document.documentElement, ...document.querySelectorAll('body, header, main, footer, #stage, #grid')]
    .filter(element => element.checkVisibility())
    .some(element => element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight)"""


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


def ready(tab):
    """Waits until a page of images can be saved."""
    tab.wait(lambda: tab.find("#rest").get_attribute("aria-disabled") == "false")


def marks(tab):
    return tab.js("return tiles.map(tile => tile.mark)")
