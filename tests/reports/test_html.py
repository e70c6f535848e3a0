"""The page as text: strict, alone, small, and the same for the same audit. In a browser: test_pages.py."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest
from audits import ESTIMATES, audit, source
from galleries import HOSTILE, gallery, pictures

import auditor
from auditor.config import Config
from auditor.results import AlternativeEstimate, Counts, DetectorTally, InputRecord, LabelCounts, Labels
from auditor.types import Evidence, Need
from reports import charts
from reports.charts import Bar
from reports.svg import Sheet

FULL = audit(
    1000, 30, estimate=ESTIMATES["near"], subgroups=tuple(source(f"s{n}", 100 + n, n) for n in range(60)), contradictions=3
)  # fmt: skip


def page(of=FULL, examples=()):
    return auditor.render(of, auditor.decide(of), "html", examples=examples)


def policy(text: str) -> dict[str, str]:
    content = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    return dict(part.split(" ", 1) for part in content.split("; "))


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_lets_its_own_style_and_script_and_nothing_else():
    text = page(examples=gallery(4))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    found = policy(text)
    assert found["default-src"] == "'none'"
    assert found["style-src"] == digest(style)
    assert found["script-src"] == digest(script)
    assert found["img-src"] == "data:"
    assert "unsafe" not in str(found)


def test_nothing_in_the_page_leads_out_of_it():
    text = page(examples=gallery(4))
    assert not re.search(r"""(?:src|href|action|srcset|poster|data)=["'](?!#|data:image/webp;base64,)""", text)
    assert not re.search(r"@import|url\((?!#)|\son\w+=|style=", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text):
    of = audit(
        100, 30, inputs=(InputRecord(text, "folder", 1),), subgroups=tuple(source(f"{text}{n}", 100, n) for n in range(3)),
        unreadable_reasons={text: 3}, estimate=ESTIMATES["near"],
    )  # fmt: skip
    found = page(of, gallery(3, text))
    assert len(re.findall("<script>", found)) == 1
    assert not re.search(r"<(?:img(?! src=\"data:image/webp)|svg/|style>\*)", found)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", found)
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", found)[0]


def test_a_page_is_below_three_megabytes_whatever_it_holds():
    longest = "ä" * 5000
    of = audit(
        10**7, 30, estimate=ESTIMATES["near"],
        subgroups=tuple(source(f"{longest}{n}", 100, 1) for n in range(300)),
        unreadable_reasons={f"{longest}{n}": 1 for n in range(20)},
    )  # fmt: skip
    text = page(of, gallery(1000, longest))
    assert len(text.encode()) < 3_000_000
    assert 0 < pictures(text) < 1000
    assert "the page would be too large" in text


def test_more_than_a_thousand_examples_are_not_shown():
    assert page(examples=gallery(1200)).count('<li class="item"') == 1000


def test_the_same_audit_gives_the_same_bytes():
    assert page(examples=gallery(20)) == page(examples=gallery(20))


def test_few_images_are_marked_as_few_and_not_drawn():
    text = page(audit(1000, 30, subgroups=(source("many", 500, 20), source("more", 400, 20), source("scant", 5, 5))))
    row = next(line for line in text.splitlines() if "scant" in line)
    assert "(few)" in row
    assert not any("scant" in svg for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL))


def test_every_chart_has_words_and_a_page_has_no_id_twice():
    text = page(examples=gallery(4))
    drawn = re.findall(r"<svg[^>]*>", text)
    assert len(drawn) >= 4
    assert all('role="img"' in svg and re.search(r'aria-label="[^"]{20,}"', svg) for svg in drawn)
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_the_command_repeats_the_configuration():
    given = Config.of(
        detectors=("c2pa", "classifier"), depth=Need.FILE, max_bytes=9, image_col="my col", follow_links=True,
        count_edited=True,
    )  # fmt: skip
    from reports import next_steps

    assert next_steps.command(audit(config=given)) == (
        "auditor scan set --detectors=c2pa,classifier --depth=file --max-bytes=9 '--image-col=my col' "
        "--follow-links --count-edited"
    )


# ---- charts


def test_charts_are_the_same_bytes_and_know_nothing_of_the_users_settings(monkeypatch):
    import matplotlib

    bars = [Bar("one $x$ <b>", 0.1, 0.05, 0.2), Bar("two", 0.9)]
    first = charts.intervals(bars, 0.15)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 40.0)
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "path")
    assert charts.intervals(bars, 0.15) == first
    assert "one $x$ &lt;b&gt;" in first
    assert matplotlib.rcParams["font.size"] == 40.0


def test_a_chart_in_a_page_has_no_style_of_its_own():
    sheet = Sheet(charts.COLOURS)
    one, two = (sheet.inline(charts.shares([Bar("a", 0.5)]), name=name, title="t") for name in ("x", "y"))
    assert "style" not in one
    assert "<metadata" not in one
    assert "var(--mark)" in sheet.css()
    assert "#0067a5" not in sheet.css()
    ids = [set(re.findall(r'\sid="([^"]+)"', svg)) for svg in (one, two)]
    assert not ids[0] & ids[1]


def test_axes_fit_what_is_tiny_and_what_is_everything():
    for share in (0.0, 1e-6, 0.5, 1.0):
        assert "<svg" in charts.intervals([Bar("a", share, 0.0, share)])
        assert "<svg" in charts.scale([Bar("a", share)], 0.2, "limit")
        assert "<svg" in charts.trajectory([0, share], [0, 0], [0, 1], 0.05)
    assert "<svg" in charts.histogram((0,) * 10, 0.9)
    assert "<svg" in charts.against_null([("far", 1e9, 0, 1), ("no band", 1, 1, 1), ("low", -1e9, 0, 1)])


def test_simulate_draws_what_it_found():
    svg = auditor.plot_simulation(auditor.simulate([0.2] * 5))
    assert svg.startswith("<?xml")
    assert "diversity lost" in svg
    assert svg == auditor.plot_simulation(auditor.simulate([0.2] * 5))


def test_where_people_labelled_the_page_says_what_the_number_rests_on():
    labels = Labels(
        {"likely-synthetic": LabelCounts(40, 20, 5, 1)},
        double_annotated=10,
        disagreements=1,
        skipped=0,
        annotators=2,
        by_basis={"looks": 30, "page": 6},
    )
    alternatives = (AlternativeEstimate("a model", 0.4, 0.1, 0.9),)
    found = replace(ESTIMATES["over"], labels=labels, alternatives=alternatives)
    of = audit(
        1000, estimate=found, sample=Counts(200, 190),
        detectors={"classifier": DetectorTally(Evidence.STATISTICAL, 900, 0.9, 40)},
    )  # fmt: skip
    text = page(of)
    assert "people labelled" in text
    assert "likely-synthetic" in text
    assert "40.0 %, 10.0 % to 90.0 %, by a model" in text
    assert "36 labels by 2 people, by looks 30, by page 6; their number was fixed" in text
    assert "200 of 1,000 rows were checked in full" in text
