"""The part of an audit about its captions: who wrote them, prompts among them, and how much they repeat each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CaptionColumn:
    """A column or sidecar with captions, and the share of the examined rows that have it.

    is_audited: the other parts of `captions` are about it. machine: why its name declares a captioning model; '' if it
    does not. model: the only value of the column that names the model, if there is one.
    """

    name: str
    rows: int
    share: float
    is_audited: bool = False
    machine: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredWriters:
    """What names of columns and sidecars show about the writers of captions. rows: of the examined shards. share: of
    these rows whose audited captions declare a machine."""

    rows: int
    share: float
    columns: tuple[CaptionColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptionExample:
    """A row with marks in its caption: its key, the marks in words, and the caption around the first of them."""

    key: str
    source: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class ArtefactGroup:
    """The artefacts in a source or shard. lower: the bound, corrected for the number of groups."""

    by: str
    value: str
    n: int
    hits: int
    lower: float


@dataclass(frozen=True, slots=True)
class Artefacts:
    """Artefacts of captioning models: of n images with a caption, `hits` have one. share: by weight.

    low: the lower end of the 95 % interval of the share. margin: what is subtracted from it for artefacts in captions
    by people. lower: at least this share of the images has a model-generated caption; 0 means that the writers are
    unknown. by_kind, by_writer: images by pattern, and by the writer that a pattern names.
    """

    n: int
    hits: int
    share: float
    low: float
    margin: float
    lower: float
    by_kind: Mapping[str, int] = field(default_factory=dict)
    by_writer: Mapping[str, int] = field(default_factory=dict)
    groups: tuple[ArtefactGroup, ...] = ()
    examples: tuple[CaptionExample, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagRate:
    """Images that the classifier flagged as likely synthetic, of n that it scored, with the 95 % interval of the
    share."""

    flagged: int
    n: int
    share: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompt syntax: of n images with a caption, `strong` have syntax that only prompts have, and `weak2` have weak
    cues of two groups instead. share: of the strong ones; low and high equal it, except in a sample of shards, where
    they are its 95 % interval.

    inside, outside: flags among images with prompt-like captions (strong or weak2), and among the others.
    image_flag_ratio: of the two shares; None if one of them is unknown or 0.
    """

    n: int
    strong: int
    weak2: int
    share: float
    low: float
    high: float
    by_kind: Mapping[str, int] = field(default_factory=dict)
    inside: FlagRate | None = None
    outside: FlagRate | None = None
    image_flag_ratio: float | None = None
    examples: tuple[CaptionExample, ...] = ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """An opening or a phrase of captions, and the share of the sample that has it."""

    text: str
    share: float


@dataclass(frozen=True, slots=True)
class FigureRange:
    """A figure over sources of one kind of writer: the least, the median and the greatest."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class CaptionFigure:
    """A figure of diversity (captions/diversity.py) with its ranges over sources of human-written captions,
    model-generated captions and prompts. is_outside: less diverse than every human source."""

    value: float
    ranges: Mapping[str, FigureRange] = field(default_factory=dict)
    is_outside: bool = False


@dataclass(frozen=True, slots=True)
class CaptionDiversity:
    """The diversity of a sample of captions, one per image: figures, and the commonest openings and phrases."""

    sample_size: int
    figures: Mapping[str, CaptionFigure] = field(default_factory=dict)
    openings: tuple[Phrase, ...] = ()
    phrases: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True)
class HumanReference:
    """The dataset's captions compared with captions that the user knows people wrote: n of them and `sampled` of the
    dataset, of which reference_flagged and `flagged` are flagged by a classifier that has not seen them. lower: at
    least this share of captions is unlike the reference."""

    name: str
    n: int
    sampled: int
    reference_flagged: int
    flagged: int
    lower: float


@dataclass(frozen=True, slots=True)
class Captions:
    """What captions say about their writers. images: that could be read or only have a URL; an image with several
    captions counts once. empty: images without a caption. file_names: images whose caption is a file name.

    languages: captions of the sample by language or script. diversity: None with fewer captions than it needs.
    declared: None if no shard could be examined. prompts, artefacts: None without a caption. reference: None without
    `human_captions`, and if it could not be compared (not_compared says why).
    """

    images: int
    empty: int
    file_names: int
    artefacts: Artefacts | None = None
    prompts: Prompts | None = None
    diversity: CaptionDiversity | None = None
    languages: Mapping[str, int] = field(default_factory=dict)
    declared: DeclaredWriters | None = None
    reference: HumanReference | None = None
    not_compared: str = ""

    @property
    def lower(self) -> float | None:
        """The greater of the two bounds of the model-generated share; None without a caption."""
        bounds = [found.lower for found in (self.artefacts, self.reference) if found]
        return max(bounds, default=None)
