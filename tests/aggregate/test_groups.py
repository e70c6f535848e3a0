"""Sums by group are those of all rows, in whatever batches they come."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.aggregate import groups
from auditor.aggregate.groups import GroupSums, shards_of, summed

ROWS = st.lists(st.tuples(st.sampled_from([None, "", "a", "b", "c"]), st.integers(0, 2**40)), max_size=8)


@given(st.lists(ROWS, max_size=4), st.sampled_from([0, 1 << 17]))
def test_sums_do_not_depend_on_batches(batches, merge_at):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "_MERGE_AT", merge_at)
        sums = GroupSums(("n",))
        for rows in batches:
            values = pa.array([value for value, _ in rows], pa.string())
            sums.add(values, {"n": np.array([n for _, n in rows], np.int64)})
    expected = Counter()
    for value, n in (row for rows in batches for row in rows if row[0] is not None):
        expected[value] += n
    assert dict(sums.rows()) == dict(expected)


def test_sums_keep_their_types():
    table = summed(pa.array(["a", "b", "a"]), {"rows": np.ones(3, np.int64), "weight": np.array([0.5, 1.0, 0.25])})
    assert table.to_pydict() == {"value": ["a", "b"], "rows": [2, 1], "weight": [0.75, 1.0]}
    assert table.schema.types == [pa.string(), pa.int64(), pa.float64()]


@pytest.mark.parametrize("first", [0, 2])
def test_a_shard_is_the_table_or_tar_before_the_row(first):
    images = ["https://host/1.jpg", "folder/2.jpg", "a.tar::3.jpg", "b.parquet#4", "c#.jpg"]
    shards = [None, None, "a.tar", "b.parquet", None]
    assert shards_of(pa.array(images)[first:]).to_pylist() == shards[first:]
    assert shards_of(pa.array(images[:2])).null_count == 2
