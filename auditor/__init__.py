"""Audits of image and caption datasets for generated images.

audit = auditor.scan("dataset/", out="audit/")
decision = auditor.decide(audit)
rows = auditor.evidence("audit/")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.api.audits import *  # noqa: F403
    from auditor.api.decisions import *  # noqa: F403
    from auditor.api.filtering import *  # noqa: F403
    from auditor.api.indexes import *  # noqa: F403
    from auditor.api.installation import *  # noqa: F403
    from auditor.api.labels import *  # noqa: F403
    from auditor.api.measures import *  # noqa: F403
    from auditor.api.records import *  # noqa: F403
    from auditor.api.theory import *  # noqa: F403
    from auditor.audit import make_engine as make_engine
    from auditor.config import Config as Config
    from auditor.errors import AuditorError as AuditorError
    from auditor.policy.policy import Policy as Policy
    from auditor.storage.output_folder import local_copy as local_copy

__version__ = "0.1.0"

# Where the public names live. A module is imported when one of its names is asked for, so that `import auditor` and
# `auditor --help` stay light.
_MODULES = {
    "auditor.api.audits": "examine is_same_dataset merge required_sample_size scan scan_until_decided",
    "auditor.api.indexes": "build_index index_metadata search_index",
    "auditor.api.filtering": "keep_list status_after write_filtered_tars write_keep_list",
    "auditor.api.installation": "check_installation",
    "auditor.api.labels": "agreements draw label read_labels with_labels write_labels",
    "auditor.api.measures": "adapt calibrate error_rates expected_interval",
    "auditor.api.decisions": "decide load recorded_policy",
    "auditor.api.records": "diff evidence examples_for export export_subgroups render render_diff write",
    "auditor.api.theory": "explain plot_simulation simulate",
    "auditor.audit": "make_engine",
    "auditor.config": "Config",
    "auditor.errors": "AuditorError",
    "auditor.policy.policy": "Policy",
    "auditor.storage.output_folder": "local_copy",
}
_MODULE = {name: module for module, names in _MODULES.items() for name in names.split()}
__all__ = list(_MODULE)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'auditor' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_MODULE[name]), name)
