"""Finds the meaning of a table's columns: by the options, by Hugging Face's feature types in its schema, by the names
that image/caption datasets use, and by what the first rows hold.

Matching of names ignores case, and the first alias in the table is used. Rows are only read to find out if names and
types leave it open. Every column of images counts: the first is the row's image, each other one is a row of its own.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from auditor.config import ReadOptions, option_of
from auditor.errors import DatasetError
from auditor.readers import cells, column_content
from auditor.readers.column_content import Held
from auditor.storage import tables
from auditor.storage.tables import Kind, TableFile

URL = ("url", "image_url", "img_url", "src", "link", "coco_url")
CAPTION = ("text", "caption", "txt", "alt", "prompt", "description", "top_caption")
_MORE_CAPTIONS = (
    "captions",
    "raw_caption",
    "caption_str",
    "alt_text",
    "alttext",
    "sentences",
    "conversations",
    "messages",
    "title",
    "comment",
    "caption_reference_description",
)
ID = ("uid", "key", "sample_id", "id", "__key__", "hash", "md5", "sha256")
IMAGE = (
    "image", "img", "jpg", "png", "webp", "bytes", "image_bytes",
    "file_name", "image_path", "path", "filepath", "file_names", "image_info",
)  # fmt: skip
# Names of images where such files are there; beside a column of URLs, they may be the names that downloads would have.
FILE = ("filename", "file", "image_file", "image_filename", "img_path", "img_file")
DECLARED = ("synthetic", "is_synthetic", "is_ai", "ai_generated", "digital_source_type")
CAPTION_FILES = ("txt", "caption", "text")
_MIN_NUMBERS = 4  # of a box
_CHECKED = ("image_col", "url_col", "caption_col", "id_col", "declared_col", "weight_col")


@dataclass(frozen=True, slots=True)
class Columns:
    """The table's names of the columns with known meanings; None for those that it lacks.

    others: further columns of images. lacks: why the rows cannot be read, if the table lacks a column that an option
    names. is_guess: only what the rows hold tells which columns these are.
    """

    image: str | None
    url: str | None
    caption: str | None
    id: str | None
    others: tuple[str, ...] = ()
    lacks: str = ""
    is_guess: bool = False

    @property
    def images(self) -> tuple[str, ...]:
        """The columns of images; that of URLs if there are none."""
        first = self.image or self.url
        return (first, *self.others) if first else ()

    @property
    def local(self) -> tuple[str, ...]:
        """The columns that may name local files."""
        return (self.image, *self.others) if self.image else self.others


def find(table: TableFile, options: ReadOptions, *, where: str) -> Columns:
    """The columns of a table. Raises DatasetError if it has neither an image nor a URL column."""
    columns = _find(table, options, tables.version(table))
    if tables.kinds(table) and not columns.images and not columns.lacks:
        listed = ", ".join(name[:100] for name in tables.described(table)[:20])
        raise DatasetError(
            f"{where}: none of its columns ({listed}) is known as an image or URL column; "
            "name one with --image-col or --url-col"
        )
    return columns


@lru_cache(maxsize=256)
def _find(table: TableFile, options: ReadOptions, version: str) -> Columns:
    names, kinds = tables.columns(table), tables.kinds(table)
    every = list(dict.fromkeys([*names, *kinds]))
    telling = [name for name in every if kinds.get(name, Kind.OPEN) is not Kind.OTHER]
    lacking = [name for name in ("image_col", "url_col") if _lacks(every, getattr(options, name))]
    image = _pick(every, options.image_col) or _alias([name for name in names if name in telling], IMAGE)
    columns = Columns(
        image=image,
        url=_pick(every, options.url_col) or _alias([name for name in names if name in telling and name != image], URL),
        caption=_pick(names, options.caption_col)
        or (None if options.caption_col else _alias(names, (*CAPTION, *_MORE_CAPTIONS))),
        id=_pick(names, options.id_col) or (None if options.id_col else _alias(names, ID)),
    )
    if lacking:
        flags = " and ".join(f"'{getattr(options, name)}' ({option_of(name)})" for name in lacking)
        return replace(columns, lacks=f"its table has no column {flags}")
    if options.image_col or options.url_col:
        return columns if options.image_col else replace(columns, **_by_type(table, kinds, columns, options.base_dir))
    if (url := columns.url) and not columns.image:
        others = [name for name in telling if name not in (url, columns.caption, columns.id)]
        named = column_content.files_beside(table, [url, *_by_alias(others, FILE)], options.base_dir)
        if named == url:  # paths, whatever its name says
            columns = replace(columns, image=url, url=None)
        else:
            better = None if named else column_content.better_address(table, url, others)
            columns = replace(columns, image=named, url=better or url)
    columns = replace(columns, **_by_type(table, kinds, columns, options.base_dir))
    if columns.images:
        return columns
    return replace(columns, **_without_caption(column_content.by_content(table, telling, options.base_dir), columns))


def _without_caption(found: dict[str, Any], columns: Columns) -> dict[str, Any]:
    """What the content tells, without the column of captions, which may end like file names too, if there is another
    column of images."""
    images = [name for name in (found.get("image"), *found.get("others", ())) if name != columns.caption]
    return {**found, "image": images[0], "others": tuple(images[1:])} if found.get("image") and images else found


def caption_of(table: TableFile, wanted: str | None) -> str | None:
    """The column of captions of a table that need not have images; None if there is none. wanted: its name, if the
    table has it."""
    names = tables.columns(table)
    named = _pick(names, wanted) if wanted else None
    return named or _alias(names, (*CAPTION, *_MORE_CAPTIONS)) or (names[0] if len(names) == 1 else None)


def _by_type(table: TableFile, kinds: Mapping[str, Kind], columns: Columns, base_dir: str | None) -> dict[str, Any]:
    """The columns of images by their types, and those named like one; {} if the names alone decide."""
    declared = [name for name, kind in kinds.items() if kind is Kind.IMAGE]
    if declared:
        return _first_and_others(declared, columns.image)
    named = kinds.get(columns.image or "", Kind.OPEN)
    binary = [name for name, kind in kinds.items() if kind is Kind.BYTES and name != columns.image]
    if binary:
        found = column_content.values(table, binary)
        binary = [name for name in binary if column_content.held(found[name]) is Held.IMAGE]
    if columns.image and named is Kind.BYTES:
        return _first_and_others([columns.image, *binary], columns.image)
    if binary:
        return _first_and_others(binary, None)
    if not columns.image:
        return {}
    known = (columns.image, columns.url, columns.caption, columns.id)
    names = [name for name, kind in kinds.items() if kind is Kind.OPEN and name not in known]
    return {"others": column_content.named_alike(table, columns.image, names, base_dir)}


def _first_and_others(images: list[str], named: str | None) -> dict[str, Any]:
    first = named if named in images else (_alias(images, IMAGE) or images[0])
    return {"image": first, "others": tuple(name for name in images if name != first)}


def forget() -> None:
    """Forget what columns held; every audit begins with this."""
    _find.cache_clear()


def refuse_unknown(found: Iterable[TableFile], options: ReadOptions, *, where: str) -> None:
    """Raises DatasetError for a column that an option names and none of the tables has."""
    named = {option: wanted for option in _CHECKED if (wanted := getattr(options, option)) is not None}
    if not named:
        return
    every = list(dict.fromkeys(name for table in found for name in (*tables.columns(table), *tables.kinds(table))))
    for option, wanted in named.items():
        if _lacks(every, wanted):
            listed = ", ".join(name[:40] for name in every[:20])
            raise DatasetError(f"{where}: no column '{wanted}' ({option_of(option)}); there are: {listed}")


def refuse_unweighted(names: Iterable[str], options: ReadOptions, *, where: str) -> None:
    """Raises DatasetError if the table lacks the weight column that was named."""
    names = list(names)
    if _lacks(names, options.weight_col):
        raise DatasetError(
            f"{where}: no column '{options.weight_col}' (--weight-col); there are: {', '.join(names[:20])}"
        )


def _lacks(names: list[str], wanted: str | None) -> bool:
    return wanted is not None and _pick(names, wanted) is None


def _pick(names: list[str], wanted: str | None) -> str | None:
    """The column that an option names: exactly, or in another case."""
    if wanted is None or wanted in names:
        return wanted
    return next((name for name in names if name.casefold() == wanted.casefold()), None)


def _alias(names: list[str], aliases: tuple[str, ...]) -> str | None:
    by_folded = {name.casefold(): name for name in reversed(names)}
    return next((by_folded[alias] for alias in aliases if alias in by_folded), None)


def _by_alias(names: list[str], aliases: tuple[str, ...]) -> list[str]:
    """Names of columns, those that are aliases first, in their order."""
    return sorted(
        names, key=lambda name: aliases.index(name.casefold()) if name.casefold() in aliases else len(aliases)
    )


def by_alias(row: Mapping[str, Any], aliases: tuple[str, ...]) -> str | None:
    """The first non-empty text under an alias; for sidecar JSON, whose keys may differ from row to row."""
    by_folded = _folded(row)
    return next((text for alias in aliases if (text := as_text(by_folded.get(alias)))), None)


def declared(row: Mapping[str, Any], options: ReadOptions) -> tuple[str, str] | None:
    """The column that declares whether an image is synthetic, and its value; None if there is none."""
    wanted = (options.declared_col.casefold(),) if options.declared_col else DECLARED
    for name, value in row.items():
        if str(name).casefold() in wanted and (text := as_text(value)) is not None:
            return str(name), text
    return None


def weight(row: Mapping[str, Any], options: ReadOptions) -> tuple[str, str] | None:
    """The weight column and the row's value in it ('' if the row has none); None if no weight column was named."""
    if options.weight_col is None:
        return None
    wanted = options.weight_col.casefold()
    values = (as_text(value) for name, value in row.items() if str(name).casefold() == wanted)
    return options.weight_col, next((text for text in values if text is not None), "")


def as_text(value: Any) -> str | None:
    """A cell as text; None if it is missing or blank. Integers that were read as floats lose their '.0'."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _decoded(value) if isinstance(value, bytes) else str(value)
    return text if text.strip() else None


def _decoded(data: bytes) -> str:
    """Text by its byte order mark (Unicode, section 23.8), UTF-8 without one."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")


def caption_beside(data: bytes | None) -> str | None:
    """The text of a file beside an image; None without one, and if it holds boxes or outlines of objects (YOLO's
    labels: a class and at least four numbers per line)."""
    text = as_text(data)
    return None if text is None or all(map(_is_box, text.splitlines())) else text


def _is_box(line: str) -> bool:
    kind, *numbers = line.split() or [""]
    try:
        return not line.strip() or (kind.isdecimal() and len(list(map(float, numbers))) >= _MIN_NUMBERS)
    except ValueError:
        return False


def caption_of_image(
    row: Mapping[str, Any], wanted: str | None, text: Callable[[Sequence[str]], str | None]
) -> tuple[str | None, str | None]:
    """The caption of an image with texts beside it, and the text that usually is one. row: the fields of a JSON object.
    wanted: the field, or the suffix of a text, that an option names. text: the first text of some suffixes."""
    beside = text(CAPTION_FILES)
    if not row and not wanted:  # the usual image, and the search for a dozen names is not free
        return beside, beside
    named = (_caption_in(row, (wanted.casefold(),)) or text((wanted,))) if wanted else None
    return named or beside or _caption_in(row, (*CAPTION, *_MORE_CAPTIONS)), beside


def _caption_in(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    by_folded = _folded(row)
    return next((text for name in names if (text := as_text(cells.caption(by_folded.get(name))))), None)


def _folded(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values by their names in lower case; of names that differ in case, the first."""
    return {str(name).casefold(): value for name, value in reversed(list(row.items()))}
