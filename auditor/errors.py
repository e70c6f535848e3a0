"""What can go wrong in a way its reader can mend.

The command line prints an AuditorError plainly and exits 3; anything else is a bug of ours and keeps its traceback.
"""


class AuditorError(Exception):
    """Base of every error that is meant for the user; its text says what to do."""


class DatasetError(AuditorError):
    """A path that cannot be read as a dataset, or columns that cannot be told apart."""


class NoSuchInput(DatasetError):
    """A path where nothing is."""


class ConfigError(AuditorError):
    """Options that exclude each other, or that there are none of. Option names stand in `backticks`."""


class EvidenceError(AuditorError):
    """Stored evidence that does not belong to this run: another tool, other inputs, overlapping parts."""


class PolicyError(AuditorError):
    """A policy file that is not TOML, names an unknown rule, or bounds something with the wrong kind of value."""


class AuditFileError(AuditorError):
    """A file that is not an audit of the schema that this version reads."""


class UnknownPlugin(AuditorError):
    """No detector, reader, report or engine of that name; the text lists those there are."""


class CalibrationError(AuditorError):
    """A calibration that cannot be used: not one, of another model, or of a detector that tells nothing apart."""


class ModelError(AuditorError):
    """A model that cannot be used: incomplete, changed, or answering otherwise than it should."""


class IndexFileError(AuditorError):
    """An index or an index that cannot be used: damaged, from a newer version, or of another encoder."""


class LabelError(AuditorError):
    """Labels that cannot be used: not a label file, contradictory, or of rows that are not in the audit."""


class FilterError(AuditorError):
    """A keep-list that cannot be made: the audit does not say enough, the target is out of reach, keys do not fit."""


class FetchError(AuditorError):
    """Nothing can be fetched at all: offline by the user's wish, or no room for what comes."""


class SampleError(AuditorError):
    """One sample that is not read further, with the reason; the scan turns it into an unreadable row."""
