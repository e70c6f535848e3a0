"""reports/samples/ holds what the program writes about its demo dataset: real outputs, made again and compared.

`python tests/reports/test_samples.py` writes them anew, and with a browser the picture of the first screen too.
"""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "reports" / "samples"
ALSO = ("junit", "sarif", "croissant", "github", "terminal")
NAMES = ("audit.json", "report.html", "summary.md", "junit.xml", "audit.sarif", "croissant.json", "annotations.txt",
         "summary.txt", "rows.csv")  # fmt: skip
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


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    make(folder)
    return folder / "audit"


def settled(text: str) -> str:
    """Without what depends on versions of Pillow, onnxruntime and matplotlib: pictures, digests, last digits."""
    text = re.sub(r"<svg.*?</svg>", "<svg>", text, flags=re.DOTALL)
    text = re.sub(r"^\.c\d+\{.*\}$", "", text, flags=re.MULTILINE)
    text = re.sub(r"data:image/webp;base64,[\w+/=]+", "data:", text)
    text = re.sub(r"sha256-[\w+/=]+|\b[0-9a-f]{64}\b", "digest", text)
    text = re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.2g}", text)
    return re.sub(r"\n{2,}", "\n", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_are_what_the_program_writes(made, name):
    assert settled((made / name).read_text("utf-8")) == settled((SAMPLES / name).read_text("utf-8"))


def test_there_is_no_sample_of_anything_else():
    assert {path.name for path in SAMPLES.iterdir()} == {*NAMES, "report.png"}


def test_the_samples_name_no_machine():
    for path in SAMPLES.iterdir():
        if path.suffix != ".png":
            assert not re.search(r"/(?:home|root|tmp|work|Users)/", path.read_text("utf-8"))


def test_the_comparison_sees_what_matters():
    text = (SAMPLES / "report.html").read_text("utf-8")
    for before, after in (("FAIL", "PASS"), ("16.7 %", "16.8 %"), ('<h2 id="where">', "<h2>")):
        assert before in text
        assert settled(text.replace(before, after, 1)) != settled(text)


def picture(page: Path, to: Path) -> None:
    """The first screen, in 160 colours."""
    import browsing
    from PIL import Image

    if why := browsing.missing():
        print(f"no picture: {why}")
        return
    browser = browsing.Browser(page.parent / "profile")
    try:
        browser.size(1200, 760)
        browser.scheme("light")
        browser.open(page)
        browser.driver.save_screenshot(str(to))
    finally:
        browser.close()
    with Image.open(to) as image:
        image.convert("RGB").quantize(160, dither=Image.Dither.NONE).save(to, optimize=True)


if __name__ == "__main__":
    import tempfile

    sys.path[:0] = [str(ROOT), str(ROOT / "tests/support")]
    SAMPLES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        for name in NAMES:
            (SAMPLES / name).write_bytes((Path(folder) / "audit" / name).read_bytes())
        picture(Path(folder) / "audit" / "report.html", SAMPLES / "report.png")
