"""Marks in whole datasets: what decides, what only adds up, and what is no sign of a generator."""

import looking
import making
import marking
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import auditor
from detectors import dwt_dct

pytestmark = pytest.mark.system

SDXL = next(mark for mark in dwt_dct.marks() if mark.id == "sdxl")


def picture(seed: int) -> np.ndarray:
    """384 × 384 of smooth blotches with some grain, as marks need."""
    rng = np.random.default_rng(seed)
    blotches = Image.fromarray(rng.integers(30, 226, (12, 12, 3), dtype=np.uint8)).resize(
        (384, 384), Image.Resampling.BICUBIC
    )
    return np.clip(np.asarray(blotches) + rng.normal(0, 4, (384, 384, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def weakly_marked(tmp_path_factory):
    """36 images of which a third bear SDXL's mark, re-encoded until it decides none of them."""
    folder = tmp_path_factory.mktemp("weak")
    for seed in range(36):
        pixels = picture(seed) if seed % 3 else marking.embed(picture(seed), SDXL, "float BGR")
        data = marking.saved(pixels, "JPEG", quality=92)
        if not looking.look("dwt-dct", data).score:
            making.write(folder / f"{seed:02d}.jpg", data)
    return folder


def test_marks_too_weak_to_decide_add_up_in_the_audit(weakly_marked, scan):
    audit = scan(weakly_marked)
    assert audit.confirmed.count == 0
    found = {p.generator: p for p in audit.dataset_tests}
    assert found["SDXL or diffusers"].p_value < 1e-3
    assert 0 < found["SDXL or diffusers"].share_low < 1 / 3 + 0.05
    assert found["SDXL or diffusers"].n == audit.counts.ok
    assert all(p.p_value > 1e-3 for name, p in found.items() if name != "SDXL or diffusers")


@pytest.mark.parametrize("format", ["terminal", "markdown", "html", "json"])
def test_a_population_is_told_in_every_report(weakly_marked, scan, format):
    audit = scan(weakly_marked)
    assert "SDXL or diffusers" in auditor.render(audit, auditor.decide(audit), format)


def test_a_population_does_not_depend_on_how_rows_were_cut(weakly_marked, scan):
    whole = scan(weakly_marked)
    for number, path in enumerate(sorted(weakly_marked.iterdir())):
        making.write(weakly_marked.parent / "two" / f"part{number % 2}" / path.name, path.read_bytes())
    parts = scan(weakly_marked.parent / "two/part0", weakly_marked.parent / "two/part1", out="parts")
    for one, other in zip(whole.dataset_tests, parts.dataset_tests, strict=True):
        assert (one.n, one.t) == (other.n, pytest.approx(other.t))


def test_a_decoded_mark_is_part_of_the_floor(tmp_path, scan):
    making.write(tmp_path / "set/marked.png", marking.saved(marking.embed(picture(0), SDXL, "float BGR")))
    making.write(tmp_path / "set/plain.png", marking.saved(picture(1)))
    audit = scan(tmp_path / "set")
    assert (audit.confirmed.count, audit.confirmed.n) == (1, 2)
    assert dict(audit.confirmed.generators) == {"SDXL or diffusers": 1}
    evidence = auditor.evidence(tmp_path / "audit").set_index("key")
    assert evidence.decided_by["marked.png"] == "dwt-dct"


def test_laions_pwatermark_is_carried_and_shown_apart(tmp_path, scan):
    table = {
        "url": [f"https://example.org/{n}.jpg" for n in range(4)],
        "caption": ["a", "b", "c", "d"],
        "pwatermark": [0.95, 0.81, 0.1, None],
        "aesthetic": [5.0, 6.0, 5.5, 5.2],
    }
    pd.DataFrame(table).to_parquet(tmp_path / "laion.parquet")
    audit = scan(tmp_path / "laion.parquet")
    evidence = auditor.evidence(tmp_path / "audit").sort_values("image")
    assert evidence.pwatermark.tolist()[:3] == [0.95, 0.81, 0.1]
    assert np.isnan(evidence.pwatermark.tolist()[3])
    assert set(evidence.verdict.dropna()) <= {"unknown"}
    assert "66.7 % of 3 rows; not a sign of a generator" in auditor.render(audit, auditor.decide(audit), "html")
    assert audit.confirmed.count == 0


def test_the_coverage_says_for_which_rows_a_mark_could_have_survived(tmp_path, scan):
    """Rows of a downloader that resized: a mark cannot have survived where the original was larger."""
    data = marking.saved(picture(0), "JPEG", quality=95)
    rows = [
        {"key": "0", "jpg": data, "url": "https://example.org/0.jpg", "original_width": 1024, "original_height": 1024},
        {"key": "1", "jpg": data, "url": "https://example.org/1.jpg", "original_width": 384, "original_height": 384},
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "set.parquet")
    audit = scan(tmp_path / "set.parquet")
    assert audit.counts.ok == 2
    assert audit.detectors["dwt-dct"].evaluable == 1
    assert audit.detectors["dalle2-bar"].evaluable == 2
