"""The configuration of an audit, as plain values. It names files and folders; resources.py opens them.

- ScanConfig decides the content of evidence: another value means other evidence
- SamplingConfig decides which rows are examined
- EstimateConfig decides how conclusions are drawn from the evidence

Each field has the name of the option of `auditor scan` that sets it. So one table serves the command line, audit.json
and the command that repeats an audit. A new option needs a field here, an option there, and the code that uses it.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from auditor import registry
from auditor.errors import ConfigError
from auditor.types import Need
from auditor.values import plain

BEFORE = "before:"  # a temporal reference: the dataset's own images from before a year
GENERATORS = ("few", "many")
ANCHORS = ("representative",)
STRATA = ("domain",)
_MAX_MARGIN = 0.5
DEPTHS = {"row": Need.ROW, "file": Need.FILE, "pixels": Need.PIXELS}
USUAL_SAMPLE = 5000  # rows; more narrow the expected interval by half a point at most (tests/sampling/test_planning.py)
MANY_ROWS = 50_000_000  # of a manifest, from which on `fetch` reads only some shards
USUAL_SHARDS = 100  # that it then reads
_REFERENCE_DETECTORS = ("known-image", "known-file")  # they always run if there are reference indexes


def _option(name: str, *, is_list: bool = False) -> dict[str, Any]:
    """Metadata of a field whose option has another name, or (is_list) takes a comma-separated list."""
    return {"option": name, "is_list": is_list}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one image."""

    max_bytes: int = 256 << 20
    """The largest file, in bytes."""

    max_pixels: int = 100_000_000
    """The largest image to decode, width times height."""

    max_seconds: float = 30.0
    """The time limit for decoding, in seconds."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a limit that is not a number above 0."""
        for name in ("max_bytes", "max_pixels"):
            limit = getattr(self, name)
            if type(limit) is not int or limit <= 0:
                raise ConfigError(f"`{name}` must be a whole number above 0, got {limit!r:.40}")
        if type(self.max_seconds) not in (int, float) or not 0 < self.max_seconds < math.inf:
            raise ConfigError(f"`max_seconds` must be a number above 0, got {self.max_seconds!r:.40}")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How inputs are read. Names of columns override those that readers look for (readers/columns.py).

    Raises ConfigError unless the delimiter is one character.
    """

    input_format: str | None = None
    """The id of a reader; None: detected."""

    image_col: str | None = None
    """The column with image paths or bytes."""

    url_col: str | None = None
    """The column with URLs."""

    caption_col: str | None = None
    """The column with captions."""

    id_col: str | None = None
    """The column with unique keys."""

    declared_col: str | None = None
    """The column that says whether an image is synthetic."""

    weight_col: str | None = None
    """The column with row weights: how often training sees the row. None: rows have equal weights."""

    delimiter: str | None = None
    """The delimiter of delimited text, one character; None: guessed."""

    base_dir: str | None = None
    """The folder of a table's relative image paths; None: the table's folder."""

    follow_links: bool = False
    """Whether to follow links that lead out of the dataset's folder."""

    def __post_init__(self) -> None:
        """Checks the delimiter; `\\t` and `tab` name a tab."""
        if self.delimiter in ("\\t", "tab"):
            object.__setattr__(self, "delimiter", "\t")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '\r\n"\0'):
            raise ConfigError(f"`delimiter` must be one character or `tab`, got {self.delimiter!r}")

    def updated(self, given: ReadOptions) -> ReadOptions:
        """These options, overridden by the given ones. Raises ConfigError if an audit's record needs `base_dir`,
        because the record only has the folder's name."""
        if self.base_dir and given.base_dir is None:
            raise ConfigError(f"the audit was made with `base_dir` {self.base_dir}: give the path of that folder")
        overrides = {option.name: getattr(given, option.name) for option in fields(given)}
        return replace(self, **{name: value for name, value in overrides.items() if value not in (None, False)})


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """What is looked for in each image. It decides the content of the evidence.

    Raises ConfigError for options that exclude each other.
    """

    detectors: tuple[str, ...] = field(
        default_factory=registry.default_detectors, metadata=_option("--detectors", is_list=True)
    )
    """The ids of the detectors that run, in the registry's order."""

    depth: Need = Need.PIXELS
    """How far images are opened: not at all (ROW), metadata alone (FILE), or decoded (PIXELS)."""

    limits: Limits = Limits()
    """Limits for one image."""

    read: ReadOptions = ReadOptions()
    """How inputs are read."""

    encoder: str | None = None
    """An open_clip model for the vectors: `local-dir:FOLDER`, `ARCHITECTURE:FILE.safetensors` or
    `open_clip:ARCHITECTURE/PRETRAINED`. None: the built-in encoder."""

    embeddings: str | None = None
    """The folder of precomputed vectors: clip-retrieval's img_emb and metadata, or DataComp's npz files."""

    embeddings_model: str | None = None
    """The model that made the precomputed vectors; of DataComp, the name of the array."""

    keep_vectors: bool = False
    """Whether to store a vector of each image even if no detector needs it."""

    indexes: tuple[str, ...] = field(default=(), metadata=_option("--index"))
    """Folders of reference indexes to match images with."""

    no_captions: bool = False
    """Whether to skip the search of captions for artefacts and prompts."""

    def __post_init__(self) -> None:
        """Checks for conflicts, adds the detectors that reference indexes need, and sorts the detectors."""
        if self.encoder and self.embeddings:
            raise ConfigError("`encoder` makes vectors and `embeddings` names precomputed ones: give only one of them")
        if self.embeddings_model and not self.embeddings:
            raise ConfigError("`embeddings_model` names the model of `embeddings`: give `embeddings` too")
        for name in ("detectors", "indexes"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(f"`{name}` must be a list of texts, got {getattr(self, name)!r:.40}")
        wanted = {*self.detectors, *(_REFERENCE_DETECTORS if self.indexes else ())}
        known = [id for id in registry.table("detectors") if id in wanted]
        object.__setattr__(self, "detectors", (*known, *sorted(wanted.difference(known))))


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """Which rows are examined. Raises ConfigError for options that exclude each other."""

    sample: int | None = None
    """The number of rows to decode, drawn at random; None: every row."""

    margin: float | None = None
    """Choose the number of rows for this sampling error, a fraction of 1 (0.01 is one percentage point)."""

    sample_files: bool = False
    """Whether to leave files outside the sample closed; otherwise their metadata are read."""

    sample_shards: int | None = None
    """The number of shards to read; the others are not opened. With a sample of rows or `fetch`, these rows are drawn
    from the shards that are read (two-stage sampling), and files of their other rows are not opened."""

    stratify: str | None = None
    """For "domain", a sample in proportion to the rows of each domain; None: a simple random sample."""

    fetch: int | None = None
    """The number of rows of a URL manifest to fetch and audit."""

    until_decided: bool = False
    """Whether to double the sample until the policy is decided, starting with `sample`; intervals are then valid at
    every look."""

    def __post_init__(self) -> None:
        """Checks for conflicts and impossible numbers; until_decided implies sample_files."""
        for name, least in (("sample", 1), ("sample_shards", 2), ("fetch", 1)):
            number = getattr(self, name)
            if number is not None and (type(number) is not int or number < least):
                raise ConfigError(f"`{name}` must be a whole number of at least {least}, got {number!r:.40}")
        if self.margin is not None and (type(self.margin) not in (int, float) or not 0 < self.margin <= _MAX_MARGIN):
            raise ConfigError(f"`margin` must be above 0 and at most {_MAX_MARGIN}, got {self.margin!r:.40}")
        if self.stratify not in (None, *STRATA):
            raise ConfigError(f"`stratify` must be {STRATA[0]} or left out, got {self.stratify!r:.40}")
        row_sample = self.margin or self.sample or self.until_decided or self.sample_files
        if self.sample_shards and self.until_decided:
            raise ConfigError("`until_decided` grows a sample of rows: leave out `sample_shards`")
        if self.stratify and (self.until_decided or not (self.margin or self.sample or self.fetch)):
            raise ConfigError("`stratify` needs a sample of fixed size: give `sample`, `margin` or `fetch`")
        if self.margin and self.sample:
            raise ConfigError("`margin` and `sample` both set the number of rows: give only one of them")
        if self.fetch and row_sample:
            raise ConfigError("`fetch` is a sample of its own: leave out the other sampling options")
        if self.until_decided and self.margin:
            raise ConfigError("`until_decided` chooses the number of rows itself: leave out `margin`")
        if self.sample_files and not (self.margin or self.sample or self.until_decided):
            raise ConfigError("`sample_files` needs a sample: give `sample` or `margin`")
        if self.until_decided:
            object.__setattr__(self, "sample_files", True)

    @property
    def is_full(self) -> bool:
        """Whether every row is examined in full."""
        return not (self.sample or self.margin or self.sample_shards or self.fetch or self.until_decided)

    @property
    def rows(self) -> int | None:
        """The size of a sample of rows; None without one."""
        return self.fetch or self.sample

    def depth_outside(self, depth: Need) -> Need:
        """How far rows outside the sample are opened, given the `depth` of the sample."""
        is_closed = self.fetch or self.sample_files or self.sample_shards
        return Need.ROW if is_closed else min(depth, Need.FILE)


@dataclass(frozen=True, slots=True)
class EstimateConfig:
    """What is concluded from the evidence.

    Raises ConfigError for unknown assumptions and for a reference without a year.
    """

    count_edited: bool = False
    """Whether images that were edited with a generator count as synthetic."""

    generators: str = "few"
    """A stated assumption: how many generators made the synthetic images, "few" or "many" (4 to 16)."""

    anchors: str | None = None
    """A stated assumption: "representative" if images of known origin (declared synthetic, camera settings) are like
    the others of their class."""

    calibration: str | None = None
    """The file with error rates from `auditor calibrate`; None: the built-in ones."""

    labels: str | None = None
    """The label file on which the estimate is based; None: it is based on the classifier."""

    reference: str | None = None
    """The images with which diversity is compared: a folder (reference index or audit), or `before:YEAR`."""

    human_captions: str | None = None
    """A file of human-written captions of the same kind as the dataset's, for a second lower bound."""

    def __post_init__(self) -> None:
        """Raises ConfigError for a reference that names no year, and for unknown assumptions."""
        if self.generators not in GENERATORS:
            raise ConfigError(f"`generators` must be one of {', '.join(GENERATORS)}, got {self.generators}")
        if self.anchors not in (None, *ANCHORS):
            raise ConfigError(f"`anchors` must be {ANCHORS[0]} or left out, got {self.anchors}")
        year = (self.reference or "").removeprefix(BEFORE)
        if (self.reference or "").startswith(BEFORE) and not (year.isascii() and year.isdigit() and len(year) == 4):
            raise ConfigError(f"`reference` must be a folder or like {BEFORE}2021, got {self.reference}")


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration. `Config.of` takes all options by name.

    Raises ConfigError for options that exclude each other.
    """

    scan: ScanConfig = field(default_factory=ScanConfig)
    """What is looked for in each image."""

    sampling: SamplingConfig = SamplingConfig()
    """Which rows are examined."""

    estimate: EstimateConfig = EstimateConfig()
    """What is concluded from the evidence."""

    seed: int = 0
    """The seed of all random draws, at least 0."""

    def __post_init__(self) -> None:
        """Checks for conflicts between the parts."""
        sampling = self.sampling
        if type(self.seed) is not int or self.seed < 0:
            raise ConfigError(f"`seed` must be a whole number of at least 0, got {self.seed!r:.40}")
        if self.scan.read.weight_col and not sampling.is_full:
            raise ConfigError(
                "`weight_col`: samples are drawn with equal probabilities; audit every row, or leave out `weight_col`"
            )
        if sampling.until_decided and self.estimate.labels:
            raise ConfigError("`until_decided` depends on the classifier's estimate: leave out `labels`")
        is_closed = sampling.sample_files or sampling.sample_shards
        if self.scan.depth < Need.PIXELS and (sampling.margin or sampling.sample) and not is_closed:
            raise ConfigError("`sample` limits decoding, and this `depth` decodes nothing: add `sample_files`")

    @classmethod
    def of(cls, **options: Any) -> Config:
        """A configuration from options of any part, by name: Config.of(depth="file", sample=100, max_bytes=1000).

        `limits` and `read` may also be given as a whole. Without `sample`, it is USUAL_SAMPLE where that makes sense
        (see usual_sample); "all" is every row, as on the command line. Raises ConfigError for unknown names and values,
        and for conflicts.
        """
        if options.get("sample") == "all":
            options["sample"] = None
        if isinstance(depth := options.get("depth"), str) and not isinstance(depth, Need):
            if depth not in DEPTHS:
                raise ConfigError(f"`depth` must be one of {', '.join(DEPTHS)}, got {depth!r:.40}")
            options["depth"] = DEPTHS[depth]
        scan = _take(ScanConfig, options)
        options.setdefault("sample", usual_sample(scan, options))
        parts = {"scan": scan, "sampling": _take(SamplingConfig, options), "estimate": _take(EstimateConfig, options)}
        seed = options.pop("seed", 0)
        if options:
            name = next(iter(options))
            similar = difflib.get_close_matches(name, OPTIONS, n=1)
            raise ConfigError(f"no option `{name}`{f'; did you mean `{similar[0]}`?' if similar else ''}")
        return cls(**parts, seed=seed)

    @property
    def options(self) -> Mapping[str, Any]:
        """Name → value of every option, of all parts."""
        return {option.name: value for option, value in _options(self)}

    @property
    def command_line(self) -> list[str]:
        """The arguments of `auditor scan` for this configuration: all options that differ from their defaults."""
        return [argument for option, value in self._chosen() for argument in _arguments(option, value)]

    @property
    def chosen(self) -> dict[str, Any]:
        """Name → value of all options that differ from their defaults: `Config.of(**chosen)` is this configuration."""
        return {option.name: "all" if value is None else value for option, value in self._chosen()}

    def _chosen(self) -> Iterator[tuple[Field[Any], Any]]:
        sampling = {option.name: getattr(self.sampling, option.name) for option in fields(self.sampling)}
        defaults = {"sample": usual_sample(self.scan, sampling)}
        for option, value in _options(self):
            if value != defaults.get(option.name, default(option)):
                yield option, value

    @property
    def portable(self) -> Config:
        """The configuration with file names instead of paths, so that it does not depend on the machine."""
        return self._with_paths(lambda path: PurePath(path).name)

    @property
    def located(self) -> Config:
        """The configuration with absolute paths, so that it does not depend on the current folder."""
        return self._with_paths(lambda path: path if "://" in path else os.path.abspath(path))

    @property
    def recorded(self) -> Any:
        """The configuration as plain values with absolute paths; None if the URL of a file may hold a password."""
        every = (value if isinstance(value, tuple) else (value,) for value in self.chosen.values())
        has_secret = any(may_hold_secret(item) for items in every for item in items if isinstance(item, str))
        return None if has_secret else plain(self.located)

    def _with_paths(self, of_path: Callable[[str], str]) -> Config:
        def changed(path: str | None) -> str | None:
            return path if path is None or path.startswith(BEFORE) else of_path(path)

        def changed_encoder(encoder: str | None) -> str | None:
            if encoder is None or encoder.startswith("open_clip:"):
                return encoder
            kind, _, path = encoder.partition(":")
            return f"{kind}:{of_path(path)}" if path else encoder

        scan, estimate = self.scan, self.estimate
        scan = replace(
            scan,
            read=replace(scan.read, base_dir=changed(scan.read.base_dir)),
            encoder=changed_encoder(scan.encoder),
            embeddings=changed(scan.embeddings),
            indexes=tuple(of_path(folder) for folder in scan.indexes),
        )
        estimate = replace(
            estimate,
            calibration=changed(estimate.calibration),
            labels=changed(estimate.labels),
            reference=changed(estimate.reference),
            human_captions=changed(estimate.human_captions),
        )
        return replace(self, scan=scan, estimate=estimate)


_PARTS = {"scan": ScanConfig, "sampling": SamplingConfig, "estimate": EstimateConfig}
_GROUPS = {"limits": Limits, "read": ReadOptions}


OPTIONS = tuple(
    option.name
    for part in (*_PARTS.values(), Config, *_GROUPS.values())
    for option in fields(part)
    if option.name not in (*_PARTS, *_GROUPS)
)


def usual_sample(scan: ScanConfig, sampling: Mapping[str, Any]) -> int | None:
    """The size of the sample if none is given; None for every row. sampling: the options of sampling, by name.

    Every row is examined if there is another sampling option, if rows have weights, if no detector encodes images
    (encoding takes most of the time), and if each image is to be matched with reference indexes or to get a vector.
    """
    is_sampled = any(sampling.get(name) for name in ("margin", "sample_shards", "fetch", "until_decided"))
    wants_all = scan.read.weight_col or scan.indexes or scan.keep_vectors
    return USUAL_SAMPLE if encodes(scan) and not is_sampled and not wants_all else None


def encodes(scan: ScanConfig) -> bool:
    """Whether images are decoded, and a detector needs the encoder."""
    needs = (registry.load("detectors", id).needs for id in scan.detectors)
    return scan.depth >= Need.PIXELS and any(need >= Need.EMBEDDING for need in needs)


def default(option: Field[Any]) -> Any:
    """The default value of an option."""
    return option.default_factory() if callable(option.default_factory) else option.default


def _take(kind: type[Any], options: dict[str, Any]) -> Any:
    """A part or group, made from its own options, which are removed from `options`."""
    own: dict[str, Any] = {}
    for field_ in fields(kind):
        if field_.name in options:
            own[field_.name] = options.pop(field_.name)
        elif field_.name in _GROUPS:
            own[field_.name] = _take(_GROUPS[field_.name], options)
    return kind(**own)


def _options(config: Config) -> Iterator[tuple[Field[Any], Any]]:
    """Every option with its value; groups are expanded."""
    for part in (config.scan, config.sampling, config.estimate, config):
        for option in fields(part):
            if option.name in _GROUPS:
                group = getattr(part, option.name)
                yield from ((inner, getattr(group, inner.name)) for inner in fields(group))
            elif option.name not in _PARTS:
                yield option, getattr(part, option.name)


def _arguments(option: Field[Any], value: Any) -> list[str]:
    name = option.metadata.get("option", option_of(option.name))
    if isinstance(value, bool):
        return [name] if value else []
    if isinstance(value, Need):
        return [f"{name}={value.name.lower()}"]
    if value is None:
        return [f"{name}=all"]  # the only option whose default may be a value other than None
    if option.metadata.get("is_list"):
        return [f"{name}={','.join(value)}"]
    return [f"{name}={item}" for item in (value if isinstance(value, tuple) else (value,))]


def may_hold_secret(place: str) -> bool:
    """Whether a path is a URL with a user's name, a password or a token."""
    return "://" in place and ("@" in urlsplit(place).netloc or "?" in place)


def without_sampling(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name, without those that say which rows are examined."""
    sampling = {option.name for option in fields(SamplingConfig)}
    return {name: value for name, value in options.items() if name not in sampling}


def option_of(name: str) -> str:
    """The command-line option of a field."""
    return f"--{name.replace('_', '-')}"
