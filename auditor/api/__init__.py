"""Everything the command line does, as functions. Errors that the caller can mend are AuditorErrors."""

from auditor.api.audits import examine, is_same_dataset, merge, rows_for, scan, scan_until_decided
from auditor.api.keeping import keep_list, status_after, write_filtered_tars, write_keep_list
from auditor.api.labels import agreements, draw, label, read_labels, write_labels
from auditor.api.measures import calibrate, fit_probe, read_calibration
from auditor.api.records import OUTPUTS, PathLike, audit_path, decide, evidence, load, read_policy, render, write
from auditor.api.theory import explain, simulate

__all__ = [
    "OUTPUTS",
    "PathLike",
    "agreements",
    "audit_path",
    "calibrate",
    "decide",
    "draw",
    "evidence",
    "examine",
    "explain",
    "fit_probe",
    "is_same_dataset",
    "keep_list",
    "label",
    "load",
    "merge",
    "read_calibration",
    "read_labels",
    "read_policy",
    "render",
    "rows_for",
    "scan",
    "scan_until_decided",
    "simulate",
    "status_after",
    "write",
    "write_filtered_tars",
    "write_keep_list",
    "write_labels",
]
