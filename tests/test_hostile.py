"""A dataset made to break the scan: every row has to be accounted for, and nothing may leave the folder or the page."""

import csv
import io
import os
import re
import struct
import tarfile
import zlib
from html.parser import HTMLParser
from pathlib import Path

import making
import pytest
from commands import run

import auditor
from auditor.config import Limits

ROOT = Path(__file__).parents[1]
INJECTIONS = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://evil\",\"x\")",
    "\x1b[2J\x1b[31mred\x07",
    "\u202egnp.exe",
    "a|b`c`\n# heading\n[x](javascript:alert(1))",
    "{{ 7*7 }}{% for x in y %}",
    "\x00null",
]  # fmt: skip


def bomb_png() -> bytes:
    header = making.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + making.png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + making.png_chunk(b"IEND", b"")
    )


def text_bomb_png() -> bytes:
    return making.with_chunk(making.png(), b"zTXt", b"parameters\0\0" + zlib.compress(bytes(200 << 20)), before=b"IDAT")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """(folder, how many rows it has)."""
    base = tmp_path_factory.mktemp("hostile") / "set"
    files: dict[str, bytes] = {
        "bomb.png": bomb_png(),
        "text-bomb.png": text_bomb_png(),
        "empty.jpg": b"",
        "zeros.jpg": bytes(4096),
        "text.jpg": b"just words",
        "png-as.jpg": making.png(),
        "jpeg-as.png": making.encoded(),
        "svg.jpg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch /tmp/owned) (w) file\n",
        "gif-frames.gif": gif_of_frames(),
        "deep-xmp.webp": making.encoded("WEBP", xmp=b"<a>" * 50_000),
        "loop-exif.jpg": making.encoded("JPEG", exif=loop_exif()),
        "comfy-deep.png": making.png({"prompt": "[" * 100_000}),
    }
    small = making.encoded("JPEG", width=8, height=8)
    files |= {f"cut/jpeg-{end:04d}.jpg": small[:end] for end in range(0, len(small), 3)}
    tiny = making.png(width=8, height=8)
    files |= {f"cut/png-{end:04d}.png": tiny[:end] for end in range(0, len(tiny), 3)}
    for number, text in enumerate(INJECTIONS):
        info = making.png({"parameters": f"{text}\nSteps: 1, Sampler: {text}", "Software": text})
        files[f"names/{number}.png"] = info
    for name, data in files.items():
        making.write(base / name, data)
    for number, text in enumerate(INJECTIONS):
        safe = re.sub(r"[\x00/]", "", text)
        making.write(base / "names" / f"{safe}-{number}.jpg", making.encoded())
        making.write(base / "names" / f"{number}.txt", text)
    os.symlink("/etc/passwd", base / "names" / "passwd.jpg")
    os.symlink("/etc", base / "names" / "etc")
    os.symlink("loop.jpg", base / "loop.jpg")
    os.mkfifo(base / "pipe.png")
    os.mkdir(base / "folder.jpg")
    return base, len(files) + len(INJECTIONS) + 4


def gif_of_frames() -> bytes:
    out = io.BytesIO()
    frames = [making.picture("L", width=4, height=4, seed=n) for n in range(300)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def loop_exif() -> bytes:
    """An Exif IFD that points to itself."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 8)


@pytest.fixture(scope="module")
def audited(hostile, tmp_path_factory):
    base, rows = hostile
    out = tmp_path_factory.mktemp("out")
    audit = auditor.scan(base, out=out, config=auditor.Config.of(limits=Limits(max_seconds=5)), jobs=2)
    return audit, rows, out


def test_every_row_is_accounted_for(audited):
    audit, rows, out = audited
    counts = audit.counts
    assert counts.rows == rows
    assert counts.ok + counts.no_bytes + counts.failed + counts.unreadable == rows
    evidence = auditor.evidence(out)
    assert len(evidence) == rows
    assert evidence.key.is_unique
    assert (evidence[evidence.status == "unreadable"].reason != "").all()
    assert evidence[evidence.status == "unreadable"].verdict.isna().all()


def test_no_detector_failed_on_any_of_it(audited):
    assert {id: tally.failed for id, tally in audited[0].detectors.items() if tally.failed} == {}


def test_what_can_be_read_is_read_whatever_its_suffix(audited):
    evidence = auditor.evidence(audited[2]).set_index("key")
    assert evidence.loc["png-as.jpg", "format"] == "PNG"
    assert evidence.loc["gif-frames.gif", "status"] == "ok"
    assert evidence.loc["bomb.png", "status"] == "unreadable"


def test_nothing_outside_was_read(audited):
    evidence = auditor.evidence(audited[2])
    outside = evidence[evidence.key.str.contains("passwd|etc$")]
    assert len(outside) == 2
    assert outside.reason.str.contains("leaves the dataset").all()
    assert outside.sha256.isna().all()


class _Markup(HTMLParser):
    """What a browser would take for elements: tags, their attributes, and the text of scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.scripts, self._is_script = [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._is_script = tag == "script"

    def handle_data(self, data):
        if self._is_script:
            self.scripts.append(data)
            self._is_script = False


def test_nothing_of_it_becomes_markup_in_the_report(audited):
    page = (audited[2] / "report.html").read_text()
    found = _Markup()
    found.feed(page)
    ours = (ROOT / "reports/templates/report.js").read_text()
    assert [script.strip() for script in found.scripts] == [ours.strip()]
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    images = [attributes["src"] for tag, attributes in found.tags if tag == "img"]
    assert all(source.startswith("data:image/") for source in images)
    links = [attributes.get("href") or "" for tag, attributes in found.tags if tag in ("a", "link", "base", "use")]
    assert all(link.startswith("#") for link in links)
    assert not {"iframe", "object", "embed", "form", "svg:script"} & {tag for tag, _ in found.tags}
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_nothing_of_it_reaches_the_terminal_or_markdown_raw(audited):
    audit, _, out = audited
    decision = auditor.decide(audit)
    for format in ("terminal", "markdown"):
        text = auditor.render(audit, decision, format)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
        assert "<script" not in text
    assert "[x](javascript" not in (out / "summary.md").read_text()


def test_hostile_manifests_are_accounted_for(tmp_path, scan):
    rows = [{"path": text, "text": text, "id": text} for text in INJECTIONS]
    rows += [
        {"path": name, "text": "x", "id": name} for name in ("../x.jpg", "/etc/passwd", "~/x.jpg", "file:///x", "")
    ]
    path = tmp_path / "list.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "text", "id"])
        writer.writeheader()
        writer.writerows(rows)
    audit = scan(path)
    assert audit.counts.rows == len(rows)
    assert audit.counts.ok == 0


def test_a_tar_of_everything_bad_is_accounted_for(hostile, tmp_path, scan):
    base, _ = hostile
    names = [
        path
        for path in sorted(base.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix in (".jpg", ".png", ".gif", ".webp")
    ]
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        for number, path in enumerate(names):
            tar.add(path, f"{number:05d}{path.suffix}")
    audit = scan(archive)
    assert audit.counts.rows == len(names)


HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")


def said(*command):
    """What a command prints, without hidden characters and without a line that is a workflow command."""
    result = run(*command)
    text = result.stdout + result.stderr
    assert not HIDDEN.search(text), ascii(text)
    assert not [line for line in text.splitlines() if line.strip().startswith(("::", "##["))], text
    return result


def test_column_names_and_file_names_are_shown_safely(tmp_path):
    name = "\x1b[2J\u202e::error::x"
    making.write(tmp_path / "list.csv", f"{name},other\na,b\n")
    assert said("scan", tmp_path / "list.csv", "--out", tmp_path / "out").returncode == 3
    said("scan", tmp_path / "list.csv", "--image-col", name, "--out", tmp_path / "out")
    image = making.write(
        tmp_path / "\x1b[2J\u202e.png", making.png({"parameters": f"{name}\nSteps: 20, Sampler: {name}"})
    )
    for more in ((), ("--json",)):
        assert said("explain", image, *more).returncode == 0
    assert said("explain", "::error::x\x1b").returncode == 3
    said("scan", tmp_path / f"no{name}")


@pytest.mark.parametrize(
    "policy", ['name = "{}"\n[rules.declared]\nmax = 1.0\n', '[rules."{}"]\nmax = 1.0\n', '"{}" = 1\n']
)
def test_policies_are_shown_safely(tmp_path, policy, audited):
    text = "::error::x\\u001b[2J\\n::error::y\\u202e"
    making.write(tmp_path / "policy.toml", policy.format(text))
    said("gate", audited[2], "--policy", tmp_path / "policy.toml")
    for format in ("terminal", "markdown", "junit"):
        said("report", audited[2], "--policy", tmp_path / "policy.toml", "--format", format)
