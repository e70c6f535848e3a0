"""The browser that tests use tells of what went wrong in a page: else tests of pages could not fail."""

import pytest
from making import write

PAGE = """<!doctype html><meta charset="utf-8"><title>t</title><p id="p">one</p>
<img src="http://example.invalid/a.png" alt="">
<script>localStorage.setItem('kept', (localStorage.getItem('kept') || '') + 'x')
document.addEventListener('keydown', event => { document.title += event.key })
setTimeout(() => { throw new Error('broken') })</script>"""


def test_a_browser_sees_text_keys_errors_and_requests(browser, tmp_path):
    browser.open(write(tmp_path / "page.html", PAGE))
    browser.keys("a", "b")
    assert browser.text("#p") == "one"
    browser.wait(lambda: browser.driver.title == "tab")
    assert any("broken" in message for message in browser.complaints())
    assert browser.hosts() == {"", "example.invalid"}


@pytest.mark.parametrize("time", ["first", "second"])
def test_nothing_of_one_test_is_left_to_the_next(browser, tmp_path, time):
    assert browser.complaints() == []
    assert browser.hosts() == set()
    browser.open(write(tmp_path / "page.html", PAGE))
    assert browser.js("return localStorage.getItem('kept')") == "x"
