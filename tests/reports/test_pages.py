"""The report in a real browser: what it loads, what hostile data do to it, who can use it, how it looks."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import pytest
from audits import ESTIMATES, audit, captions, source
from browsing import AXE
from galleries import HOSTILE, gallery

import auditor
from auditor.compare import compare
from auditor.plugin import SUSPICIOUS
from auditor.results import (  # fmt: skip
    CaptionGroup,
    Cluster,
    DetectorTally,
    Diversity,
    InputRecord,
    Metric,
    MetricComparison,
    NearDuplicates,
)
from auditor.types import Evidence


def measured(name: str) -> dict:
    """Near copies, a panel and captions."""
    band = [(0.5, 0.4, 0.6), (0.9, 0.4, 0.6), (5.0, 0.4, 0.6), (0.1, 0.4, 0.6), (1.0, 1.0, 1.0)]
    metrics = [
        Metric(f"measure {n}", value, (low + high) / 2, low, high, 9 * (value - 0.5), not low <= value <= high)
        for n, (value, low, high) in enumerate(band)
    ]
    return {
        "near_duplicates": NearDuplicates("0", 900, 90, 0.1, 9, True, largest=(Cluster(9, 3, 2, name, (name, "b")),)),
        "diversity": Diversity("0", 810, 21.5, (MetricComparison(name, 300, tuple(metrics)),), (0.6, 0.8, 1.1)),
        "caption_similarity": (CaptionGroup("all", 900, 0.25, (0.1, 0.2, 0.25, 0.3, 0.4)),),
        "captions": captions(text=name),
    }


def made(path: Path, count: int = 20, text: str | None = None) -> Path:
    name = text or "some-dataset"
    of = audit(
        1000, 30, estimate=ESTIMATES["over"], contradictions=3, inputs=(InputRecord(name, "folder", 1000),),
        subgroups=tuple(source(f"{text or 'source'} {n}", 100 + n, n) for n in range(30)),
        unreadable_reasons={text or "cannot be decoded": 3}, **measured(text or "mine"),
        detectors={"classifier": DetectorTally(
            Evidence.STATISTICAL, 900, 0.9, 40, answers={text or "cannot tell": 5}, scores=(9, 8, 7, 6, 5, 4, 3, 2, 1, 20)
        )},
    )  # fmt: skip
    path.write_text(auditor.render(of, auditor.decide(of), "html", examples=gallery(count, text)))
    return path


@pytest.fixture
def page(tmp_path):
    return made(tmp_path / "report.html")


@pytest.fixture
def comparison(tmp_path):
    sides = [
        audit(1000, n, estimate=ESTIMATES["over"], subgroups=(source("a" * 90, 100, n), source(HOSTILE[1], 100, 5)))
        for n in (10, 60)
    ]
    path = tmp_path / "diff.html"
    path.write_text(auditor.render_diff(compare(*sides, tuple(map(auditor.decide, sides))), "html"))
    return path


needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason=f"no axe-core at {AXE} (npm install --prefix build/axe axe-core)"
)


def items(tab) -> list[str]:
    """Keys of the examples that are visible, in order, with their part of the page unfolded."""
    tab.js("document.getElementById('examples').closest('details').open = true")
    return tab.js(
        "return [...document.querySelectorAll('.item')].filter(e => e.checkVisibility())"
        ".map(e => e.querySelector('.key').textContent)"
    )


def test_a_thousand_examples_open_at_once_and_offline(tab, tmp_path):
    tab.open(made(tmp_path / "large.html", 1000))
    took = tab.js("const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime")
    assert 0 < took < 5000  # below 1,000 where nothing else runs; what is tested is that it does not take minutes
    assert len(items(tab)) == 1000
    assert tab.complaints() == []
    assert tab.requested() == [(tmp_path / "large.html").as_uri()]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_data_do_nothing(tab, tmp_path, text):
    tab.open(made(tmp_path / "hostile.html", 10, text))
    assert "owned" not in tab.driver.title.partition("audit of")[0]
    assert tab.js("return document.scripts.length + document.querySelectorAll('[onerror],[onload]').length") == 1
    assert tab.complaints() == []
    assert tab.requested() == [(tmp_path / "hostile.html").as_uri()]
    assert len(items(tab)) == 10


def test_the_policy_holds_against_what_would_be_put_in(tab, page):
    tab.open(page)
    tab.js("""
        const image = new Image(); image.src = 'http://example.invalid/x.png'; document.body.append(image);
        const script = document.createElement('div');
        try { script.innerHTML = '<b onclick="1">x</b>' } catch (error) { document.title = 'refused' }
    """)
    tab.wait(lambda: any("Content Security Policy" in message for message in tab.complaints()))
    assert tab.driver.title == "refused"


def violations(tab) -> list[str]:
    tab.js(AXE.read_text())
    found = tab.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations))"
    )
    return [f"{v['impact']} {v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("which", ["page", "comparison"])
def test_a_checker_of_accessibility_finds_nothing(tab, request, which, scheme, width):
    tab.size(width, 900)
    tab.scheme(scheme)
    tab.open(request.getfixturevalue(which))
    tab.js("document.querySelectorAll('details').forEach(element => { element.open = true })")
    assert violations(tab) == []


@needs_axe
def test_the_checker_of_accessibility_can_complain(tab, page):
    tab.open(page)
    assert items(tab)
    tab.js("document.querySelector('.item img').removeAttribute('alt')")
    assert any("image-alt" in violation for violation in violations(tab))


def test_examples_are_filtered_sorted_and_their_keys_copied(tab, page):
    tab.open(page)
    everything = items(tab)
    tab.js("const e = document.getElementById('by-group'); e.value = 'c2pa'; e.dispatchEvent(new Event('change'))")
    some = items(tab)
    assert 0 < len(some) < len(everything)
    assert tab.text("#shown") == f"{len(some)} of {len(everything)} shown"
    tab.js("const e = document.getElementById('order'); e.value = 'score'; e.dispatchEvent(new Event('change'))")
    in_groups = tab.js(
        "return [...document.querySelectorAll('.group:not([hidden])')]"
        ".map(g => [...g.querySelectorAll('.key')].map(key => key.textContent))"
    )
    assert len(in_groups) == 2  # verdicts
    assert all(keys == sorted(keys, reverse=True) for keys in in_groups)  # scores rise with the numbers in the keys
    assert in_groups != [sorted(keys) for keys in in_groups]
    tab.find("#copy").click()
    tab.wait(lambda: tab.text("#shown") == f"{len(some)} keys copied")
    tab.find("#by-text").send_keys("nothing of the kind")
    tab.wait(lambda: items(tab) == [])


def test_without_scripts_everything_is_there(tab, page):
    tab.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        tab.open(page)
        assert len(tab.driver.find_elements("css selector", ".item")) == 20
        tab.find("#examples").click()  # unfolds without a script
        assert tab.find(".item").is_displayed()
        assert not tab.find("#by-group").is_displayed()
        image = tab.find(".thumb img")
        before = image.value_of_css_property("filter")
        tab.find("#blur").click()
        assert (before, image.value_of_css_property("filter")) == ("none", "blur(9px)")
    finally:
        tab.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_keyboard_reaches_the_decision_first(tab, page):
    tab.open(page)
    tab.keys("\ue004")  # Tab
    assert tab.js("return document.activeElement.className") == "skip"
    tab.keys("\ue007")  # Enter
    assert tab.js("return document.activeElement.id") == "main"


@pytest.mark.parametrize("width", [320, 375, 1280])
@pytest.mark.parametrize("which", ["page", "comparison"])
def test_no_page_is_wider_than_its_screen(tab, request, which, width):
    tab.size(width, 800)
    tab.open(request.getfixturevalue(which))
    assert tab.complaints() == []
    assert tab.js("return document.documentElement.scrollWidth") <= width
    assert tab.js("return document.querySelector('.verdict').getBoundingClientRect().bottom") < 800


def luminance(tab) -> float:
    colour = tab.js("return getComputedStyle(document.body).backgroundColor").strip("rgb()").split(", ")
    return sum(map(float, colour)) / 3


def test_dark_is_dark_and_paper_is_white(tab, page):
    tab.scheme("dark")
    tab.open(page)
    assert luminance(tab) < 60
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert luminance(tab) > 250
    assert not tab.find(".tools").is_displayed()
    assert tab.js("return document.querySelector('details table').checkVisibility({contentVisibilityAuto: true})")
    tab.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_on_paper_a_large_report_has_at_most_six_pages(tab, page):
    tab.open(page)
    printed = tab.driver.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})  # A4, in inches
    pages = re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"]))
    assert 1 <= len(pages) <= 6


def test_a_suspicious_image_is_enlarged_by_a_click_and_a_command_is_copied(tab, tmp_path):
    of = audit(1000, 30, estimate=ESTIMATES["over"])
    shown = [replace(each, group=SUSPICIOUS) for each in gallery(12)]
    (tmp_path / "r.html").write_text(auditor.render(of, auditor.decide(of), "html", examples=shown))
    tab.open(tmp_path / "r.html")
    assert not tab.find("#enlarged").is_displayed()
    tab.find(".enlarge").click()
    assert tab.find("#enlarged").is_displayed()
    assert tab.find("#enlarged img").get_attribute("src") == tab.find(".enlarge img").get_attribute("src")
    tab.find("#enlarged button").click()
    assert not tab.find("#enlarged").is_displayed()
    tab.find(".next .copy").click()
    tab.wait(lambda: tab.text(".next .copy") == "Copied")
    assert tab.complaints() == []
