"""Everything the command line does, as functions. Errors that the caller can mend are AuditorErrors."""

from auditor.api.audits import examine, is_same_dataset, merge, rows_for, scan, scan_until_decided
from auditor.api.banks import bank_facts, make_bank, search_bank
from auditor.api.keeping import keep_list, status_after, write_filtered_tars, write_keep_list
from auditor.api.labels import agreements, draw, label, read_labels, write_labels
from auditor.api.measures import adapt, calibrate
from auditor.api.records import (
    DIFFS,
    OTHERS,
    OUTPUTS,
    PathLike,
    audit_path,
    decide,
    diff,
    evidence,
    examples_for,
    export,
    file_name,
    load,
    read_policy,
    render,
    render_diff,
    write,
)
from auditor.api.theory import explain, plot_simulation, simulate

__all__ = [
    "DIFFS",
    "OTHERS",
    "OUTPUTS",
    "PathLike",
    "adapt",
    "agreements",
    "audit_path",
    "bank_facts",
    "calibrate",
    "decide",
    "diff",
    "draw",
    "evidence",
    "examine",
    "examples_for",
    "explain",
    "export",
    "file_name",
    "is_same_dataset",
    "keep_list",
    "label",
    "load",
    "make_bank",
    "merge",
    "plot_simulation",
    "read_labels",
    "read_policy",
    "render",
    "render_diff",
    "rows_for",
    "scan",
    "scan_until_decided",
    "search_bank",
    "simulate",
    "status_after",
    "write",
    "write_filtered_tars",
    "write_keep_list",
    "write_labels",
]
