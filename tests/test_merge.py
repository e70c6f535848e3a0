import making
import pytest

import auditor
from auditor.errors import EvidenceError


@pytest.fixture
def halves(tmp_path):
    for half in ("one", "two"):
        for number in range(5):
            texts = {"parameters": making.A1111} if number == 0 else {}
            making.write(tmp_path / half / f"{number}.png", making.png(texts, seed=hash(half) % 1000 + number))
        auditor.scan(tmp_path / half, out=tmp_path / f"audit-{half}", engine="serial")
    return tmp_path


def test_disjoint_audits_add_up(halves):
    merged = auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "both")
    assert (merged.counts.rows, merged.floor.count) == (10, 2)
    assert [input.name for input in merged.inputs] == ["one", "two"]
    assert auditor.load(halves / "both").counts.rows == 10


def test_merging_in_another_order_gives_the_same_numbers(halves):
    one = auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "a")
    two = auditor.merge([halves / "audit-two", halves / "audit-one"], halves / "b")
    assert (one.digests, one.counts, one.strata) == (two.digests, two.counts, two.strata)


def test_the_same_rows_twice_are_refused(halves):
    auditor.scan(halves / "one", out=halves / "audit-again", engine="serial")
    with pytest.raises(EvidenceError, match="hold the same rows"):
        auditor.merge([halves / "audit-one", halves / "audit-again"], halves / "both")


def test_another_configuration_is_refused(halves):
    auditor.scan(halves / "two", out=halves / "audit-two", engine="serial", config=auditor.Config(detectors=("c2pa",)))
    with pytest.raises(EvidenceError, match="differ in their config"):
        auditor.merge([halves / "audit-one", halves / "audit-two"], halves / "both")


def test_a_folder_that_is_no_audit_is_refused(halves):
    with pytest.raises(EvidenceError, match="no finished audit"):
        auditor.merge([halves / "audit-one", halves / "one"], halves / "both")
    with pytest.raises(EvidenceError, match="two audits or more"):
        auditor.merge([halves / "audit-one"], halves / "both")
