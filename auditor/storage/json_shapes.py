"""Rows in an object of JSON, in the shapes that datasets are published in. Pure.

| shape | dataset |
|---|---|
| `images` and `annotations` that refer to them by `image_id` | COCO captions, NoCaps, VizWiz |
| one list of objects among other entries | RedCaps, TextCaps, Karpathy's splits |
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


def rows(content: Mapping[str, Any]) -> Sequence[_Row]:
    """The rows of an object; the object itself as the only row if it has none of the shapes."""
    if isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list):
        return _joined(content["images"], content["annotations"])
    if all(map(_is_name, content)):
        return [_with_prompt({"file_name": name, **_fields(value)}) for name, value in content.items()]
    found = _list_of_objects(content) or _columns(content) or _by_key(content)
    if found:
        return found
    for value in content.values():
        if isinstance(value, dict) and (found := _list_of_objects(value) or _columns(value)):
            return found
    return [content] if content else []


def _with_prompt(row: _Row) -> _Row:
    return {**row, "prompt": row["p"]} if row.keys() >= _PROMPT else row


def _joined(images: list[Any], annotations: list[Any]) -> list[_Row]:
    """One row per image, with the list of its captions."""
    captions: dict[Any, list[str]] = {}
    for annotation in annotations:
        if isinstance(annotation, dict) and isinstance(annotation.get("caption"), str):
            captions.setdefault(_hashable(annotation.get("image_id")), []).append(annotation["caption"])
    listed = _records(images)
    if not captions:
        return listed if any(map(_names_an_image, listed[:1])) else _records(annotations)
    return [{**image, "caption": captions.get(_hashable(image.get("id")), [])} for image in listed]


def _hashable(id: Any) -> Any:
    return id if isinstance(id, str | int) else str(id)


def _list_of_objects(content: Mapping[str, Any]) -> list[_Row]:
    lists = [found for value in content.values() if isinstance(value, list) and (found := _records(value))]
    return max(lists, key=lambda found: (_names_an_image(found[0]), len(found)), default=[])


def _records(value: list[Any]) -> list[_Row]:
    return [item for item in value if isinstance(item, dict)]


def _names_an_image(record: _Row) -> bool:
    """Whether a text in a record is a URL or an image's name."""
    return any(isinstance(value, str) and (is_web(value) or is_image(value)) for value in record.values())


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
