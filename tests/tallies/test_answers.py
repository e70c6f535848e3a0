import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.tallies.answers import BINS, AnswerTally

FIELDS = ("detector", "evidence", "score", "reason", "claim")
STATISTICAL = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["statistical", "prior"]),
    st.none() | st.floats(0, 1),
    st.sampled_from(["40 × 50 pixels are too few", "7 × 50 pixels are too few", "blank"]),
    st.none() | st.sampled_from(["likely", "unlikely"]),
)


def batch(rows):
    types = dict(zip(FIELDS, (pa.string(), pa.string(), pa.float64(), pa.string(), pa.string()), strict=True))
    columns = zip(*rows, strict=True) if rows else ((),) * len(FIELDS)
    return pa.StructArray.from_arrays(
        [pa.array(list(column), types[name]) for name, column in zip(FIELDS, columns, strict=True)], list(FIELDS)
    )


@given(st.lists(STATISTICAL, max_size=40), st.integers(1, 7))
@settings(deadline=None)
def test_each_row_is_counted_once_however_it_is_batched(rows, size):
    tally = AnswerTally()
    for start in range(0, len(rows), size):
        tally.add(batch(rows[start : start + size]))
    for id in ("a", "b"):
        mine = [row for row in rows if row[:2] == (id, "statistical")]
        assert sum(tally.answers(id).values()) == len(mine)
        assert sum(tally.scores(id)) == sum(row[2] is not None for row in mine)
        assert tally.answers(id).get("likely synthetic", 0) == sum(
            row[2] is not None and row[4] == "likely" for row in mine
        )


def test_reasons_differ_by_their_words_and_not_by_their_numbers():
    tally = AnswerTally()
    silent = [("a", "statistical", None, f"{n} × {n} pixels are too few", None) for n in range(5)]
    tally.add(batch([*silent, ("a", "statistical", 1.0, "", "likely")]))
    assert tally.answers("a") == {"likely synthetic": 1, "… × … pixels are too few": 5}
    assert tally.scores("a") == (0,) * (BINS - 1) + (1,)
