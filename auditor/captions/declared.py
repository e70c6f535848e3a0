"""What the names of columns and sidecars say about who wrote the captions.

A shard's first rows show which columns hold captions, which of them was audited, which names declare a machine
(`re_caption`, `vlm_caption`, `blip_caption`), and the only value of a column that names the model (`vlm_model`). It is
kept with the shard's evidence. A name is a statement of whoever made the dataset; it can be wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from auditor.caption_results import CaptionColumn, DeclaredWriters
from auditor.readers import cells
from auditor.readers.columns import as_text
from auditor.types import Sample

LOOKED = 64  # rows of a shard
BESIDE = "(text file beside the image)"
_MAX_COLUMNS = 20
_MAX_MODEL = 80  # characters
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_CAPTION = frozenset(
    "caption captions cap recaption recap captioned description descriptions desc text txt alt prompt sentence "
    "sentences conversations messages title".split()
)
_MODEL = frozenset("model captioner writer annotator".split())
_ORIGINAL = frozenset("org orig original".split())
_MACHINE = {
    **dict.fromkeys("re recaption recap recaptioned rewritten".split(), "a caption that replaces another one"),
    **dict.fromkeys("vlm lvlm mllm llm lmm ai machine generated synthetic auto automatic model".split(), "a model"),
    **{
        name.casefold(): name
        for name in (
            "BLIP BLIP2 InstructBLIP LLaVA CogVLM ShareGPT4V ShareCaptioner InternVL InternLM Qwen QwenVL GPT GPT4 "
            "GPT4V GPT4o ChatGPT Gemini Gemma Claude Florence Florence2 Kosmos Kosmos2 MiniCPM JoyCaption Pixtral "
            "Llama Molmo PaLI Idefics Moondream CapsFusion Mistral DeepSeek SmolVLM"
        ).split()
    },
}  # parts of names -> the writer that they declare
_WHOLE = {
    "laion_coco": "BLIP",
    "capsfusion": "CapsFusion",
    "top_caption": "BLIP",  # LAION-COCO's
    "all_captions": "BLIP",
}


class CaptionColumns:
    """Examines the first rows of a shard."""

    def __init__(self) -> None:
        self._left = LOOKED
        self._held: Counter[str] = Counter()  # columns with captions -> rows
        self._audited: Counter[str] = Counter()
        self._models: dict[str, set[str]] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Examines rows, up to LOOKED of them."""
        for sample in samples:
            if not self._left:
                return
            self._left -= 1
            self._look(sample)

    def _look(self, sample: Sample) -> None:
        texts = {
            str(name): as_text(cells.caption(value)) for name, value in sample.row.items() if _holds(str(name), value)
        }
        self._held.update(name for name, text in texts.items() if text)
        if sample.caption:
            equal = (name for name, text in texts.items() if text == sample.caption)
            self._audited[next(equal, BESIDE)] += 1
        for name, value in sample.row.items():
            if _is_model(str(name)) and (text := as_text(value)):
                self._models.setdefault(str(name), set()).add(text[:_MAX_MODEL])

    def record(self) -> dict[str, Any]:
        """What was found, as JSON: `audited` (a name or null), `columns`, and `models` (column -> values)."""
        audited = self._audited.most_common(1)[0][0] if self._audited else None
        columns = [name for name, _ in self._held.most_common(_MAX_COLUMNS)]
        models = {name: sorted(values)[:2] for name, values in list(self._models.items())[:_MAX_COLUMNS]}
        return {"audited": audited, "columns": columns, "models": models}


def declared_writers(records: Iterable[tuple[int, Mapping[str, Any] | None]]) -> DeclaredWriters | None:
    """What shards say together; None if nothing was recorded. records: the rows of each shard, and what CaptionColumns
    recorded of it."""
    known = [(rows, record) for rows, record in records if record and rows]
    total = sum(rows for rows, _ in known)
    if not total:
        return None
    held: Counter[str] = Counter()
    audited: Counter[str] = Counter()
    machine: dict[str, str] = {}
    models: dict[str, set[str]] = {}
    declaring = 0
    for rows, record in known:
        names = list(dict.fromkeys([*record["columns"], *([record["audited"]] if record["audited"] else [])]))
        held.update(dict.fromkeys(names, rows))
        machine.update({name: reason for name in names if (reason := machine_of(name, names))})
        for column, values in record["models"].items():
            models.setdefault(column, set()).update(values)
        if record["audited"]:
            audited[record["audited"]] += rows
            declaring += rows if machine_of(record["audited"], names) else 0
    columns = [
        CaptionColumn(
            name, rows, rows / total, name in audited, machine.get(name, ""), _model_of(name, models, machine)
        )
        for name, rows in held.most_common(_MAX_COLUMNS)
    ]
    return DeclaredWriters(total, declaring / total, tuple(columns))


def machine_of(name: str, others: Iterable[str]) -> str:
    """Why the name of a column of captions declares a machine: the writer, or a reason; '' if it does not. others: the
    names of the columns of captions beside it."""
    if whole := _WHOLE.get(name.casefold()):
        return whole
    parts = _parts(name)
    found = [_MACHINE[part] for part in parts if part in _MACHINE]
    if found:
        return max(found, key=lambda writer: writer in _NAMED)
    originals = [other for other in others if _ORIGINAL & set(_parts(other))]
    if originals and name not in originals and name != BESIDE:
        return f"replaces {originals[0]}"
    return ""


_NAMED = frozenset(_MACHINE.values()) - {"a model", "a caption that replaces another one"}


def _model_of(name: str, models: Mapping[str, set[str]], machine: Mapping[str, str]) -> str:
    """The only value of the column that names the model of a column with model-generated captions: the one whose name
    begins alike, or else the only such column."""
    if name not in machine:
        return ""
    alike = [column for column in models if _parts(column)[:1] == _parts(name)[:1]]
    chosen = alike or (list(models) if len(models) == 1 else [])
    values = models[chosen[0]] if chosen else set()
    return next(iter(values)) if len(values) == 1 else ""


def _holds(name: str, value: Any) -> bool:
    """Whether a column holds captions: by a word in its name, and texts in it."""
    is_named = name.casefold() in _WHOLE or bool(_CAPTION & set(_parts(name)))
    return is_named and not _is_model(name) and isinstance(value, str | list)


def _is_model(name: str) -> bool:
    """Whether a column names the model that wrote captions: `vlm_model`, `caption_model`, `captioner`."""
    parts = _parts(name)
    if not _MODEL & set(parts):
        return False
    return "captioner" in parts or any(
        part in _MACHINE or part in _CAPTION or part == "captioning" for part in parts[:-1]
    )


def _parts(name: str) -> list[str]:
    """The parts of a name in lower case: `gpt4vCaption` has gpt4v and caption."""
    found: list[str] = []
    for part in re.split(r"[\W_]+", name):
        if part.casefold() in _MACHINE:
            found.append(part.casefold())
        else:
            found += _joined([word.casefold() for word in _PART.findall(part)])
    return found


def _joined(words: list[str]) -> list[str]:
    """Words of which a letter or number that belongs to the word before is joined to it: gpt, 4, v -> gpt4v."""
    joined: list[str] = []
    for word in words:
        if joined and f"{joined[-1]}{word}" in _MACHINE:
            joined[-1] += word
        else:
            joined.append(word)
    return joined
