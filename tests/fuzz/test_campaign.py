"""A short round of the campaign of mutated inputs; `make fuzz` runs long ones."""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("campaign", Path(__file__).with_name("campaign.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)


def test_mutated_inputs_give_rows_or_refusals(tmp_path):
    import sys

    sys.modules["campaign"] = _MODULE
    _SPEC.loader.exec_module(_MODULE)
    result = _MODULE.campaign(seconds=60, seed=1, most=600)
    assert result.tried.total() > 100
    assert {kind for kind in result.tried} == {"image", "archive", "table", "audit"}
    assert result.failures == []
