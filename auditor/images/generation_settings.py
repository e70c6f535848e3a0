r"""Generation settings as text: which program wrote them, or None for any other text. Pure.

Two forms. *Fields* are `name: value` pairs, as in AUTOMATIC1111's "infotext" (modules/infotext_utils.py): `Steps` with
a number and at least two of sampler, seed, guidance (CFG scale), size and schedule, in any order, separated by commas,
semicolons, bars or lines. Numbers must be numbers, and one of the two must be a seed, a guidance or a known sampler, so
that recipes and lessons are no settings. *JSON* is an object with the keys of one program, or with the same fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

AUTOMATIC, UNNAMED = "AUTOMATIC1111", "Stable Diffusion"
_MAX_JSON_CHARS = 8 << 20  # without long strings: a parsed object takes many times the memory of its text
_LONG_STRING = re.compile(r'"(?:[^"\\]|\\.){4096,}+"')  # workflows hold pictures
_MAX_STEPS = 64  # places in a text where settings may begin
_REACH = 2000  # characters before and after the steps, in which the other fields are
_MAX_NESTED = 4  # objects inside objects
_WRAPPERS = ("prompt", "workflow", "parameters", "meta", "metadata", "extra_pnginfo", "generation_data")  # keys for one

# The columns of DiffusionDB's tables and JSON files (Wang et al. 2022, arXiv 2210.14896, table 1 and its README).
_DIFFUSION_DB = {"step": "steps", "st": "steps", "se": "seed", "c": "cfg scale", "sa": "sampler", "cfg": "cfg scale"}
_TEXT_COLUMNS = ("parameters", "generation_parameters", "infotext")  # of all settings as one text
_STEP_COLUMNS = frozenset(("steps", "step", "st", "num_inference_steps", "sampling_steps"))
# A field begins a line, follows a separator (also a line end as JSON writes it), or the number of another field; the
# steps may follow any blank, because attributes of XML lose line ends. A value is looked at and not consumed, because
# the next field may begin in it.
_FIELD = re.compile(
    r"""(?:^|[,;|\n\r(\[{]|\\[nr]|(?<=\d)[ \t]|(?-i:(?<=\s)(?=Steps:)))[ \t"'*>-]*
    (?P<key>(?:num[_ ]?)?(?:inference|sampling)[_ ]?steps|steps
      |sampler(?:[_ ]?(?:name|index|method))?|sampling[_ ]?method|schedule[_ ]?type|scheduler
      |(?:distilled[_ ])?cfg(?:[_ ]?scale)?|guidance(?:[_ ]?scale)?|seed|size)
    ["'*]*[ \t]*[:=]["'*]*[ \t]*["']?(?=(?P<value>[^,;|\n\r"'\]})\\]{1,80}))""",
    re.IGNORECASE | re.VERBOSE,
)
_STEPS = re.compile(r"steps[\"'*]*[ \t]*[:=][\"'*]*[ \t]*[\"']?\d{1,4}(?![\d.:])", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_MOST_STEPS = 250  # of a generator; with more, the name of a sampler must tell one from a simulation
_ENDS = r"(?=\s*$|\s+[A-Za-z][\w ]{0,30}[:=])"  # a number is the whole value: "12 oz" is none
_INTEGER = re.compile(r"-?\d{1,20}" + _ENDS)
_NUMBER = re.compile(r"-?\d{1,4}(?:\.\d{0,20})?" + _ENDS)
_SIZE = re.compile(r"\d{2,5}\s?[x×*]\s?\d{2,5}" + _ENDS, re.IGNORECASE)
_SAMPLER = re.compile(
    r"\b(?:k[-_ ])?(?:euler|dpm|ddim|ddpm|plms|pndm|lms|heun|uni[-_ ]?pc|lcm|tcd|deis|ipndm|er[-_ ]sde|sa[-_ ]solver"
    r"|res[-_ ](?:multistep|2|3)|restart\b|dpmpp|kdpm|flow[-_ ]?match)",
    re.IGNORECASE,
)
_SCHEDULE = re.compile(r"\b(?:karras|exponential|sgm|simple|beta|normal|automatic|polyexponential|turbo|linear)", re.I)

# Programs that write the same fields, by what else they write. (?-i:…) is case-sensitive.
_WRITERS = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("SD.Next", r"\bApp: SD\.Next|\bVersion: SD\.Next"),
        ("KoboldCpp", r"\bkoboldcpp\b"),
        ("stable-diffusion.cpp", r"\bstable-diffusion\.cpp\b"),
        ("Mochi Diffusion", r"\bGenerator: Mochi Diffusion\b"),
        ("Draw Things", r"\bSeed Mode: |\bGenerator: Draw Things\b"),
        ("Fooocus", r"\bVersion: \w*fooocus|\bMetadata Scheme: fooocus"),
        ("InvokeAI", r"\bVersion: InvokeAI\b|\bApp: InvokeAI\b"),
        ("ComfyUI", r"\bVersion: ComfyUI\b"),
        ("Easy Diffusion", r"\b(?:use stable diffusion model|stable diffusion model): "),
        ("Civitai", r"\bCivitai (?:resources|metadata): "),
        ("Forge", r"\bVersion: (?:f\d|forge|classic|neo)"),
        (AUTOMATIC, r"\bSteps: \d+, Sampler: |\bVersion: v1\.\d"),
    )
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that were found: the program that wrote them, and the form (fields, JSON settings, workflow …)."""

    generator: str
    form: str


def find(text: str, depth: int = 0) -> Settings | None:
    """The settings in a text: JSON with a program's keys, or fields. depth: of objects around the text."""
    content = parsed(text)
    found = in_object(content, depth) if content else None
    if found is None and (at := _begin(text)) is not None:
        found = Settings(_writer(text[max(0, at - _REACH) :]), "sampler settings")
    return found


def in_pairs(pairs: Iterable[tuple[str, object]]) -> Settings | None:
    """The settings in short texts with a key each, as older programs write them into separate fields of a file."""
    lines = (f"{str(key).replace('_', ' ')}: {str(value)[:200]}" for key, value in pairs)
    text = "\n".join(lines)
    return Settings(_writer(text), "sampler settings") if _begin(text) is not None else None


def in_row(row: Mapping[str, Any]) -> Settings | None:
    """The settings in a manifest's columns: one for each, whose names may be those of DiffusionDB, or one for all."""
    if not may_be_in(tuple(row)):
        return None
    folded = {str(name).casefold(): value for name, value in row.items()}
    texts = (folded[name] for name in _TEXT_COLUMNS if isinstance(folded.get(name), str))
    if found := next(filter(None, map(find, texts)), None):
        return found
    named = {_DIFFUSION_DB.get(name, name): value for name, value in folded.items()}
    return in_pairs((name, value) for name, value in named.items() if isinstance(value, str | int | float))


@lru_cache(maxsize=1024)
def may_be_in(columns: tuple[object, ...]) -> bool:
    """Whether columns of these names may hold settings."""
    return not (_STEP_COLUMNS.union(_TEXT_COLUMNS)).isdisjoint(str(name).casefold() for name in columns)


def in_object(content: Mapping[str, Any], depth: int = 0) -> Settings | None:
    """The settings in a JSON object, or in a text or an object inside it."""
    for generator, form, test in _OBJECTS:
        if test(content):
            return Settings(generator, form)
    for key in _WRAPPERS if depth < _MAX_NESTED else ():
        inner = content.get(key)
        if isinstance(inner, str):
            found = find(inner, depth + 1)
        else:
            found = in_object(inner, depth + 1) if isinstance(inner, dict) else None
        if found:
            return found
    found = in_pairs((key, value) for key, value in content.items() if isinstance(value, str | int | float))
    return Settings(found.generator, "JSON settings") if found else None


def parsed(text: str) -> Mapping[str, Any]:
    """The JSON object that a text is, also behind a name (`prompt:{…}`); empty if it is none."""
    start = _object_start(text)
    if start is None:
        return {}
    text = _shortened(text)
    if len(text) > _MAX_JSON_CHARS:
        return {}
    try:
        content, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_too_long(text: str) -> bool:
    """Whether a text begins like a JSON object and is too long to be parsed."""
    return _object_start(text) is not None and len(_shortened(text)) > _MAX_JSON_CHARS


def _object_start(text: str) -> int | None:
    start = text.find("{", 0, 64)
    return start if start >= 0 and _PREFIX.fullmatch(text[:start]) else None


def _shortened(text: str) -> str:
    return _LONG_STRING.sub('""', text) if len(text) > _MAX_JSON_CHARS else text


_PREFIX = re.compile(r"\s*(?:[\w .-]{1,40}:\s*)?")


# ---- fields ---------------------------------------------------------------------------------------------------------


def _begin(text: str) -> int | None:
    """Where the steps of the first settings in a text are; None without settings."""
    for number, match in enumerate(_STEPS.finditer(text)):
        if number >= _MAX_STEPS:
            return None
        at = match.start()
        if _is_settings(text[max(0, at - _REACH) : at + _REACH]):
            return at
    return None


def _is_settings(text: str) -> bool:
    kinds: dict[str, bool] = {}  # of field -> whether only generators write such a value
    for match in _FIELD.finditer(text):
        kind = _kind(match["key"].casefold().replace("_", " "))
        weight = _is_specific(kind, match["value"].strip())
        if weight is not None:
            kinds[kind] = kinds.get(kind, False) or weight
    if not kinds.pop("steps", False) or len(kinds) < 2 or not any(kinds.values()):
        return False
    steps = _STEPS.search(text)
    is_simulation = steps is not None and int(_DIGITS.findall(steps[0])[-1]) > _MOST_STEPS
    return not is_simulation or kinds.get("sampler", False) or kinds.get("schedule", False)


def _kind(key: str) -> str:
    if key.endswith("steps"):
        return "steps"
    kinds = {"sampl": "sampler", "sched": "schedule", "disti": "guidance", "cfg": "guidance", "guida": "guidance"}
    return next((kind for start, kind in kinds.items() if key.startswith(start)), key)


def _is_specific(kind: str, value: str) -> bool | None:
    """Whether only generators write this value; None if it is not a value of the field at all."""
    if kind == "steps":
        return bool(_INTEGER.match(value)) or None
    if kind in ("seed", "guidance"):
        return bool((_INTEGER if kind == "seed" else _NUMBER).match(value)) or None
    if kind == "size":
        return False if _SIZE.match(value) else None
    return bool(_SAMPLER.search(value) or (kind == "schedule" and _SCHEDULE.search(value)))


def _writer(text: str) -> str:
    text = text[: 4 * _REACH]
    return next((name for name, pattern in _WRITERS if pattern.search(text)), UNNAMED)


# ---- JSON -----------------------------------------------------------------------------------------------------------


_NODE = re.compile(r"\d+(?::\d+)*")  # the number of a node, also of one in a subgraph
# Nodes of ComfyUI with which an image is enlarged or saved, and not generated.
_ONLY_SCALE = frozenset(
    "LoadImage LoadImageOutput SaveImage PreviewImage UpscaleModelLoader ImageUpscaleWithModel ImageScale ImageScaleBy "
    "ImageScaleToTotalPixels ImageSharpen ImageCrop Note MarkdownNote Reroute PrimitiveNode".split()
)


def _has(*keys: str) -> Any:
    return lambda content: set(keys) <= content.keys()


def _is_workflow(content: Mapping[str, Any]) -> bool:
    """Whether an object is LiteGraph's form of a graph, in which every node has a type and a place."""
    nodes = content.get("nodes")
    if not isinstance(nodes, list) or not ("links" in content or "last_node_id" in content):
        return False
    kinds = {str(node["type"]) for node in nodes if isinstance(node, dict) and "type" in node and "pos" in node}
    if not kinds:
        return "last_node_id" in content or not nodes
    return not kinds <= _ONLY_SCALE


def _is_graph(content: Mapping[str, Any]) -> bool:
    """Whether an object is a prompt of ComfyUI: nodes by their numbers, or with inputs."""
    nodes = ((key, node) for key, node in content.items() if isinstance(node, dict) and "class_type" in node)
    kinds = {str(node["class_type"]) for key, node in nodes if "inputs" in node or _NODE.fullmatch(str(key))}
    return bool(kinds) and not kinds <= _ONLY_SCALE


def _names_fooocus(content: Mapping[str, Any]) -> bool:
    named = (*content, *(content.get(key, "") for key in ("software", "version", "metadata_scheme")))
    return any("fooocus" in str(part)[:200].casefold() for part in named)


def _is_invoke(content: Mapping[str, Any]) -> bool:
    if "app_version" not in content:
        return False
    return "generation_mode" in content or "invoke" in str(content.get("app_id"))[:200].casefold()


# Formats that contain another one come first: SwarmUI runs ComfyUI.
_OBJECTS = (
    ("SwarmUI", "sui_image_params", _has("sui_image_params")),
    ("Fooocus", "JSON settings", _names_fooocus),
    ("InvokeAI", "JSON settings", _is_invoke),
    ("Easy Diffusion", "JSON settings", _has("negative_prompt", "use_stable_diffusion_model")),
    ("Draw Things", "JSON settings", _has("c", "uc", "scale", "seed")),
    ("mflux", "JSON settings", _has("mflux_version")),
    ("ComfyUI", "workflow", _is_workflow),
    ("ComfyUI", "prompt graph", _is_graph),
)
