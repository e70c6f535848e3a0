"""Does this dataset feed a model its own tail? Audits of image/caption datasets for machine-made images.

audit = auditor.scan("dataset/", out="audit/")
decision = auditor.decide(audit)
rows = auditor.evidence("audit/")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Config", "Policy", "agreements", "calibrate", "decide", "draw", "evidence", "examine", "explain",
    "is_same_dataset", "keep_list", "label", "load", "merge", "read_labels", "render", "scan", "scan_until_decided",
    "simulate", "write_filtered_tars", "write_keep_list", "write_labels",
]  # fmt: skip

if TYPE_CHECKING:
    from auditor.api import (
        agreements,
        calibrate,
        decide,
        draw,
        evidence,
        examine,
        explain,
        is_same_dataset,
        keep_list,
        label,
        load,
        merge,
        read_labels,
        render,
        scan,
        scan_until_decided,
        simulate,
        write_filtered_tars,
        write_keep_list,
        write_labels,
    )
    from auditor.config import Config
    from auditor.policy import Policy

_HOMES = {"Config": "auditor.config", "Policy": "auditor.policy"}


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `import auditor` and `auditor --help` stay light.
    if name not in __all__:
        raise AttributeError(f"module 'auditor' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "auditor.api")), name)
