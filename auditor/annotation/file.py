"""What people said of single images: a CSV file with the columns key, label, stratum, how, labeller.

Only key and label have to be there, further columns are left alone, and rows with an empty label are still to do.
Columns are found whatever their case; a byte order mark, which spreadsheets write, is none of the first column.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from auditor.errors import LabelError
from auditor.evidence_store.store import write_atomically
from auditor.types import VerdictKind

COLUMNS = ("key", "label", "stratum", "how", "labeller")
_NEEDED = ("key", "label")
_SEALED = "sealed-"
_NO_UTF8 = "backslashreplace"  # as evidence stores keys that are no UTF-8


class HumanLabel(StrEnum):
    """What a person takes an image for."""

    SYNTHETIC = "synthetic"
    REAL = "real"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One label. key: the row's, as in evidence. stratum: what the row was drawn from, '' where nothing says.

    how: how it is known, in words. labeller: who says it, '' for one without a name.
    """

    key: str
    stratum: str
    truth: HumanLabel
    how: str = ""
    labeller: str = ""


def read(path: Path) -> list[Annotation]:
    """Every label of a file, in its order; one that is there twice comes once.

    Raises LabelError, with the line, for what is no such file, an unknown label, an empty key, and for a labeller who
    gives one key two labels.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from error
    found: dict[tuple[str, str], tuple[int, Annotation]] = {}
    for line, cells, _ in _rows(path, _decoded(path, data)):
        answer = _answer(f"{path} line {line}", cells)
        if answer is None:
            continue
        before, known = found.setdefault((answer.key, answer.labeller), (line, answer))
        if known.truth is not answer.truth:
            who = answer.labeller or "one labeller"
            raise LabelError(
                f"{path} line {line}: {who} calls {answer.key!r} {answer.truth}, and {known.truth} in line {before}: "
                "remove one of them, or name two labellers"
            )
    return [answer for _, answer in found.values()]


def write(path: Path, answers: Iterable[Annotation], todo: Iterable[tuple[str, str]] = ()) -> None:
    """A whole new file, atomically. todo: key and stratum of rows still without a label, which follow."""
    rows = [COLUMNS, *map(_cells, answers), *((key, "", stratum, "", "") for key, stratum in todo)]
    write_atomically(path, _text(rows).encode("utf-8", _NO_UTF8))


def append(path: Path, answer: Annotation) -> None:
    """Add one label at the end, on the disk when this returns; a file that is not there is begun.

    A file's own columns are kept. Raises LabelError where it lacks one of ours.
    """
    with _held(path) as file:
        data = file.read()
        header = _header(path, _decoded(path, data)) if data.strip() else None
        if header and (missing := [name for name in COLUMNS if name not in header]):
            raise LabelError(f"{path} line 1: no column {missing[0]!r} to write it to: add it to that line")
        if header is None:
            file.truncate(0)
        lines = b"" if header else _text([COLUMNS]).encode()
        if header and not data.endswith((b"\n", b"\r")):
            lines = b"\n"
        cells = dict(zip(COLUMNS, _cells(answer), strict=True))
        lines += _text([[cells.get(name, "") for name in header or COLUMNS]]).encode("utf-8", _NO_UTF8)
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def withdraw(path: Path, key: str, labeller: str) -> None:
    """Take a labeller's label of a key back, atomically; the other rows stay as they are."""
    with _held(path) as file:
        text = _decoded(path, file.read())
        kept = [next(csv.reader(io.StringIO(text, newline="")), [])]
        for _, cells, row in _rows(path, text):
            if (cells.get("key"), cells.get("labeller", "").strip()) != (key, labeller):
                kept.append(row)
        write_atomically(path, _text(kept).encode("utf-8", _NO_UTF8))


def digest(answers: Iterable[Annotation]) -> str:
    """sha256 of the labels, whatever their order."""
    rows = sorted("\0".join(_cells(answer)) for answer in answers)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()


def obfuscate_stratum(key: str, stratum: str) -> str:
    """A stratum as those who label should see it: `read` tells which one it is, a look at the file does not."""
    digest = hashlib.blake2b(f"{key}\0{stratum}".encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{_SEALED}{digest.hexdigest()}"


def _reveal_stratum(where: str, key: str, stratum: str) -> str:
    if not stratum.startswith(_SEALED):
        return stratum
    for label in VerdictKind:
        if obfuscate_stratum(key, label) == stratum:
            return label.value
    raise LabelError(f"{where}: the stratum is that of another key: leave that column as it was")


def _answer(where: str, cells: dict[str, str]) -> Annotation | None:
    key, label = cells.get("key", ""), cells.get("label", "").strip().casefold()
    if not key:
        raise LabelError(f"{where}: no key: name the row of the dataset, or remove the line")
    if not label:
        return None
    if label not in tuple(HumanLabel):
        raise LabelError(
            f"{where}: {label[:40]!r} is no label: write {', '.join(HumanLabel)}, or nothing if it is to do"
        )
    stratum, how, labeller = (cells.get(name, "").strip() for name in COLUMNS[2:])
    return Annotation(key, _reveal_stratum(where, key, stratum), HumanLabel(label), how, labeller)


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not in UTF-8 (byte {error.start}): save it as CSV UTF-8") from error


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str], list[str]]]:
    """Number of the first line of each row, its cells by column, and as they stand. Raises LabelError."""
    header = _header(path, text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for number, row in enumerate(reader):
            if number and any(row):
                yield line, dict(zip(header, row, strict=False)), row
            line = reader.line_num + 1
    except csv.Error as error:
        raise LabelError(f"{path} line {line}: no CSV: {error}") from error


def _header(path: Path, text: str) -> list[str]:
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), strict=True), [])
    except csv.Error as error:
        raise LabelError(f"{path} line 1: no CSV: {error}") from error
    header = [name.strip().casefold() for name in first]
    if missing := [name for name in _NEEDED if name not in header]:
        named = ", ".join(COLUMNS)
        raise LabelError(f"{path} line 1: no column {missing[0]!r}: the first line names the columns, as in {named}")
    if twice := [name for name in COLUMNS if header.count(name) > 1]:
        raise LabelError(f"{path} line 1: the column {twice[0]!r} is there twice: remove one")
    return header


def _cells(answer: Annotation) -> tuple[str, ...]:
    return answer.key, answer.truth.value, answer.stratum, answer.how, answer.labeller


def _text(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    for row in rows:
        # Python before 3.13 leaves a lone carriage return unquoted, and takes it for the end of a line on reading.
        if any("\r" in cell for cell in row):
            csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(row)
        else:
            csv.writer(out, lineterminator="\n").writerow(row)
    return out.getvalue()


@contextmanager
def _held(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for reading and appending, while no other process changes it. Raises LabelError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever held it before may have put another file in its place.
                if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    file.seek(0)
                    yield file
                    return
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from error
