"""A short round of the campaign of mutated inputs; `make fuzz` runs long ones."""

from campaign import campaign


def test_mutated_inputs_give_rows_or_refusals():
    result = campaign(seconds=60, seed=1, most=1500)
    assert result.tried.total() > 100
    assert set(result.tried) == {"image", "archive", "table", "audit"}
    assert result.failures == []
