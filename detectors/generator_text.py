r"""Prompts and settings that generators write as text into their files, or beside them.

Sees: every text of the file: PNG text chunks (also private ones, such as ComfyUI's `comf`), JPEG and GIF comments,
EXIF, XMP and IPTC-IIM; and the text file of the same name, which AUTOMATIC1111 writes beside an image. A generator is
recognised by the structure that it writes, never by a keyword alone. auditor/images/generation_settings.py knows
settings wherever they are; other structures are known by their place.

| generator | where | confirmed by |
|---|---|---|
| AUTOMATIC1111, Forge, SD.Next, KoboldCpp … | anywhere | `Steps` and two of sampler, seed, CFG scale, size |
| ComfyUI | anywhere | JSON with class_type or nodes |
| SwarmUI, Fooocus, InvokeAI, Draw Things, Easy Diffusion, mflux | anywhere | JSON with their keys |
| older Easy Diffusion, Sygil, diffusers | one text for each setting | the same fields, their names as keywords |
| InvokeAI | invokeai_metadata, _graph, _workflow; sd-metadata; Dream | JSON, or the command's switches |
| NovelAI | Software with Comment or UserComment | both: the name, and JSON with sampler, seed, uc |
| Fooocus | Software or fooocus_scheme | its name beside settings |
| Midjourney | a description or comment | `Job ID: <uuid>` |
| Luma | Source | `Luma AI` |
| DALL·E 2 | anywhere | `Made with OpenAI Labs`, `Made with OpenAI DALL-E` |
| diffusers, sdkit | SD:mode, SD:seed …, StableDiffusionVersion, Model hash | the keyword |

Defeated by: re-encoding, screenshots, any tool that strips metadata. Can be forged: it is a declaration. It abstains if
nothing is found and a text was too large to be read. Tier C (structured metadata that only the generator writes).
Sources: the generators' own code and documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from auditor.images import generation_settings, text_encoding, xmp
from auditor.images.containers import Kind
from auditor.images.metadata import Metadata, Text
from auditor.images.view import View
from auditor.plugin import Detector, DetectorResult
from auditor.types import Evidence, Need, Tier

_SWITCH = re.compile(r"(?:^|\s)--?[a-z]{1,12}\b|—[a-z]", re.IGNORECASE)  # of a prompt: --ar 3:2 --v 6
_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_DREAM_STEPS = re.compile(r"\s-s ?\d+\b")
# After it: two searches take linear time, one pattern would take quadratic time.
_DREAM_MORE = re.compile(r"\s-[SWHC] ?[\d.]+")
_OPENAI = re.compile(r"Made with OpenAI (Labs|DALL-E)|OpenAI--ImageGeneration--generation-")
_INVOKE = ("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata")
_DESCRIPTIONS = (
    "description", "imagedescription", "comment", "usercomment", "xpcomment", "xptitle", "xpsubject", "title", "2:120",
)  # fmt: skip
_SD = re.compile(r"sd:(?:mode|prompt|negative_prompt|seed|steps|sampler|sampler_name|cfg_scale|model|model_hash)")
_LIBRARY_KEYS = ("stablediffusionversion",)
_MAX_PAIR_CHARS, _MAX_PAIRS = 200, 500  # of settings with a text each

_Texts = Mapping[str, list[Text]]  # by key in lower case: a key may occur more than once
_Match = tuple[str, str]  # generator, where


class GeneratorText(Detector):
    """See the module."""

    id = "generator-text"
    evidence = Evidence.DECLARED
    needs = Need.FILE

    def resources(self) -> tuple[str, ...]:
        """The parsers that decide what settings are."""
        return (generation_settings.__file__, text_encoding.__file__, xmp.__file__)

    def look(self, view: View) -> DetectorResult:
        """The generator that is most specific, in the order of _ORDER."""
        metadata = view.metadata
        matches = [*_by_content(metadata), *_by_place(metadata), *_beside(view)]
        if not matches:
            return DetectorResult.absent(_unread(metadata))
        generator, where = min(matches, key=lambda match: _rank(match[0]))
        return DetectorResult.hit(Tier.C, f"{generator}: {where}", generator=generator)


def _unread(metadata: Metadata) -> str | None:
    long = (text for text in metadata.texts if generation_settings.is_too_long(text.value))
    unparsed = next((f"the JSON in {text.where} {text.key[:80]} is too long to be parsed" for text in long), None)
    return metadata.unread(Kind.TEXT, Kind.EXIF, Kind.XMP, Kind.IPTC) or unparsed


# Formats that contain another one come first: SwarmUI and Fooocus also write AUTOMATIC1111's, and run ComfyUI.
_ORDER = (
    "SwarmUI",
    "Fooocus",
    None,
    "AUTOMATIC1111",
    "ComfyUI",
    "Stable Diffusion (diffusers or sdkit)",
    "Stable Diffusion",
)


def _rank(generator: str) -> int:
    return _ORDER.index(generator if generator in _ORDER else None)


def _by_content(metadata: Metadata) -> Iterator[_Match]:
    """Settings in any text, and settings of which each has a text of its own."""
    for text in metadata.texts:
        if found := generation_settings.find(text.value):
            yield found.generator, f"{found.form} in {text.where} {text.key}"
    for where in ("PNG", "XMP"):
        texts = [text for text in metadata.texts if text.where.startswith(where) and len(text.value) <= _MAX_PAIR_CHARS]
        pairs = ((text.key.removeprefix("SD:"), text.value) for text in texts[:_MAX_PAIRS])
        if texts and (found := generation_settings.in_pairs(pairs)):
            yield found.generator, f"{found.form} in several texts ({where})"


def _beside(view: View) -> Iterator[_Match]:
    found = generation_settings.find(view.sample.text_beside or "")
    if found and not view.sample.stripped_by:  # img2dataset writes captions of web pages
        yield found.generator, f"{found.form} in the text file beside it"


# ---- what is known by its place -------------------------------------------------------------------------------------


def _by_place(metadata: Metadata) -> Iterator[_Match]:
    texts: dict[str, list[Text]] = {}
    for text in metadata.texts:
        texts.setdefault(text.key.casefold(), []).append(text)
    for recogniser in _RECOGNISERS:
        yield from recogniser(texts)


def _named(texts: _Texts, *keys: str) -> Iterator[Text]:
    return (text for key in keys for text in texts.get(key, ()))


def _fooocus(texts: _Texts) -> Iterator[_Match]:
    names = _named(texts, "software", "makernote")
    if "fooocus_scheme" not in texts and not any("fooocus" in text.value.casefold() for text in names):
        return
    for text in _named(texts, "parameters", "comment", "usercomment"):
        if "base_model_hash" in generation_settings.parsed(text.value):
            yield "Fooocus", f"JSON settings in {text.where} {text.key}"
        elif generation_settings.find(text.value):
            yield "Fooocus", f"sampler settings in {text.where} {text.key}, and its name"


def _invoke(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, *_INVOKE):
        if generation_settings.parsed(text.value):
            yield "InvokeAI", f"JSON in {text.where} {text.key}"
    for text in _named(texts, "dream"):
        steps = _DREAM_STEPS.search(text.value)
        if steps and _DREAM_MORE.search(text.value, steps.end()):
            yield "InvokeAI", f"command in {text.where} Dream"


def _novel(texts: _Texts) -> Iterator[_Match]:
    if not any("NovelAI" in text.value for text in _named(texts, "software")):
        return
    for text in _named(texts, "comment", "usercomment"):
        if {"sampler", "seed", "uc"} <= set(generation_settings.parsed(text.value)):
            yield "NovelAI", f"Software and settings in {text.where} {text.key}"


def _easy(texts: _Texts) -> Iterator[_Match]:
    if {"negative_prompt", "use_stable_diffusion_model"} <= set(texts):
        yield "Easy Diffusion", "its settings"


def _midjourney(texts: _Texts) -> Iterator[_Match]:
    has_author = any(True for _ in _named(texts, "author", "artist", "creator"))
    for text in _named(texts, *_DESCRIPTIONS):
        if _JOB.search(text.value) and (has_author or _SWITCH.search(text.value)):
            yield "Midjourney", f"job in {text.where} {text.key}"


def _luma(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, "source"):
        if text.value.strip() == "Luma AI":
            yield "Luma", f"{text.where} Source"


def _dalle(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, *texts):
        match = _OPENAI.match(text.value.lstrip())
        if match:
            yield "DALL·E 2", f"“{match[0]}” in {text.where}"


def _libraries(texts: _Texts) -> Iterator[_Match]:
    for text in _named(texts, *_LIBRARY_KEYS, *filter(_SD.fullmatch, texts)):
        yield "Stable Diffusion (diffusers or sdkit)", f"{text.where} {text.key}"


_RECOGNISERS: tuple[Callable[[_Texts], Iterator[_Match]], ...] = (
    _fooocus, _invoke, _novel, _easy, _midjourney, _luma, _dalle, _libraries,
)  # fmt: skip
