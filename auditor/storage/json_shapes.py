"""Rows in an object of JSON, in the shapes that datasets are published in. Pure.

| shape | dataset |
|---|---|
| `images` and `annotations` that refer to them by `image_id` | COCO captions, NoCaps, VizWiz |
| lists of objects among other entries, or one level below | RedCaps, TextCaps, Karpathy's splits, one list a split |
| lists of the same length, one for each column | SBU |
| `columns` and `data`, or a column's values by row number | pandas (`orient="split"`, `"columns"`) |
| an object or text for each image's name | DiffusionDB, kohya's metadata |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from auditor.storage.files import is_web
from auditor.storage.names import is_image

_Row = Mapping[str, Any]
_PROMPT = frozenset(("p", "se", "st"))  # keys of DiffusionDB's JSON, of which p is the prompt
_ABOUT = frozenset("meta metadata info version".split())  # keys of what an object says about itself


def rows(content: Mapping[str, Any]) -> Sequence[_Row]:
    """The rows of an object; the object itself as the only row if it has none of the shapes."""
    if isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list):
        return _joined(content["images"], content["annotations"])
    named = {name: value for name, value in content.items() if name.casefold().strip("_") not in _ABOUT}
    if named and all(map(_is_name, named)):
        return [_with_prompt({"file_name": name, **_fields(value)}) for name, value in named.items()]
    found = _lists_of_objects(content) or _columns(content) or _by_key(content)
    if found:
        return found
    below = [value for value in content.values() if isinstance(value, dict)]
    lists = {(number, name): found for number, value in enumerate(below) for name, found in value.items()}
    return _lists_of_objects(lists) or _together(list(filter(None, map(_columns, below)))) or [content][: len(content)]


def _together(tables: Sequence[list[_Row]]) -> list[_Row]:
    """The rows of all tables with the columns of the first."""
    return [row for rows in tables if rows[0].keys() == tables[0][0].keys() for row in rows]


def _with_prompt(row: _Row) -> _Row:
    return {**row, "prompt": row["p"]} if row.keys() >= _PROMPT else row


def _joined(images: list[Any], annotations: list[Any]) -> list[_Row]:
    """One row per image, with the list of its captions."""
    captions: dict[Any, list[str]] = {}
    for annotation in annotations:
        if isinstance(annotation, dict) and isinstance(annotation.get("caption"), str):
            captions.setdefault(str(annotation.get("image_id")), []).append(annotation["caption"])
    listed = _records(images)
    if not captions:
        return listed if any(map(_names_an_image, listed[:1])) else _records(annotations)
    return [{**image, "caption": captions.get(str(image.get("id")), [])} for image in listed]


def _lists_of_objects(content: Mapping[Any, Any]) -> list[_Row]:
    """The records of the longest list, of those that name images if there are any, and of all lists alike: with the
    same fields, or with most of them and images in one of the same."""
    lists = [found for value in content.values() if isinstance(value, list) and (found := _records(value))]
    longest = max(lists, key=lambda found: (_names_an_image(found[0]), len(found)), default=[])
    if not longest:
        return []
    fields, images = longest[0].keys(), _image_fields(longest[0])

    def is_alike(record: _Row) -> bool:
        has_most = 2 * len(fields & record.keys()) > len(fields | record.keys())
        return record.keys() == fields or (has_most and bool(_image_fields(record) & images))

    return [_with_folder(record) for found in lists if is_alike(found[0]) for record in found]


def _records(value: list[Any]) -> list[_Row]:
    return [item for item in value if isinstance(item, dict)]


def _names_an_image(record: _Row) -> bool:
    """Whether a text in a record is a URL or an image's name."""
    return bool(_image_fields(record))


def _image_fields(record: _Row) -> set[str]:
    return {name for name, value in record.items() if isinstance(value, str) and (is_web(value) or is_image(value))}


def _with_folder(record: _Row) -> _Row:
    """The record, with the folder of Karpathy's splits (`filepath`) before its file's name."""
    folder, name = record.get("filepath"), record.get("filename")
    if not isinstance(folder, str) or not isinstance(name, str) or is_image(folder) or not is_image(name):
        return record
    rest = {field: value for field, value in record.items() if field != "filepath"}
    return {**rest, "filename": f"{folder}/{name}" if folder else name}


def _columns(content: Mapping[str, Any]) -> list[_Row]:
    names, data = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(data, list):
        return [dict(zip(map(str, names), cells, strict=False)) for cells in data if isinstance(cells, list)]
    lists = {name: value for name, value in content.items() if isinstance(value, list)}
    if not lists:
        lists = _numbered(content)
    return [dict(zip(lists, cells, strict=True)) for cells in zip_longest(*lists.values())] if lists else []


def _numbered(content: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Columns whose values are objects with row numbers as keys; none if one of them is something else."""
    if not all(isinstance(value, dict) and value and all(map(str.isdecimal, value)) for value in content.values()):
        return {}
    numbers = list(dict.fromkeys(number for value in content.values() for number in value))
    return {name: [value.get(number) for number in numbers] for name, value in content.items()}


def _by_key(content: Mapping[str, Any]) -> list[_Row]:
    """Rows from an object whose values are objects that name an image, or names or URLs of images."""
    values = list(content.values())
    if len(values) > 1 and all(isinstance(value, dict) for value in values) and any(map(_names_an_image, values[:10])):
        return [{"key": name, **value} for name, value in content.items()]
    if len(values) > 1 and all(isinstance(value, str) and _is_name(value) for value in values):
        return [{"key": name, "url" if is_web(value) else "image": value} for name, value in content.items()]
    return []


def _fields(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"caption": value}


def _is_name(text: str) -> bool:
    return is_web(text) or is_image(text)
