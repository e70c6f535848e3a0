"""What rows of a manifest share is computed once: results by text, over batches, and results of whole batches."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from auditor.row_columns import RowColumns, Vocabulary

BATCHES = st.lists(st.lists(st.sampled_from(["", "a.org", "b.org", "ü.de", "1.2.3.4"]), max_size=6), max_size=4)


@given(BATCHES)
def test_results_are_those_of_each_text_and_computed_once(batches):
    seen = []

    def length(text):
        seen.append(text)
        return len(text)

    vocabulary = Vocabulary()
    for texts in batches:
        coded = vocabulary.coded(pa.array(texts, pa.string()))
        assert coded.derived(length, pa.int64()).to_pylist() == [len(text) for text in texts]
        backwards = np.arange(len(texts))[::-1]
        assert coded.take(backwards).derived(len, pa.int64()).to_pylist() == [len(text) for text in texts[::-1]]
    distinct = {text for texts in batches for text in texts}
    assert sorted(seen) == sorted(distinct)
    assert len(vocabulary) == len(distinct)


def test_what_detectors_share_is_computed_once_for_the_same_rows():
    texts = pa.array(["a", "b"])
    coded = Vocabulary().coded(texts)
    columns = RowColumns(texts, texts, texts, texts, coded, pa.nulls(2, pa.float64()), None, lambda rows: [])
    asked = []

    def find(rows):
        asked.append(rows.caption.to_pylist())
        return len(rows)

    assert [columns.once(find), columns.once(find), columns.take(np.array([1])).once(find)] == [2, 2, 1]
    assert asked == [["a", "b"], ["b"]]
