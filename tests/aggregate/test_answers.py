import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aggregate.detectors import BINS, AnswerTally
from auditor.types import SignalOutcome

FIELDS = ("detector", "evidence", "score", "reason", "claim", "outcome")


@st.composite
def signals(draw):
    outcome = draw(st.sampled_from(SignalOutcome))
    return (
        draw(st.sampled_from(["a", "b"])),
        draw(st.sampled_from(["statistical", "prior"])),
        draw(st.floats(0, 1)) if outcome.has_looked else None,
        draw(st.sampled_from(["40 × 50 pixels are too few", "7 × 50 pixels are too few", "blank"])),
        draw(st.none() | st.sampled_from(["likely-synthetic", "likely-real"])),
        outcome.value,
    )


def batch(rows):
    types = dict(
        zip(FIELDS, (pa.string(), pa.string(), pa.float64(), pa.string(), pa.string(), pa.string()), strict=True)
    )
    columns = zip(*rows, strict=True) if rows else ((),) * len(FIELDS)
    return pa.StructArray.from_arrays(
        [pa.array(list(column), types[name]) for name, column in zip(FIELDS, columns, strict=True)], list(FIELDS)
    )


@given(st.lists(signals(), max_size=40), st.integers(1, 7))
@settings(deadline=None)
def test_each_row_is_counted_once_however_it_is_batched(rows, size):
    tally = AnswerTally()
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        distinct = list(dict.fromkeys(some))
        tally.add(batch(distinct), np.array([some.count(row) for row in distinct], np.int64))
    for id in ("a", "b"):
        mine = [row for row in rows if row[:2] == (id, "statistical")]
        assert sum(tally.answers(id).values()) == len(mine)
        assert sum(tally.scores(id)) == sum(row[2] is not None for row in mine)
        assert tally.answers(id).get("likely synthetic", 0) == sum(
            row[2] is not None and row[4] == "likely-synthetic" for row in mine
        )


def test_reasons_differ_by_their_words_and_not_by_their_numbers():
    tally = AnswerTally()
    silent = [("a", "statistical", None, f"{n} × {n} pixels are too few", None, "abstained") for n in range(5)]
    tally.add(batch([*silent, ("a", "statistical", 1.0, "", "likely-synthetic", "hit")]), np.ones(6, np.int64))
    assert tally.answers("a") == {"likely synthetic": 1, "… × … pixels are too few": 5}
    assert tally.scores("a") == (0,) * (BINS - 1) + (1,)
