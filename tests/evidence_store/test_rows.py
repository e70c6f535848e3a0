"""Reading some rows of a part back: the wanted ones with their numbers, and no more columns than needed."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditor.evidence_store import rows


@pytest.fixture
def part(tmp_path):
    table = pa.table({"n": np.arange(10), "text": [str(n) for n in range(10)]})
    pq.write_table(table, tmp_path / "part.parquet", row_group_size=4)
    return tmp_path / "part.parquet"


def found(part, wanted):
    chosen = rows.rows_where(part, ["n"], lambda table: np.isin(table["n"].to_numpy(), wanted), ["text"])
    return [(numbers.tolist(), table.to_pydict()) for numbers, table in chosen]


def test_wanted_rows_come_with_their_numbers_in_the_part(part):
    assert found(part, [3, 8, 9]) == [
        ([3], {"n": [3], "text": ["3"]}),
        ([8, 9], {"n": [8, 9], "text": ["8", "9"]}),
    ]


def test_of_groups_without_a_wanted_row_only_the_decisive_columns_are_read(part, monkeypatch):
    read = []
    read_row_group = pq.ParquetFile.read_row_group

    def noting(file, group, columns, **options):
        read.append((group, columns))
        return read_row_group(file, group, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noting)
    assert found(part, [5]) == [([5], {"n": [5], "text": ["5"]})]
    assert read == [(0, ["n"]), (1, ["n"]), (1, ["text"]), (2, ["n"])]
