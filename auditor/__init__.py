"""Does this dataset feed a model its own tail? Audits of image/caption datasets for machine-made images.

audit = auditor.scan("dataset/", out="audit/")
decision = auditor.decide(audit)
rows = auditor.evidence("audit/")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Config", "Policy", "agreements", "bank_facts", "calibrate", "decide", "diff", "draw", "evidence", "examine",
    "examples_for", "explain", "export", "is_same_dataset", "keep_list", "label", "load", "make_bank", "merge",
    "plot_simulation", "read_labels", "render", "render_diff", "scan", "scan_until_decided", "search_bank",
    "simulate", "write_filtered_tars", "write_keep_list", "write_labels",
]  # fmt: skip

if TYPE_CHECKING:
    from auditor.api import (
        agreements,
        bank_facts,
        calibrate,
        decide,
        diff,
        draw,
        evidence,
        examine,
        examples_for,
        explain,
        export,
        is_same_dataset,
        keep_list,
        label,
        load,
        make_bank,
        merge,
        plot_simulation,
        read_labels,
        render,
        render_diff,
        scan,
        scan_until_decided,
        search_bank,
        simulate,
        write_filtered_tars,
        write_keep_list,
        write_labels,
    )
    from auditor.config import Config
    from auditor.policy.policy import Policy

_HOMES = {"Config": "auditor.config", "Policy": "auditor.policy.policy"}


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `import auditor` and `auditor --help` stay light.
    if name not in __all__:
        raise AttributeError(f"module 'auditor' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "auditor.api")), name)
