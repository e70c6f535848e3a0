"""What an audit is told to do, as plain values. Files and folders are named here and opened elsewhere (resources.py).

ScanConfig      what evidence holds: another value means other evidence
SamplingConfig  which rows are looked at
EstimateConfig  what is concluded from the evidence

A field is called like the option of `auditor scan` that sets it. So one table serves the command line, audit.json and
the command that repeats an audit, and a new option is a field here, an option there, and the code that uses it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any

from auditor import registry
from auditor.errors import ConfigError
from auditor.types import Need

BEFORE = "before:"  # a reference of the dataset's own images, older than a year
DEPTHS = {"row": Need.ROW, "file": Need.FILE, "pixels": Need.PIXELS}
_REFERENCE_DETECTORS = ("known-image", "known-file")  # run wherever there are images to recognise


def _is(option: str, *, is_list: bool = False) -> dict[str, Any]:
    """How an option is spelt that is not called like its field; is_list: given once, with commas."""
    return {"option": option, "is_list": is_list}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sample may cost: bytes of the file, pixels of the image, seconds of decoding."""

    max_bytes: int = 256 << 20
    max_pixels: int = 100_000_000
    max_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How inputs are read. Column names override the aliases of readers/columns.py; input_format: a reader's id."""

    input_format: str | None = None
    image_col: str | None = None
    url_col: str | None = None
    caption_col: str | None = None
    id_col: str | None = None
    declared_col: str | None = None
    weight_col: str | None = None
    base_dir: str | None = None
    follow_links: bool = False

    def updated(self, given: ReadOptions) -> ReadOptions:
        """These options as an audit recorded them, unless others are given now. Raises ConfigError where `base_dir`
        is needed: the record holds its name alone."""
        if self.base_dir and given.base_dir is None:
            raise ConfigError(f"the audit was made with `base_dir` {self.base_dir}: say where that folder is")
        told = {one.name: getattr(given, one.name) for one in fields(given)}
        return replace(self, **{name: value for name, value in told.items() if value not in (None, False)})


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """detectors: ids, in the registry's order. depth: how far an image is opened.

    encoder: an open_clip model that makes the vectors, instead of the embedded one; embeddings: a folder of vectors
    made already, by embeddings_model; keep_vectors: keep a vector of each image although no detector needs it.
    indexes: folders of reference images that are looked for. Raises ConfigError for options that exclude each other.
    """

    detectors: tuple[str, ...] = field(
        default_factory=registry.default_detectors, metadata=_is("--detectors", is_list=True)
    )
    depth: Need = Need.PIXELS
    limits: Limits = Limits()
    read: ReadOptions = ReadOptions()
    encoder: str | None = None
    embeddings: str | None = None
    embeddings_model: str | None = None
    keep_vectors: bool = False
    indexes: tuple[str, ...] = field(default=(), metadata=_is("--index"))

    def __post_init__(self) -> None:
        """Conflicts; and the detectors that reference images need, in one order."""
        if self.encoder and self.embeddings:
            raise ConfigError("`encoder` and `embeddings`: vectors are made or taken, not both")
        if self.embeddings_model and not self.embeddings:
            raise ConfigError("`embeddings_model` names what made `embeddings`, which is not given")
        wanted = {*self.detectors, *(_REFERENCE_DETECTORS if self.indexes else ())}
        known = [id for id in registry.table("detectors") if id in wanted]
        object.__setattr__(self, "detectors", (*known, *sorted(wanted.difference(known))))


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """sample: decode so many rows, drawn at random; margin: as many as keep the sampling error within it (a share of
    1); sample_files: open no other file either; stratify: "domain" for a sample in proportion to each domain's rows.

    sample_shards: read so many whole shards, and nothing of the others. fetch: fetch and audit so many rows of a
    manifest of URLs. until_decided: the sample is one of a growing series that ends when the policy is decided, so that
    its intervals hold at any stopping time; `sample` is then the first one. Raises ConfigError for options that exclude
    each other.
    """

    sample: int | None = None
    margin: float | None = None
    sample_files: bool = False
    sample_shards: int | None = None
    stratify: str | None = None
    fetch: int | None = None
    until_decided: bool = False

    def __post_init__(self) -> None:
        """Conflicts; a growing sample opens no other file."""
        others = self.margin or self.sample or self.until_decided or self.sample_files
        if self.sample_shards and (others or self.fetch):
            raise ConfigError("`sample_shards` is a sample of its own: leave the other options of samples out")
        if self.stratify and (self.until_decided or not (self.margin or self.sample or self.fetch)):
            raise ConfigError("`stratify` shares a sample out: give `sample`, `margin` or `fetch`")
        if self.margin and self.sample:
            raise ConfigError("`margin` says how many rows; so does `sample`")
        if self.fetch and others:
            raise ConfigError("`fetch` is a sample of its own: leave the other options of samples out")
        if self.until_decided and self.margin:
            raise ConfigError("`until_decided` finds the number of rows itself: leave `margin` out")
        if self.sample_files and not (self.margin or self.sample or self.until_decided):
            raise ConfigError("`sample_files` bounds a sample: give `sample` or `margin`")
        if self.until_decided:
            object.__setattr__(self, "sample_files", True)

    @property
    def is_full(self) -> bool:
        """Whether every row is looked at."""
        return not (self.sample or self.margin or self.sample_shards or self.fetch or self.until_decided)

    @property
    def rows(self) -> int | None:
        """How many rows are drawn one by one; None: rows are not drawn."""
        return self.fetch or self.sample

    def depth_outside(self, depth: Need) -> Need:
        """How far rows outside the sample are opened, where the others are opened to `depth`."""
        return Need.ROW if self.fetch or self.sample_files else min(depth, Need.FILE)


@dataclass(frozen=True, slots=True)
class EstimateConfig:
    """count_edited: images with a generated part count as synthetic. calibration, labels: files of one's own.

    reference: what the images' diversity is compared with: a folder (reference images or an audit), or `before:YEAR`.
    """

    count_edited: bool = False
    calibration: str | None = None
    labels: str | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for a reference that names no year."""
        year = (self.reference or "").removeprefix(BEFORE)
        if (self.reference or "").startswith(BEFORE) and not (year.isascii() and year.isdigit() and len(year) == 4):
            raise ConfigError(f"`reference` {self.reference}: name a year of four digits, as in {BEFORE}2021")


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration; seed: for everything that is drawn at random. `Config.of` takes all options by name.

    Raises ConfigError for options that exclude each other.
    """

    scan: ScanConfig = field(default_factory=ScanConfig)
    sampling: SamplingConfig = SamplingConfig()
    estimate: EstimateConfig = EstimateConfig()
    seed: int = 0

    def __post_init__(self) -> None:
        """Conflicts between the parts."""
        sampling = self.sampling
        if self.scan.read.weight_col and not sampling.is_full:
            raise ConfigError("`weight_col`: samples are drawn with equal chances; audit every row, or leave it out")
        if sampling.until_decided and self.estimate.labels:
            raise ConfigError("`until_decided` draws by what the model says: leave `labels` out")
        if self.scan.depth < Need.PIXELS and (sampling.margin or sampling.sample) and not sampling.sample_files:
            raise ConfigError("`sample` bounds decoding, and this `depth` decodes nothing: add `sample_files`")

    @classmethod
    def of(cls, **options: Any) -> Config:
        """From options by name, whatever part they belong to: Config.of(depth=Need.FILE, sample=100, max_bytes=1000).

        `limits` and `read` may be given whole too. Raises ConfigError for a name that is none, and for conflicts.
        """
        parts = {part: _taken(kind, options) for part, kind in _PARTS.items()}
        seed = options.pop("seed", 0)
        if options:
            name = next(iter(options))
            close = difflib.get_close_matches(name, cls().options, n=1)
            raise ConfigError(f"no option `{name}`{f'; did you mean `{close[0]}`?' if close else ''}")
        return cls(**parts, seed=seed)

    @property
    def options(self) -> Mapping[str, Any]:
        """Every option by name, whatever part it belongs to."""
        return {one.name: value for one, value in _options(self)}

    @property
    def command_line(self) -> list[str]:
        """The arguments of `auditor scan` that give this configuration: every option that differs from its default."""
        return [word for one, value in _options(self) if value != default(one) for word in _words(one, value)]

    @property
    def portable(self) -> Config:
        """Without the folders in which files lie: the same wherever the audit was made."""
        read = replace(self.scan.read, base_dir=_name(self.scan.read.base_dir))
        scan = replace(
            self.scan,
            read=read,
            encoder=_encoder_name(self.scan.encoder),
            embeddings=_name(self.scan.embeddings),
            indexes=tuple(PurePath(folder).name for folder in self.scan.indexes),
        )
        calibration, labels, reference = map(
            _name, (self.estimate.calibration, self.estimate.labels, self.estimate.reference)
        )
        estimate = replace(self.estimate, calibration=calibration, labels=labels, reference=reference)
        return replace(self, scan=scan, estimate=estimate)


_PARTS = {"scan": ScanConfig, "sampling": SamplingConfig, "estimate": EstimateConfig}
_GROUPS = {"limits": Limits, "read": ReadOptions}


def default(one: Field[Any]) -> Any:
    """The value of an option that is not given."""
    return one.default_factory() if callable(one.default_factory) else one.default


def _taken(kind: type[Any], options: dict[str, Any]) -> Any:
    """The value of a part or group, with the options that are its own taken out of `options`."""
    own: dict[str, Any] = {}
    for one in fields(kind):
        if one.name in options:
            own[one.name] = options.pop(one.name)
        elif one.name in _GROUPS:
            own[one.name] = _taken(_GROUPS[one.name], options)
    return kind(**own)


def _options(config: Config) -> Iterator[tuple[Field[Any], Any]]:
    """Every option with its value, those of groups one by one."""
    for part in (config.scan, config.sampling, config.estimate, config):
        for one in fields(part):
            if one.name in _GROUPS:
                group = getattr(part, one.name)
                yield from ((inner, getattr(group, inner.name)) for inner in fields(group))
            elif one.name not in _PARTS:
                yield one, getattr(part, one.name)


def _words(one: Field[Any], value: Any) -> list[str]:
    option = one.metadata.get("option", option_of(one.name))
    if isinstance(value, bool):
        return [option] if value else []
    if isinstance(value, Need):
        return [f"{option}={value.name.lower()}"]
    if one.metadata.get("is_list"):
        return [f"{option}={','.join(value)}"]
    return [f"{option}={each}" for each in (value if isinstance(value, tuple) else (value,))]


def option_of(name: str) -> str:
    """A field's option on the command line."""
    return f"--{name.replace('_', '-')}"


def _name(path: str | None) -> str | None:
    return path if path is None or path.startswith(BEFORE) else PurePath(path).name


def _encoder_name(encoder: str | None) -> str | None:
    if encoder is None or encoder.startswith("open_clip:"):
        return encoder
    kind, _, path = encoder.partition(":")
    return f"{kind}:{PurePath(path).name}"
