"""Label files: people's labels of single images, as CSV with the columns of COLUMNS.

Only key and label are required. Other columns are preserved, and rows with an empty label are still to be labelled.
Column names are not case-sensitive, and a byte order mark, which spreadsheets write, is ignored.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple

from auditor.errors import LabelError
from auditor.storage import own_tables
from auditor.storage.atomic import write_atomically
from auditor.types import VerdictKind

COLUMNS = own_tables.LABELS
_REQUIRED = ("key", "label")
UNTIL_DECIDED = "until-decided"
_OBFUSCATED = "sealed-"
_NOT_UTF8 = "backslashreplace"  # evidence stores keys that are not UTF-8 in this way too


class HumanLabel(StrEnum):
    """A person's label of an image."""

    SYNTHETIC = "synthetic"
    REAL = "real"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One label of one annotator.

    key: the row's key, as in evidence. stratum: the stratum that the row was drawn from, '' if unknown. how: a text for
    the basis of the label. labeller: the annotator's name, '' if unnamed. until_decided: labelling could stop as soon
    as the policy was decided; otherwise the number of labels was fixed. sha256: of the image's file when it was
    labelled, '' if unknown.
    """

    key: str
    stratum: str
    label: HumanLabel
    how: str = ""
    labeller: str = ""
    until_decided: bool = False
    sha256: str = ""

    def is_of(self, sha256: str | None) -> bool:
        """Whether the label may be of the image with this digest, None if that is unknown."""
        return not self.sha256 or not sha256 or self.sha256 == sha256


class ToDo(NamedTuple):
    """A row to label; see Annotation."""

    key: str
    stratum: str
    sha256: str = ""


def read(path: Path) -> list[Annotation]:
    """The labels of a file, in its order, without repeated ones.

    Raises LabelError, with the line, for a file that is not a label file, an unknown label, an empty key, and an
    annotator who gives one key two labels.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from error
    annotations: dict[tuple[str, str], tuple[int, Annotation]] = {}
    for line, cells, _ in _rows(path, _decode(path, data)):
        annotation = _annotation(f"{path} line {line}", cells)
        if annotation is None:
            continue
        first_line, first = annotations.setdefault((annotation.key, annotation.labeller), (line, annotation))
        if first.label is not annotation.label:
            labeller = annotation.labeller or "one annotator"
            raise LabelError(
                f"{path} line {line}: {labeller} labelled {annotation.key!r} {annotation.label}, and {first.label} in "
                f"line {first_line}: remove one of the lines, or use two names in the column labeller"
            )
    return [annotation for _, annotation in annotations.values()]


def write(path: Path, annotations: Iterable[Annotation], todo: Iterable[ToDo] = ()) -> None:
    """Writes a new file atomically. todo: rows to label, which follow the labels."""
    rows = [
        COLUMNS,
        *map(_cells, annotations),
        *((each.key, "", each.stratum, "", "", "", each.sha256) for each in todo),
    ]
    write_atomically(path, _text(rows).encode("utf-8", _NOT_UTF8))


def append(path: Path, *annotations: Annotation) -> None:
    """Appends labels, all or none, which are on disk when this returns. A missing file is created.

    The file keeps its own columns. Raises LabelError if it lacks one of COLUMNS that a label needs.
    """
    with _locked(path) as file:
        data = file.read()
        header = _header_for(path, _decode(path, data), annotations) if data.strip() else None
        if header is None:
            file.truncate(0)
        lines = b"" if header else _text([COLUMNS]).encode()
        if header and not data.endswith((b"\n", b"\r")):
            lines = b"\n"
        lines += _text(_in_columns(header or COLUMNS, annotations)).encode("utf-8", _NOT_UTF8)
        _append(file.fileno(), lines)


def _append(descriptor: int, lines: bytes) -> None:
    """Writes at the end of a file, completely or not at all. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        while lines:
            lines = lines[os.write(descriptor, lines) :]
        os.fsync(descriptor)
    except OSError:  # the disk is full
        os.ftruncate(descriptor, size)
        raise


def replace(path: Path, keys: Container[str], labeller: str, *instead: Annotation) -> None:
    """Removes an annotator's labels of some keys and appends others, atomically; other rows do not change.

    Raises LabelError as `append` does.
    """
    with _locked(path) as file:
        text = _decode(path, file.read())
        header = _header_for(path, text, instead)
        kept = [next(csv.reader(io.StringIO(text, newline="")), [])]
        for _, cells, row in _rows(path, text):
            if cells.get("key") not in keys or cells.get("labeller", "").strip() != labeller:
                kept.append(row)
        kept += _in_columns(header, instead)
        write_atomically(path, _text(kept).encode("utf-8", _NOT_UTF8))


def digest(annotations: Iterable[Annotation]) -> str:
    """The sha256 of the labels; their order does not matter."""
    rows = sorted("\0".join(_cells(annotation)) for annotation in annotations)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def obfuscate_stratum(key: str, stratum: str) -> str:
    """A code for a stratum, so that people who label stay blind to the verdict; `read` decodes it."""
    digest = hashlib.blake2b(f"{key}\0{stratum}".encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{_OBFUSCATED}{digest.hexdigest()}"


def _reveal_stratum(where: str, key: str, stratum: str) -> str:
    if not stratum.startswith(_OBFUSCATED):
        return stratum
    for verdict in VerdictKind:
        if obfuscate_stratum(key, verdict) == stratum:
            return verdict.value
    raise LabelError(f"{where}: the stratum belongs to another key: do not change the column 'stratum'")


def _annotation(where: str, cells: dict[str, str]) -> Annotation | None:
    key, label = cells.get("key", ""), cells.get("label", "").strip().casefold()
    if not key:
        raise LabelError(f"{where}: no key: name the row of the dataset, or remove the line")
    if not label:
        return None
    if label not in tuple(HumanLabel):
        names = ", ".join(HumanLabel)
        raise LabelError(f"{where}: the label must be one of {names}, or empty if it is to do, got {label[:40]!r}")
    stratum, how, labeller, stopping, sha256 = (cells.get(name, "").strip() for name in COLUMNS[2:])
    if stopping not in ("", UNTIL_DECIDED):
        raise LabelError(f"{where}: stopping must be {UNTIL_DECIDED} or empty, got {stopping[:40]!r}")
    revealed = _reveal_stratum(where, key, stratum)
    return Annotation(key, revealed, HumanLabel(label), how, labeller, stopping == UNTIL_DECIDED, sha256)


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not in UTF-8 (byte {error.start}): save it as CSV UTF-8") from error


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str], list[str]]]:
    """The first line number of each row, its cells by column, and its cells in order. Raises LabelError."""
    header = _header(path, text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for number, row in enumerate(reader):
            if number and any(row):
                yield line, dict(zip(header, row, strict=False)), row
            line = reader.line_num + 1
    except csv.Error as error:
        raise LabelError(f"{path} line {line}: not CSV: {error}") from error


def _header(path: Path, text: str) -> list[str]:
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except csv.Error as error:
        raise LabelError(f"{path} line 1: not CSV: {error}") from error
    header = [name.strip().casefold() for name in first]
    if len(header) == 1 and (delimiter := next((each for each in ";\t" if each in header[0]), None)):
        raise LabelError(f"{path} line 1: columns are separated by {delimiter!r}: save it with commas")
    if missing := [name for name in _REQUIRED if name not in header]:
        names = ", ".join(COLUMNS)
        raise LabelError(f"{path} line 1: no column {missing[0]!r}: the first line must name the columns: {names}")
    if repeated := [name for name in COLUMNS if header.count(name) > 1]:
        raise LabelError(f"{path} line 1: two columns named {repeated[0]!r}: remove one")
    return header


def _cells(annotation: Annotation) -> tuple[str, ...]:
    stopping = UNTIL_DECIDED if annotation.until_decided else ""
    texts = (annotation.key, annotation.label.value, annotation.stratum, annotation.how, annotation.labeller)
    return *texts, stopping, annotation.sha256


def _header_for(path: Path, text: str, annotations: Sequence[Annotation]) -> list[str]:
    """The header of a file to which these labels are added. Raises LabelError if it lacks a column that they need."""
    header = _header(path, text)
    is_open = any(annotation.until_decided for annotation in annotations)
    needed = [name for name in COLUMNS if name != "sha256" and (is_open or name != "stopping")]
    if annotations and (missing := [name for name in needed if name not in header]):
        raise LabelError(f"{path} line 1: no column {missing[0]!r}: add it to that line")
    return header


def _in_columns(header: Sequence[str], annotations: Iterable[Annotation]) -> list[list[str]]:
    """Labels as rows of a file with these columns."""
    by_column = (dict(zip(COLUMNS, _cells(annotation), strict=True)) for annotation in annotations)
    return [[cells.get(name, "") for name in header] for cells in by_column]


def _text(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    for row in rows:
        # Python before 3.13 does not quote a lone carriage return, and reads it as the end of a line.
        if any("\r" in cell for cell in row):
            csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(row)
        else:
            csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue()


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for reading and appending, and locked against other processes. Raises LabelError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # The previous holder of the lock may have replaced the file.
                if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    file.seek(0)
                    yield file
                    return
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from error
