"""Results of comparing images are kept for the same evidence, and made again for any other."""

import making
import pytest

from auditor.similarity import kept, summary
from auditor.storage.files import EVIDENCE


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set").mkdir()
    for number in range(4):
        (tmp_path / "set" / f"{number}.jpg").write_bytes(
            making.encoded(width=220, height=220, seed=number // 2, quality=80 + number)
        )
    return tmp_path / "set"


@pytest.fixture
def compared(monkeypatch):
    """Whether images were compared since the last look: compared()."""
    calls = []
    original = summary.similarity_results
    monkeypatch.setattr(summary, "similarity_results", lambda *args, **kw: calls.append(1) or original(*args, **kw))
    return lambda: bool(calls) and not calls.clear()


def results(audit):
    return audit.near_duplicates, audit.diversity, audit.captions


def test_images_are_compared_once_and_again_if_they_change(folder, scan, compared):
    first = scan(folder)
    assert compared()
    assert results(scan(folder)) == results(first)
    assert not compared()
    (folder / "5.jpg").write_bytes(making.encoded(width=220, height=220, seed=9))
    assert scan(folder).near_duplicates.n == first.near_duplicates.n + 1
    assert compared()


@pytest.mark.parametrize("damage", ["kept", "duplicates", "cut off"])
def test_what_is_damaged_is_made_again(folder, scan, compared, tmp_path, damage):
    first = scan(folder)
    assert compared()
    path = tmp_path / "audit" / EVIDENCE / "similarity.json"
    if damage != "duplicates":
        (path.parent / "results.json").unlink()  # which has the results too
    if damage == "duplicates":
        (tmp_path / "audit" / kept.CLUSTERS).unlink()
    elif damage == "kept":
        path.write_bytes(path.read_bytes().replace(b'"clusters": ', b'"clusters": 1', 1))
    else:
        path.write_bytes(b"{")
    assert results(scan(folder)) == results(first)
    assert compared()
    assert (tmp_path / "audit" / kept.CLUSTERS).exists()


def test_another_seed_is_another_result(folder, scan, compared):
    scan(folder, seed=1)
    assert compared()
    scan(folder, seed=2)
    assert compared()


def test_nothing_is_kept_without_vectors(tmp_path):
    assert kept.load(tmp_path, "x") is None
