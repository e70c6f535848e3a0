"""Signals are stored as differences from lists that rows have in common, and read back as they were."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence_store.columns import signal_kind, signal_structs, table_of
from auditor.evidence_store.signal_encoding import BaseLists, StoredSignals
from auditor.types import Evidence, Row, Signal, SignalOutcome, Status

IDS = ("a", "b", "c", "d")


def signal(detector, variant):
    if variant == 0:
        return Signal(detector, Evidence.DECLARED, SignalOutcome.NEGATIVE, score=0.0)
    return Signal(detector, Evidence.STATISTICAL, SignalOutcome.HIT, score=variant / 10, reason=f"v{variant}")


ROWS = st.lists(
    st.lists(st.integers(0, 9), max_size=len(IDS)).map(
        lambda variants: tuple(signal(id, n) for id, n in zip(IDS, variants, strict=False))
    ),
    max_size=30,
)


def stored(rows):
    bases = BaseLists()
    table = table_of([Row(str(n), "s", "i", Status.OK, signals=signals) for n, signals in enumerate(rows)], bases)
    decoder = StoredSignals([signal_structs(signals).to_pylist() for signals in bases.lists], signal_kind())
    column = {name: table[name].combine_chunks() for name in ("signals", "signal_base")}
    return decoder, column["signals"], column["signal_base"]


@given(ROWS, st.integers(0, 5))
def test_signals_are_read_back_as_they_were_also_from_a_slice(rows, first):
    decoder, own, base = stored(rows)
    expected = [signal_structs(signals).to_pylist() for signals in rows]
    assert decoder.decoded(own, base).to_pylist() == expected
    assert decoder.decoded(own.slice(first), base.slice(first)).to_pylist() == expected[first:]


@given(ROWS)
def test_every_hit_is_in_its_own_row_for_other_programs(rows):
    _, own, _ = stored(rows)
    hits = [[entry["detector"] for entry in row if entry["outcome"] == "hit"] for row in own.to_pylist()]
    assert hits == [[each.detector for each in signals if each.is_hit] for signals in rows]


@given(ROWS)
def test_distinct_lists_stand_for_every_row(rows):
    decoder, own, base = stored(rows)
    found = decoder.distinct(own, base)
    lists = found.lists.to_pylist()
    assert [lists[number] for number in found.of_row.tolist()] == decoder.decoded(own, base).to_pylist()
    counted = np.arange(len(rows)) % 2 == 0
    assert found.counts(counted).sum() == counted.sum()
    assert [found.of_row[row] for row in found.first_row.tolist()] == list(range(len(lists)))


def test_rows_alike_take_one_list_and_a_difference_is_stored_alone():
    usual = tuple(signal(id, 0) for id in IDS)
    decoder, own, base = stored([usual] * 1000 + [(*usual[:3], signal("d", 5))])
    assert own.flatten().field("detector").to_pylist() == ["d"]
    assert base.to_pylist() == [0] * 1001
    assert len(decoder.distinct(own, base).lists) == 2


def test_an_empty_part_has_no_list():
    decoder, own, base = stored([])
    assert decoder.decoded(own, base).to_pylist() == []
    assert isinstance(decoder.decoded(own, base), pa.ListArray)
