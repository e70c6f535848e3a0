r"""Prompts and settings that generators write as text into their files.

Sees: PNG text chunks, JPEG and GIF comments, EXIF UserComment and ImageDescription (and Make and Model, where
ComfyUI's WebP nodes put their JSON), XMP's exif:UserComment. Each generator is recognised by the structure that it
writes, never by a keyword alone: `parameters` counts only with `Steps: 20, Sampler: …` in it, `prompt` and `workflow`
only as JSON with ComfyUI's nodes, and so on.

| generator | where | confirmed by |
|---|---|---|
| AUTOMATIC1111, Forge, SD.Next, Civitai | parameters, postprocessing, extras, UserComment | `Steps: \d+, Sampler: ` |
| ComfyUI | prompt, workflow; EXIF Make, Model, ImageDescription | JSON with class_type or nodes |
| InvokeAI | invokeai_metadata, _graph, _workflow; sd-metadata; Dream | JSON, or the command's switches |
| NovelAI | Software with Comment | both: the name, and JSON with sampler, seed, uc |
| Fooocus | parameters, comments, UserComment; Software | JSON with its keys, or its name beside settings |
| SwarmUI | parameters, UserComment | JSON with sui_image_params |
| Easy Diffusion | negative_prompt with use_stable_diffusion_model | both |
| Draw Things | XMP exif:UserComment | JSON with c, uc, scale, seed |
| Midjourney | Description | `Job ID: <uuid>` |
| Luma | Source | `Luma AI` |
| DALL·E 2 | UserComment, PNG text, MakerNote | `Made with OpenAI Labs`, `Made with OpenAI DALL-E` |
| diffusers, sdkit | SD:mode, StableDiffusionVersion, Model hash | the keyword |
| mflux | UserComment | JSON with mflux_version |

Defeated by: re-encoding, screenshots, any tool that strips metadata. Can be forged: it is a declaration.
Tier C (structured metadata that only the generator writes). Sources: the generators' own code and documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from auditor.images.metadata import Metadata, Text
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Evidence, Need, Tier

_EXIF_XMP = "http://ns.adobe.com/exif/1.0/"
_PARAMETERS = re.compile(r"\bSteps: \d+, Sampler: ")
_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_DREAM_STEPS = re.compile(r"\s-s ?\d+\b")
_DREAM_MORE = re.compile(
    r"\s-[SWHC] ?[\d.]+"
)  # after it: two searches take linear time, one pattern would take quadratic time
_OPENAI = re.compile(r"Made with OpenAI (Labs|DALL-E)|OpenAI--ImageGeneration--generation-")
_UNPREFIXED = re.compile(r"(prompt|workflow):", re.IGNORECASE)
_MAX_JSON_CHARS = 8 << 20

_Texts = Mapping[str, list[Text]]  # by key: a key may occur more than once
_Match = tuple[str, str]  # generator, where


class GeneratorText(Detector):
    """See the module."""

    id = "generator-text"
    evidence = Evidence.DECLARED
    needs = Need.FILE

    def look(self, view: View) -> DetectorResult:
        """The first generator, in the order of _RECOGNISERS, whose structure is found."""
        texts: dict[str, list[Text]] = {}
        for text in _texts(view.metadata):
            texts.setdefault(text.key, []).append(text)
        for recogniser in _RECOGNISERS:
            match = next(recogniser(texts), None)
            if match:
                generator, where = match
                return DetectorResult.hit(Tier.C, f"{generator}: {where}", generator=generator)
        return DetectorResult.negative()


def _texts(metadata: Metadata) -> list[Text]:
    texts = list(metadata.texts)
    texts += [Text("XMP UserComment", value, "XMP") for value in metadata.xmp_values(_EXIF_XMP, "UserComment")]
    software = metadata.exif.get("Software")
    if isinstance(software, str):
        texts.append(Text("EXIF Software", software, "EXIF"))
    note = metadata.exif.get("MakerNote")
    if isinstance(note, bytes | str):
        text = note.decode("latin-1") if isinstance(note, bytes) else note
        texts.append(Text("MakerNote", text[:256], "EXIF MakerNote"))
    return texts


def _named(texts: _Texts, *keys: str) -> Iterator[Text]:
    return (text for key in keys for text in texts.get(key, ()))


def _object(text: str) -> Mapping[str, Any]:
    """The JSON object in a text; empty if it is not one."""
    text = text.strip()
    if not text.startswith("{") or len(text) > _MAX_JSON_CHARS:
        return {}
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _swarm(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "parameters", "UserComment"):
        if "sui_image_params" in _object(text.value):
            yield "SwarmUI", f"sui_image_params in {text.where} {text.key}"


def _fooocus(texts: _Texts) -> Iterator[_Match]:
    names = _named(texts, "Software", "EXIF Software", "MakerNote")
    is_named = "fooocus_scheme" in texts or any("fooocus" in text.value.casefold() for text in names)
    for text in _named(texts, "parameters", "Comment", "comment", "UserComment"):
        content = _object(text.value)
        inside = (*content, *(content.get(key, "") for key in ("software", "version", "metadata_scheme")))
        if any("fooocus" in str(part).casefold() for part in inside) or (is_named and "base_model_hash" in content):
            yield "Fooocus", f"JSON settings in {text.where} {text.key}"
        elif is_named and _PARAMETERS.search(text.value):
            yield "Fooocus", f"sampler settings in {text.where} {text.key}, and its name"


def _automatic(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "parameters", "postprocessing", "extras", "UserComment", "comment", "Comment"):
        match = _PARAMETERS.search(text.value)
        if match:
            yield _fork(text.value[match.start() :]), f"sampler settings in {text.where} {text.key}"


def _fork(settings: str) -> str:
    if "App: SD.Next" in settings:
        return "SD.Next"
    if "Civitai resources:" in settings or "Civitai metadata:" in settings:
        return "Civitai"
    return "Forge" if re.search(r"\bVersion: f\d", settings) else "AUTOMATIC1111"


def _comfy(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "prompt", "workflow", "Make", "Model", "ImageDescription", "UserComment"):
        content = _object(_UNPREFIXED.sub("", text.value.lstrip(), count=1))
        nodes = content.get("nodes")
        if isinstance(nodes, list) and ("links" in content or "last_node_id" in content):
            yield "ComfyUI", f"workflow in {text.where} {text.key}"
        elif any(isinstance(node, dict) and "class_type" in node for node in content.values()):
            yield "ComfyUI", f"prompt graph in {text.where} {text.key}"


def _invoke(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata"):
        if _object(text.value):
            yield "InvokeAI", f"JSON in {text.where} {text.key}"
    for text in _named(texts, "Dream"):
        steps = _DREAM_STEPS.search(text.value)
        if steps and _DREAM_MORE.search(text.value, steps.end()):
            yield "InvokeAI", f"command in {text.where} Dream"


def _novel(texts: _Texts) -> Iterator[_Match]:
    named = any("NovelAI" in text.value for text in _named(texts, "Software", "EXIF Software"))
    for text in _named(texts, "Comment", "UserComment"):
        if named and {"sampler", "seed", "uc"} <= set(_object(text.value)):
            yield "NovelAI", f"Software and settings in {text.where} {text.key}"


def _easy(texts: _Texts) -> Iterator[_Match]:
    keys = {"negative_prompt", "use_stable_diffusion_model"}
    if keys <= set(texts) or any(keys <= set(_object(text.value)) for text in _named(texts, "UserComment", "comment")):
        yield "Easy Diffusion", "its settings"


def _draw_things(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "XMP UserComment"):
        if {"c", "uc", "scale", "seed"} <= set(_object(text.value)):
            yield "Draw Things", "settings in XMP exif:UserComment"


def _midjourney(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "Description", "ImageDescription"):
        if _JOB.search(text.value):
            yield "Midjourney", f"job in {text.where} {text.key}"


def _luma(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "Source"):
        if text.value.strip() == "Luma AI":
            yield "Luma", f"{text.where} Source"


def _dalle(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, *texts):
        match = _OPENAI.search(text.value)
        if match:
            yield "DALL·E 2", f"“{match[0]}” in {text.where}"


def _libraries(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "SD:mode", "StableDiffusionVersion", "Model hash"):
        yield "Stable Diffusion (diffusers or sdkit)", f"{text.where} {text.key}"
    for text in _named(texts, "UserComment", "comment", "parameters"):
        if "mflux_version" in _object(text.value):
            yield "mflux", f"settings in {text.where} {text.key}"


# Formats that contain another one come first: SwarmUI and Fooocus also write `parameters`, and SwarmUI runs ComfyUI.
_RECOGNISERS: tuple[Callable[[_Texts], Iterator[_Match]], ...] = (
    _swarm, _fooocus, _automatic, _invoke, _novel, _easy, _draw_things, _midjourney, _luma, _dalle, _libraries, _comfy,
)  # fmt: skip
