"""reports/samples/ holds what the program writes about its demo dataset: real outputs, made again and compared.

samples/screens/ holds the first screen of each outcome: of the terminal, and of the page on a desktop, a phone and paper.
`python tests/reports/test_samples.py` writes all of them anew; the pictures need a browser.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]  # if run as a script
import browsing  # noqa: E402

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "reports" / "samples"
ALSO = ("junit", "sarif", "croissant", "github", "terminal")
NAMES = ("audit.json", "report.html", "summary.md", "junit.xml", "audit.sarif", "croissant.json", "annotations.txt",
         "summary.txt", "rows.csv")  # fmt: skip
SCREENS = {  # outcome -> the policy that leads to it
    "pass": "[rules.declared]\nmax = 0.5\n[rules.decoded]\nmin = 0.5\n",
    "warn": '[rules.declared]\nmax = 0.5\n[rules.passed-over]\nmax = 0.0\nabove = "warn"\n',
    "fail": None,  # the default policy
    "undecided": "[rules.synthetic-fraction]\nmax = 0.3\n",
}
SIZES = {"1440": (1440, 900), "390": (390, 844), "print": (794, 1123)}  # print: A4 at 96 dpi
PICTURES = [(name, size) for name in SCREENS for size in SIZES]
_MAX_DIFFERENCE = 8.0  # of 255, between two pictures of one page, reduced: fonts differ, the layout does not
pytest.importorskip("skimage", reason="the demo dataset needs the extra `demo`")


def make(folder: Path) -> None:
    """The demo dataset and everything about it, in folder/audit."""
    from commands import run

    settings = {"cwd": folder, "env": {"NO_COLOR": "1"}}
    assert run("demo", "demo-dataset", **settings).returncode == 0
    also = [word for id in ALSO for word in ("--also", id)]
    scanned = run("scan", "demo-dataset", "--out", "audit", *also, **settings)
    assert scanned.returncode == 1, scanned.stderr
    assert run("export", "audit", "--output", "audit/rows.csv", **settings).returncode == 0
    (folder / "demo-dataset" / "more-images.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")  # passed over, for the warning
    assert run("scan", "demo-dataset", "--out", "warned", "--exit-zero", **settings).returncode == 0
    for name, policy in SCREENS.items():
        audit = "warned" if name == "warn" else "audit"
        (folder / f"{name}.toml").write_text(policy or "")
        chosen = ("--policy", f"{name}.toml") if policy else ()
        for format, suffix in (("terminal", "txt"), ("html", "html")):
            told = run("report", audit, "--format", format, *chosen, "--output", f"{name}.{suffix}", **settings)
            assert told.returncode == 0, told.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make(folder)
    return folder / "audit"


def settled(text: str) -> str:
    """Without what depends on versions of Pillow, onnxruntime and matplotlib: pictures, digests, last digits; and dates."""
    text = re.sub(r"<svg.*?</svg>", "<svg>", text, flags=re.DOTALL)
    text = re.sub(r"^\.c\d+\{.*\}$", "", text, flags=re.MULTILINE)
    text = re.sub(r"data:image/webp;base64,[\w+/=]+", "data:", text)
    text = re.sub(r"sha256-[\w+/=]+|\b[0-9a-f]{64}\b", "digest", text)
    text = re.sub(r"\b20\d\d\\?-\d\d\\?-\d\d\b", "date", text)
    text = re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.2g}", text)
    return re.sub(r"\n{2,}", "\n", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_are_what_the_program_writes(made, name):
    assert settled((made / name).read_text("utf-8")) == settled((SAMPLES / name).read_text("utf-8"))


@pytest.mark.parametrize("name", SCREENS)
def test_the_first_screens_are_what_the_program_writes(made, name):
    shown = (made.parent / f"{name}.txt").read_text("utf-8")
    assert settled(shown) == settled((SAMPLES / "screens" / f"{name}.txt").read_text("utf-8"))
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.skipif(browsing.missing() is not None, reason=str(browsing.missing()))
@pytest.mark.system
@pytest.mark.parametrize(("name", "size"), PICTURES)
def test_the_pictures_of_first_screens_are_what_a_browser_shows(made, tab, tmp_path, name, size):
    picture(tab, made.parent / f"{name}.html", size, tmp_path / "now.png")
    reduced = [
        np.asarray(Image.open(path).convert("L").resize((48, 48)), float)
        for path in (tmp_path / "now.png", SAMPLES / "screens" / f"{name}-{size}.png")
    ]
    assert np.abs(reduced[0] - reduced[1]).mean() < _MAX_DIFFERENCE


@pytest.mark.skipif(browsing.missing() is not None, reason=str(browsing.missing()))
@pytest.mark.parametrize("size", ["1440", "390"])
@pytest.mark.parametrize("name", SCREENS)
def test_verdict_bound_basis_and_next_step_are_on_the_first_screen(made, tab, name, size):
    width, height = SIZES[size]
    tab.size(width, height)
    tab.open(made.parent / f"{name}.html")
    for part in (".verdict strong", ".finding", ".basis", "#next ~ p", ".next code"):
        assert 0 < tab.js(f"return document.querySelector({part!r}).getBoundingClientRect().bottom") <= height, part


def test_there_is_no_sample_of_anything_else():
    pictures = [f"screens/{name}-{size}.png" for name, size in PICTURES]
    expected = {*NAMES, *(f"screens/{name}.txt" for name in SCREENS), *pictures}
    assert {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()} == expected


def test_the_samples_name_no_machine():
    for path in SAMPLES.rglob("*.*"):
        if path.suffix != ".png":
            assert not re.search(r"/(?:home|root|tmp|work|Users)/", path.read_text("utf-8"))


def test_the_comparison_sees_what_matters():
    text = (SAMPLES / "report.html").read_text("utf-8")
    for before, after in (("FAIL", "PASS"), ("16.7 %", "16.8 %"), ('<h2 id="where">', "<h2>")):
        assert before in text
        assert settled(text.replace(before, after, 1)) != settled(text)


def picture(browser: browsing.Browser, page: Path, size: str, to: Path) -> None:
    """The first screen, in 128 colours."""
    media = {
        "media": "print" if size == "print" else "",
        "features": [{"name": "prefers-color-scheme", "value": "light"}],
    }
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.size(*SIZES[size])
    browser.open(page)
    browser.driver.save_screenshot(str(to))
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    with Image.open(to) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(to, optimize=True)


def write_screens(folder: Path) -> None:
    """The first screens in the folder, as samples."""
    (SAMPLES / "screens").mkdir(exist_ok=True)
    for name in SCREENS:
        (SAMPLES / "screens" / f"{name}.txt").write_bytes((folder / f"{name}.txt").read_bytes())
    if why := browsing.missing():
        print(f"no pictures: {why}")
        return
    browser = browsing.Browser(folder / "profile")
    try:
        for name, size in PICTURES:
            picture(browser, folder / f"{name}.html", size, SAMPLES / "screens" / f"{name}-{size}.png")
    finally:
        browser.close()


if __name__ == "__main__":
    import tempfile

    SAMPLES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        for name in NAMES:
            (SAMPLES / name).write_bytes((Path(folder) / "audit" / name).read_bytes())
        write_screens(Path(folder))
