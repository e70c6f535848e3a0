"""What captions say about their writers, in sentences: in every format the same.

No sentence gives a share of model-generated captions, calls captions human-written, or judges a caption by its style.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.caption_results import CaptionColumn, CaptionDiversity, Captions, FigureRange, FlagRate, Prompts
from auditor.captions.languages import in_others, is_mostly_english
from auditor.captions.patterns import BY_ID
from auditor.captions.ranges import HUMAN
from auditor.results import Audit
from auditor.safe_text import safe_text
from auditor.sentences import counted, percent, span

_MAX_NAME = 40  # characters of a column's name
_MAX_LISTED = 5
FIGURES = {
    "openings": "captions with one of the ten commonest openings (3 words)",
    "phrases": "captions with one of the ten commonest phrases (4 words)",
    "distinct_2": "distinct among all pairs of words",
    "compression": "compressed size (zlib)",
    "duplicates": "captions that are repeated",
    "near_duplicates": "captions with a near-duplicate",
    "words": "words (median)",
}  # as names
_IN_WORDS = {
    "openings": "of captions begin with one of the ten commonest openings",
    "phrases": "of captions have one of the ten commonest phrases",
    "distinct_2": "of all pairs of words are distinct",
    "compression": "of their size remains when compressed",
}  # after a share


def lines(audit: Audit) -> list[str]:
    """The sentences, the most important first; empty without a caption."""
    captions = audit.captions
    if captions is None:
        return []
    parts = (_writers, _reference, _declared, _prompts, _diversity, _missing)
    return [line for part in parts for line in part(captions)]


def _writers(captions: Captions) -> Iterator[str]:
    artefacts = captions.artefacts
    if artefacts is None:
        return
    found = f"artefacts of captioning models in {artefacts.hits:,} of {artefacts.n:,}"
    if artefacts.lower:
        yield f"at least {percent(artefacts.lower)} of images have a model-generated caption ({found})"
    elif artefacts.hits:
        yield f"cannot tell who wrote them: {found}, which captions by people may have too"
    else:
        yield (
            f"cannot tell who wrote them: no artefact of a captioning model on {artefacts.n:,} images, and many "
            "captioning models leave none"
        )
    if artefacts.by_writer:
        yield "named models: " + " · ".join(
            f"{name} {n:,}" for name, n in list(artefacts.by_writer.items())[:_MAX_LISTED]
        )
    others, sampled = in_others(captions.languages), sum(captions.languages.values())
    if others and not is_mostly_english(captions.languages):
        foreign = f"{others:,} of {counted(sampled, 'sampled caption')} in other languages"
        yield f"artefacts are known in English only; {foreign}"


def _reference(captions: Captions) -> Iterator[str]:
    found = captions.reference
    if captions.not_compared:
        yield f"not compared with captions by people: {captions.not_compared}"
    if found is None:
        return
    name, basis = safe_text(found.name, _MAX_NAME), f"{found.flagged:,} of {found.sampled:,} flagged"
    of_reference = f"{found.reference_flagged:,} of {found.n:,} in the reference"
    if found.lower:
        yield (
            f"at least {percent(found.lower)} of captions are unlike {name} ({basis}, and {of_reference}), which is a "
            "lower bound of the model-generated share only if captions by people are alike in both"
        )
    else:
        yield f"cannot tell captions from {name} ({basis}, and {of_reference})"


def _declared(captions: Captions) -> Iterator[str]:
    for column in captions.declared.columns if captions.declared else ():
        if column.machine or not column.is_audited:
            yield safe_text(declared(column), 300)


def declared(column: CaptionColumn) -> str:
    """What the name of a caption column shows."""
    name = safe_text(column.name, _MAX_NAME)
    model = f", {safe_text(column.model, _MAX_NAME)}" if column.model else ""
    text = f"column {name} names a captioning model ({column.machine}{model})" if column.machine else f"column {name}"
    audited = "audited" if column.is_audited else f"not audited; --caption-col {name} audits it"
    return f"{text}, in {percent(column.share, 0)} of the rows: {audited}"


def _prompts(captions: Captions) -> Iterator[str]:
    prompts = captions.prompts
    if prompts is None or not prompts.strong + prompts.weak2:
        return
    if prompts.strong:
        share = percent(prompts.share) if prompts.low == prompts.high else span(prompts.low, prompts.high)
        yield f"{share} of captions are generation prompts by their syntax ({prompts.strong:,} of {prompts.n:,})"
    if prompts.weak2:
        weak = f"{prompts.weak2:,} of {prompts.n:,}"
        yield f"two weak cues of prompts in {weak} captions, which also occur on pages about computer graphics"
    if flags := flag_rates(prompts):
        yield flags


def flag_rates(prompts: Prompts) -> str:
    """The classifier's flags among images with prompt-like captions, and among the others; '' without scores of
    both."""
    inside, outside = prompts.inside, prompts.outside
    if not inside or not outside or not inside.n or not outside.n:
        return ""
    times = f": {prompts.image_flag_ratio:.1f} times as often" if prompts.image_flag_ratio else ""
    others = f"{_rate(outside)} of the others{times}"
    return f"the classifier flags {_rate(inside)} of the images with such captions, and {others}"


def _rate(rate: FlagRate) -> str:
    return f"{percent(rate.share)} ({rate.flagged:,} of {rate.n:,}; 95 % CI {span(rate.low, rate.high)})"


def _diversity(captions: Captions) -> Iterator[str]:
    if captions.diversity and (outside := _outside(captions.diversity)):
        yield (
            f"less diverse than every measured list by people: {'; '.join(outside)}. This "
            "shows one template or one writer, a person or a model"
        )


def _outside(diversity: CaptionDiversity) -> list[str]:
    return [
        f"{value(name, figure.value)} {_IN_WORDS[name]} (people: {range_of(name, figure.ranges[HUMAN])})"
        for name, figure in diversity.figures.items()
        if figure.is_outside and name in _IN_WORDS and HUMAN in figure.ranges
    ]


def value(name: str, number: float) -> str:
    """A figure: a share, or a number of words."""
    return f"{number:.0f}" if name == "words" else percent(number)


def range_of(name: str, found: FigureRange) -> str:
    """The range of a figure."""
    return f"{found.low:.0f} to {found.high:.0f}" if name == "words" else span(found.low, found.high)


def _missing(captions: Captions) -> Iterator[str]:
    if captions.artefacts is None:
        return
    if captions.empty:
        yield f"{counted(captions.empty, 'image')} without a caption"
    if captions.file_names:
        yield f"{counted(captions.file_names, 'caption')} with only a file name"


def what(pattern: str) -> str:
    """What a pattern shows, for people; its id if it is of another version."""
    return BY_ID[pattern].what if pattern in BY_ID else safe_text(pattern, _MAX_NAME)
