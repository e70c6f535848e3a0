"""The browser that tests use tells of what went wrong in a page: else tests of pages could not fail."""

from making import write

PAGE = """<!doctype html><meta charset="utf-8"><title>t</title><p id="p">one</p>
<img src="http://example.invalid/a.png" alt="">
<script>document.addEventListener('keydown', event => { document.title += event.key })
setTimeout(() => { throw new Error('broken') })</script>"""


def test_a_browser_sees_text_keys_errors_and_requests(browser, tmp_path):
    browser.open(write(tmp_path / "page.html", PAGE))
    browser.keys("a", "b")
    assert browser.text("#p") == "one"
    browser.wait(lambda: browser.driver.title == "tab")
    assert any("broken" in message for message in browser.complaints())
    assert browser.hosts() == {"", "example.invalid"}


def test_nothing_of_one_test_is_left_to_the_next(browser):
    assert browser.complaints() == []
    assert browser.hosts() == set()
