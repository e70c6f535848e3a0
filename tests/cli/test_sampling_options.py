"""Options of samples that contradict each other are refused before anything is read."""

import pytest
from click.testing import CliRunner
from making import A1111, png, tar, write

from auditor.cli import cli

REFUSED = [
    (("--sample-shards", "3", "--sample", "5"), "sample of its own"),
    (("--sample-shards", "3", "--margin", "0.01"), "sample of its own"),
    (("--sample-shards", "3", "--fetch", "5"), "sample of its own"),
    (("--sample-shards", "3", "--until-decided"), "sample of its own"),
    (("--sample-shards", "3", "--sample-files"), "sample of its own"),
    (("--sample-shards", "3", "--stratify", "domain"), "shares a sample out"),
    (("--stratify", "domain"), "shares a sample out"),
    (("--stratify", "domain", "--sample", "5", "--until-decided"), "shares a sample out"),
    (("--stratify", "format", "--sample", "5"), "'format' is not 'domain'"),
    (("--sample-shards", "1"), "not in the range"),
    (("--fetch", "5", "--sample", "5"), "sample of its own"),
    (("--sample-files",), "bounds a sample"),
    (("--sample", "5", "--depth", "file"), "decodes nothing"),
]


def scan(*words):
    return CliRunner().invoke(cli, ["scan", *words])


@pytest.mark.parametrize(
    ("words", "told"), REFUSED, ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_contradicting_options_are_refused(tmp_path, words, told):
    write(tmp_path / "set/a.png", b"")
    result = scan(str(tmp_path / "set"), "--out", str(tmp_path / "out"), *words)
    assert result.exit_code == 2
    assert told in result.output
    assert not (tmp_path / "out").exists()


def test_a_sample_of_shards_is_announced_and_told(tmp_path):
    (tmp_path / "set").mkdir()
    for number in range(6):
        images = [png({"parameters": A1111} if number % 2 else {}, seed=10 * number + k) for k in range(3)]
        tar(tmp_path / f"set/{number}.tar", [(f"{number}{k}.png", data) for k, data in enumerate(images)])
    words = ("--out", str(tmp_path / "out"), "--jobs", "1", "--engine", "serial", "--exit-zero")
    result = scan(str(tmp_path / "set"), "--sample-shards", "4", *words)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "sample: 4 of 6 shards" in result.output
    assert "if shards are alike" in result.output
    assert "if each is all of a kind" in result.output
    assert "4 of 6 shards were read" in result.output
    assert "design effect" in result.output
