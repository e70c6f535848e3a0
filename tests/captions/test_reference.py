"""The bound from captions that the user knows people wrote."""

import numpy as np
import pandas as pd
import pytest

from auditor.captions import reference
from auditor.config import Config
from auditor.errors import ConfigError

SUBJECTS = "dog cat horse bird boat train child woman man tree house car bike".split()
VERBS = "runs sits stands jumps sleeps waits looks turns falls rests".split()
PLACES = "lawn road beach hill street park field bridge yard river".split()


def by_people(n, seed):
    rng = np.random.default_rng(seed)
    return [
        f"{rng.choice(['A', 'The', 'One', 'My'])} {rng.choice(SUBJECTS)} {rng.choice(VERBS)} on the {rng.choice(PLACES)}"
        for _ in range(n)
    ]


def by_machine(n, seed):
    rng = np.random.default_rng(seed)
    return [
        f"there is a {rng.choice(SUBJECTS)} that is {rng.choice(VERBS)} on top of a {rng.choice(PLACES)}"
        for _ in range(n)
    ]


def bound(captions, seed=0):
    return reference.compare(by_people(600, 1), captions, name="people.txt", seed=seed)


def test_captions_of_the_same_kind_cannot_be_told_apart():
    for seed in range(5):
        assert bound(by_people(600, 10 + seed)).lower == 0


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_machine_written_captions_without_artefacts_are_found_and_not_overstated(share):
    machine = round(600 * share)
    found = bound([*by_people(600 - machine, 2), *by_machine(machine, 3)])
    assert 0.4 * share < found.lower <= share


def test_it_is_the_same_each_time():
    captions = [*by_people(500, 2), *by_machine(100, 3)]
    assert bound(captions) == bound(captions)


def test_few_captions_are_not_compared():
    assert bound(by_people(100, 2)) is None


@pytest.mark.parametrize(
    "texts", [["same"] * 300, [""] * 300, ["\x00 \u202e"] * 300, ["一只狗"] * 300, ["x" * 50_000] * 200]
)
def test_odd_captions_have_a_bound(texts):
    assert 0 <= bound(texts).lower <= 1


def test_text_csv_and_parquet_are_read(tmp_path):
    texts = by_people(250, 1)
    (tmp_path / "a.txt").write_text("\n\n".join(texts))
    pd.DataFrame({"caption": texts, "id": range(250)}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"mine": texts, "id": range(250)}).to_parquet(tmp_path / "a.parquet")
    assert reference.read(str(tmp_path / "a.txt"), None) == tuple(texts)
    assert reference.read(str(tmp_path / "a.csv"), "elsewhere") == tuple(texts)
    assert reference.read(str(tmp_path / "a.parquet"), "mine") == tuple(texts)


def test_a_file_that_is_no_reference_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "few.txt").write_text("one\ntwo")
    pd.DataFrame({"x": ["a"], "y": ["b"]}).to_csv(tmp_path / "none.csv", index=False)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and no more")
    for name, reason in (("few.txt", "has 2 captions; give at least 200"), ("none.csv", "no column of captions; there are: x, y"),
                         ("damaged.parquet", "damaged.parquet")):  # fmt: skip
        with pytest.raises(ConfigError, match=reason):
            reference.read(str(tmp_path / name), None)


def test_a_scan_compares_and_records_the_file_by_name_and_digest(tmp_path, scan):
    (tmp_path / "people.txt").write_text("\n".join(by_people(600, 1)))
    texts = [*by_people(500, 2), *by_machine(300, 3)]
    frame = pd.DataFrame({"url": [f"https://x.org/{n}.jpg" for n in range(800)], "caption": texts})
    frame.to_csv(tmp_path / "a.csv", index=False)
    audit = scan(tmp_path / "a.csv", detectors=(), human_captions=str(tmp_path / "people.txt"))
    found = audit.captions.reference
    assert (found.name, found.n, found.sampled) == ("people.txt", 600, 800)
    assert 0.1 < found.lower <= 0.375
    assert audit.captions.artefacts.lower == 0
    assert audit.captions.lower == found.lower
    assert audit.config.estimate.human_captions == "people.txt"
    assert len(audit.digests.human_captions) == 64
    assert "--human-captions=people.txt" in Config.of(**audit.config.options).command_line


def test_captions_in_other_languages_are_not_compared(tmp_path, scan):
    (tmp_path / "people.txt").write_text("\n".join(by_people(600, 1)))
    texts = ["Ein Hund läuft auf der Wiese mit einem Kind"] * 300
    frame = pd.DataFrame({"url": [f"https://x.org/{n}.jpg" for n in range(300)], "caption": texts})
    frame.to_csv(tmp_path / "a.csv", index=False)
    captions = scan(tmp_path / "a.csv", detectors=(), human_captions=str(tmp_path / "people.txt")).captions
    assert (captions.reference, captions.not_compared) == (None, "few captions are in English")
