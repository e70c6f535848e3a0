"""The interfaces that plugins implement: Detector, Reader, Renderer and Engine, and the values that they exchange.

A plugin is one module with one public class and one line in registry.py. Its module docstring is its documentation.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np

from auditor.config import ReadOptions
from auditor.decision import Decision
from auditor.images.view import View
from auditor.results import Audit, DatasetTest
from auditor.row_columns import RowColumns
from auditor.types import Claim, Evidence, Need, Row, Sample, SignalOutcome, Tier, Unreadable

if TYPE_CHECKING:
    from auditor.readers.row_columns import RowBatch

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

CONTRADICTION = "contradiction"  # a group of examples: declared synthetic, with a camera's settings in the same file
SUSPICIOUS = "suspicious"  # a group of examples: the most suspicious ones, with larger thumbnails


def of_subgroup(by: str, value: str) -> str:
    """The name of the group of examples of a suspicious subgroup."""
    return f"{SUSPICIOUS} {by}: {value}"


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """A detector's result for one image. Use the class methods to make one. score: as in types.Signal."""

    outcome: SignalOutcome
    score: float | None = None
    reason: str = ""
    tier: Tier | None = None
    claim: Claim | None = None
    generator: str | None = None

    @classmethod
    def abstained(cls, reason: str) -> DetectorResult:
        """The detector could not examine the image, for this reason."""
        return cls(SignalOutcome.ABSTAINED, reason=reason)

    @classmethod
    def failed(cls, error: Exception) -> DetectorResult:
        """The detector raised, which is a bug in it; failures are counted apart from abstentions."""
        return cls(SignalOutcome.FAILED, reason=crash_reason(error))

    @classmethod
    def negative(cls, reason: str = "") -> DetectorResult:
        """The detector examined the image and found nothing."""
        return cls(SignalOutcome.NEGATIVE, 0.0, reason)

    @classmethod
    def absent(cls, unread: str | None, reason: str = "") -> DetectorResult:
        """Nothing was found: a negative, or an abstention if a part of the file could not be read."""
        return cls.negative(reason) if unread is None else cls.abstained(unread)

    @classmethod
    def hit(
        cls,
        tier: Tier,
        reason: str,
        *,
        generator: str | None = None,
        claim: Claim = Claim.SYNTHETIC,
        score: float = 1.0,
    ) -> DetectorResult:
        """The detector found something: its strength, its claim, and the generator that it names."""
        return cls(SignalOutcome.HIT, score, reason, tier, claim, generator)

    @classmethod
    def scored(cls, score: float, reason: str, claim: Claim | None = None) -> DetectorResult:
        """A classifier's result: the probability of being synthetic, and the claim that follows from it, if any.

        The outcome is a hit if the claim is *likely synthetic*.
        """
        is_hit = claim is Claim.LIKELY_SYNTHETIC
        return cls(SignalOutcome.HIT if is_hit else SignalOutcome.NEGATIVE, score, reason, claim=claim)


def crash_reason(error: Exception) -> str:
    """The reason given for a row or signal that was lost to an unexpected exception: at most 200 characters."""
    return f"failed: {type(error).__name__}: {error}"[:200]


class Detector(ABC):
    """One kind of evidence. A detector is independent of other detectors, of verdicts and of reports."""

    id: ClassVar[str]
    evidence: ClassVar[Evidence]
    needs: ClassVar[Need]
    is_default: ClassVar[bool] = True

    @abstractmethod
    def look(self, view: View) -> DetectorResult:
        """The result for one image. The view provides all that `needs` asks for; it may raise SampleError."""

    def read(self, views: Sequence[View]) -> list[DetectorResult]:
        """One result per view, in order. Detectors that gain from batches override this."""
        return [self.look(view) for view in views]

    def alike(self, columns: RowColumns) -> np.ndarray:
        """For a detector that needs rows only: a number for each row; rows of the same number have the same result.
        int64 (rows,). Detectors that search columns at once override this."""
        return np.arange(len(columns))

    def check(self) -> None:  # noqa: B027  most have nothing to check
        """Raises AuditorError if the detector cannot work on this machine; called once, before an audit begins."""

    def resources(self) -> tuple[str, ...]:
        """Paths of the data files that decide the results; with the module's source they make the detector's digest."""
        return ()


class AggregateDetector(Detector):
    """A detector that also tests a whole dataset, with a statistic that is too weak to decide single images."""

    @abstractmethod
    def statistic(self, view: View) -> np.ndarray | None:
        """One undecided image's contribution: a float64 vector of fixed length, or None if it cannot be examined."""

    @abstractmethod
    def dataset_test(self, n: int, total: np.ndarray) -> tuple[DatasetTest, ...]:
        """The tests of the dataset, from the sum of the statistics of n images. Pure."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its folder, its name in the audit, and how to read it.

    only: the files below the folder that were named (one file, or those of a pattern); empty: the whole folder.
    prefix: is put before keys and images that are paths; not empty if several inputs are audited at once.
    """

    url: str
    name: str
    only: tuple[str, ...] = ()
    prefix: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True, slots=True)
class Shard:
    """The unit of work, of storage and of resuming: some rows of one input.

    id: stable file name of its evidence. file: the file to read, below the input. start, stop: the range of rows, in
    the reader's own units. rows: their number, if it is known without reading. version: changes when the files change.
    reader: id of the reader that reads it, which may differ from the one that listed it. has_images: False if its rows
    name URLs alone.
    """

    id: str
    input: Input
    reader: str
    file: str = ""
    start: str | int = 0
    stop: str | int | None = None
    rows: int | None = None
    version: str = ""
    has_images: bool = True


class Reader(ABC):
    """One format of dataset."""

    id: ClassVar[str]

    @abstractmethod
    def accepts(self, input: Input) -> bool:
        """Whether this input is in this format, from names and headers alone."""

    @abstractmethod
    def shards(self, input: Input) -> Iterator[Shard]:
        """The shards, found without opening images. Raises DatasetError if the input is not a dataset."""

    def takes(self, input: Input, name: str, shards: Set[str], *, is_image: bool) -> bool:
        """Whether a file below an input is read. shards: the files of its shards; the images beside them are rows too,
        unless the reader overrides this."""
        return is_image or name in shards

    @abstractmethod
    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """Every row of the shard, exactly once, in a stable order."""

    def read_columns(self, shard: Shard) -> Iterator[RowBatch | Unreadable] | None:
        """The same rows as columns; None if the reader cannot read the shard so."""
        return None


class Renderer(ABC):
    """One output format: a pure function from an audit and its decision to text. folder: of the audit, as commands in
    the text name it."""

    id: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The whole document."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that a report shows. group: the detector that it is an example of, or CONTRADICTION.

    thumbnail: a small WebP; if there is none, no_thumbnail_reason says why.
    """

    row: Row
    group: str
    thumbnail: bytes | None = None
    no_thumbnail_reason: str = ""


class Shows(StrEnum):
    """Which rows a format shows."""

    GALLERY = "gallery"  # examples of each detector and verdict, with thumbnails
    DECIDED = "decided"  # rows decided by declared or matched evidence, the strongest first


class RowRenderer(Renderer):
    """An output format that also shows some rows, if they are available."""

    shows: ClassVar[Shows]
    most: ClassVar[int]

    @abstractmethod
    def render_with(self, audit: Audit, decision: Decision, examples: Sequence[Example], folder: str = "audit") -> str:
        """The whole document, with at most `most` examples."""

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The document without any row."""
        return self.render_with(audit, decision, (), folder)


class ShardTask(ABC, Generic[R_co]):
    """What a worker does with a shard. Tasks, shards and results are picklable; pixels stay in the worker.

    A task that decodes images overrides the other two methods, so that a crash costs one row and not the run.
    """

    @abstractmethod
    def __call__(self, shard: Shard) -> R_co:
        """The result for the whole shard."""

    @property
    def uses_gpu(self) -> bool:
        """Whether it uses a GPU where there is one."""
        return False

    def with_crash_tracking(self) -> ShardTask[R_co]:
        """The same task, which also records the row in progress, so that `excluding_crash` can find it."""
        return self

    def excluding_crash(self, shard: Shard, reason: str) -> ShardTask[R_co]:
        """The same task without the row that crashed a worker with crash tracking."""
        return self


class Engine(ABC):
    """How shards are spread over workers. Every engine gives the same results. workers: their number; the engine's own
    choice by default."""

    id: ClassVar[str]
    can_reserve: ClassVar[bool] = False  # whether it takes num_cpus and num_gpus, which a worker reserves

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1

    @abstractmethod
    def run(self, shards: Iterable[Shard], task: ShardTask[R]) -> Iterator[R]:
        """task(shard) for each shard, in any order. An error ends the run; closing the iterator stops it."""
