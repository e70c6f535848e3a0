"""Options of samples that contradict each other are refused before anything is read."""

import pytest
from commands import run
from making import A1111, png, tar, write

REFUSED = [
    (("--sample-shards", "3", "--until-decided"), "leave out --sample-shards"),
    (("--sample-shards", "3", "--sample-files"), "needs a sample"),
    (("--sample-shards", "3", "--stratify", "domain"), "needs a sample of fixed size"),
    (("--stratify", "domain", "--sample", "5", "--until-decided"), "needs a sample of fixed size"),
    (("--stratify", "format", "--sample", "5"), "'format' is not 'domain'"),
    (("--sample-shards", "1"), "not in the range"),
    (("--fetch", "5", "--sample", "5"), "sample of its own"),
    (("--sample-files", "--sample", "all"), "needs a sample"),
    (("--stratify", "domain", "--sample", "all"), "needs a sample of fixed size"),
    (("--sample", "0"), "not in the range"),
    (("--sample", "most"), "is not a valid integer"),
    (("--sample", "5", "--depth", "file"), "decodes nothing"),
]


@pytest.mark.parametrize(
    ("words", "told"), REFUSED, ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_contradicting_options_are_refused(tmp_path, words, told):
    write(tmp_path / "set/a.png", b"")
    result = run("scan", tmp_path / "set", "--out", tmp_path / "out", *words)
    assert result.returncode == 2
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_sample_of_shards_is_announced_and_told(tmp_path):
    (tmp_path / "set").mkdir()
    for number in range(6):
        images = [png({"parameters": A1111} if number % 2 else {}, seed=10 * number + k) for k in range(3)]
        tar(tmp_path / f"set/{number}.tar", [(f"{number}{k}.png", data) for k, data in enumerate(images)])
    result = run("scan", tmp_path / "set", "--sample-shards", "4", "--out", tmp_path / "out", "--exit-zero")
    assert result.returncode == 0
    told = result.stdout + result.stderr
    assert "sample: 4 of 6 shards" in told
    assert "if all shards are similar" in told
    assert "if each shard is all synthetic or all real" in told
    assert "4 of 6 shards" in result.stdout
    assert "design effect" in (tmp_path / "out/summary.md").read_text()
