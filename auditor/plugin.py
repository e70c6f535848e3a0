"""The contracts that plugins fill: Detector, Reader, Renderer, Engine; and DetectorResult, a detector's answer.

A plugin is one module with one public class and one line in registry.py. Its module docstring is its documentation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

import numpy as np

from auditor.config import ReadOptions
from auditor.results import Audit, DatasetTest, Decision
from auditor.types import Claim, Evidence, Need, Row, Sample, SignalOutcome, Tier, Unreadable

if TYPE_CHECKING:
    from auditor.images.view import View

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

CONTRADICTION = "contradiction"  # a group of examples: declared synthetic, with a camera's settings in the same file


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """A detector's answer for one image, made by one of the constructors. score: as in types.Signal."""

    outcome: SignalOutcome
    score: float | None = None
    reason: str = ""
    tier: Tier | None = None
    claim: Claim | None = None
    generator: str | None = None

    @classmethod
    def abstained(cls, reason: str) -> DetectorResult:
        """Could not look, and why."""
        return cls(SignalOutcome.ABSTAINED, reason=reason)

    @classmethod
    def failed(cls, error: Exception) -> DetectorResult:
        """The detector raised, which is a bug of its own; counted apart from abstentions."""
        return cls(SignalOutcome.FAILED, reason=crash_reason(error))

    @classmethod
    def negative(cls, reason: str = "") -> DetectorResult:
        """Looked and found nothing."""
        return cls(SignalOutcome.NEGATIVE, 0.0, reason)

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
        """Found something: how strong, what it says, and who is named."""
        return cls(SignalOutcome.HIT, score, reason, tier, claim, generator)

    @classmethod
    def scored(cls, score: float, reason: str, claim: Claim | None = None) -> DetectorResult:
        """A classifier's answer: the probability of being synthetic, and what the classifier claims by it, if
        anything. A hit where that is likely synthetic."""
        is_hit = claim is Claim.LIKELY_SYNTHETIC
        return cls(SignalOutcome.HIT if is_hit else SignalOutcome.NEGATIVE, score, reason, claim=claim)


def crash_reason(error: Exception) -> str:
    """The reason of a row or a signal that an unexpected exception cost, at most 200 characters."""
    return f"failed: {type(error).__name__}: {error}"[:200]


class Detector(ABC):
    """One kind of evidence. Knows nothing of thresholds for verdicts, of other detectors, or of reports."""

    id: ClassVar[str]
    evidence: ClassVar[Evidence]
    needs: ClassVar[Need]
    is_default: ClassVar[bool] = True

    @abstractmethod
    def look(self, view: View) -> DetectorResult:
        """One answer for one image. Everything in `needs` is there; Refused may come out of the view."""

    def read(self, views: Sequence[View]) -> list[DetectorResult]:
        """One answer a view, in order. Detectors that gain from batches override this."""
        return [self.look(view) for view in views]

    def check(self) -> None:  # noqa: B027  most have nothing to check
        """Raises AuditorError where it cannot work on this machine; asked once, before an audit begins."""

    def resources(self) -> tuple[str, ...]:
        """Paths of the data files that decide its answers; with the module's source they make its digest."""
        return ()


class AggregateDetector(Detector):
    """A detector that also tests a whole dataset, by a statistic too weak to decide any one image."""

    @abstractmethod
    def statistic(self, view: View) -> np.ndarray | None:
        """What one undecided image adds: a float64 vector of fixed length, or None where it could not look."""

    @abstractmethod
    def dataset_test(self, n: int, total: np.ndarray) -> tuple[DatasetTest, ...]:
        """The tests of the dataset, by the sum of the statistics of n images. Pure."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input: the folder it lies in, the name it goes by in the audit, and how to read it.

    only: the files below the folder that were named (one, or those of a pattern); empty: all of it.
    prefix: put before keys and images that are paths; not empty where several inputs are audited at once.
    """

    url: str
    name: str
    only: tuple[str, ...] = ()
    prefix: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True, slots=True)
class Shard:
    """The unit of work, of storage and of resuming: some rows of one input.

    id: stable file name of its evidence. file: what to read, below the input. start, stop: which rows, in the
    reader's own terms. rows: how many, where that is known unread. stamp: changes when the files below it do.
    reader: who reads it; a reader hands what is not of its kind to another.
    """

    id: str
    input: Input
    reader: str
    file: str = ""
    start: str | int = 0
    stop: str | int | None = None
    rows: int | None = None
    stamp: str = ""


class Reader(ABC):
    """One format of dataset."""

    id: ClassVar[str]

    @abstractmethod
    def accepts(self, input: Input) -> bool:
        """Whether this input is in this format, from names and headers alone."""

    @abstractmethod
    def shards(self, input: Input) -> Iterator[Shard]:
        """Cheap: names, counts and stamps, no images. Raises DatasetError for what is no dataset."""

    @abstractmethod
    def read(self, shard: Shard) -> Iterator[Sample | Unreadable]:
        """Every row of the shard, exactly once, in a stable order."""


class Renderer(ABC):
    """One output format. Pure: an audit and what was decided about it in, text or bytes out."""

    id: ClassVar[str]
    suffix: ClassVar[str]

    @abstractmethod
    def render(self, audit: Audit, decision: Decision) -> str:
        """The whole document."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that a report shows. group: the detector that it is an example of, or CONTRADICTION.

    thumbnail: a small WebP; without one no_thumbnail_reason says why.
    """

    row: Row
    group: str
    thumbnail: bytes | None = None
    no_thumbnail_reason: str = ""


class Shows(StrEnum):
    """Which rows a format shows."""

    GALLERY = "gallery"  # examples of each detector and verdict, with pictures
    DECIDED = "decided"  # what declared or matched evidence decides, the strongest first


class RowRenderer(Renderer):
    """An output format that shows some rows too, where they can be had."""

    shows: ClassVar[Shows]
    most: ClassVar[int]

    @abstractmethod
    def render_with(self, audit: Audit, decision: Decision, examples: Sequence[Example]) -> str:
        """The whole document, with at most `most` examples."""

    def render(self, audit: Audit, decision: Decision) -> str:
        """The document without any row."""
        return self.render_with(audit, decision, ())


class ShardTask(Protocol[R_co]):
    """What is done with a shard. Work, shards and results pickle; pixels never travel."""

    def __call__(self, shard: Shard) -> R_co:
        """The whole shard."""

    def with_crash_tracking(self) -> ShardTask[R_co]:
        """The same work, done so that `refusing` can tell what killed it."""

    def excluding_crash(self, shard: Shard, reason: str) -> ShardTask[R_co]:
        """The same work, without the row that killed a probing worker."""


class Engine(ABC):
    """How shards are spread over workers. Every engine gives the same results."""

    id: ClassVar[str]

    def __init__(self, workers: int) -> None:
        self.workers = workers

    @abstractmethod
    def run(self, shards: Iterable[Shard], work: ShardTask[R]) -> Iterator[R]:
        """work(shard) for each shard, in any order. An error in one ends the run; closing the iterator stops it."""
