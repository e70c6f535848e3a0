"""Errors that the user can fix.

The command line prints an AuditorError without a traceback and exits with 3. Any other exception is a bug.
"""


class AuditorError(Exception):
    """Base class of all errors for the user; the message says what to do."""


class DatasetError(AuditorError):
    """A path that cannot be read as a dataset, or ambiguous columns."""


class NoSuchInput(DatasetError):
    """A path that does not exist."""


class ConfigError(AuditorError):
    """Unknown options, or options that exclude each other. Option names are in `backticks`."""


class EvidenceError(AuditorError):
    """Stored evidence that does not belong to this run: another tool, other inputs, overlapping parts."""


class PolicyError(AuditorError):
    """A policy file that is not TOML, names an unknown rule, or bounds something with the wrong kind of value."""


class AuditFileError(AuditorError):
    """A file that is not an audit of a schema that this version reads."""


class UnknownPlugin(AuditorError):
    """No detector, reader, report or engine of that name; the message lists the known names."""


class CalibrationError(AuditorError):
    """A calibration that cannot be used: not a calibration file, of another model, or not better than random."""


class ModelError(AuditorError):
    """A model that cannot be used: incomplete, changed, or with unexpected outputs."""


class IndexFileError(AuditorError):
    """A reference index that cannot be used: damaged, from a newer version, or of another encoder."""


class LabelError(AuditorError):
    """Labels that cannot be used: not a label file, contradictory, or of rows that are not in the audit."""


class TooFewLabels(LabelError):
    """Labels that do not cover enough of the dataset for an estimate."""


class FilterError(AuditorError):
    """A keep-list that cannot be made: no estimate, an unreachable target, or keys of another dataset."""


class FetchError(AuditorError):
    """Nothing can be fetched: fetching is turned off, or there is no disk space."""


class SampleError(AuditorError):
    """One image that cannot be read, with the reason; the scan records it as an unreadable row."""
