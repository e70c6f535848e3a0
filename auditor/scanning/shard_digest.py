"""The digest of a shard's rows, computed without decoding: to find out whether a dataset has changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auditor import readers
from auditor.config import Limits
from auditor.evidence_store.content_digest import ContentDigest
from auditor.plugin import Shard, ShardTask
from auditor.readers.row_columns import RowBatch
from auditor.sampling.rows import SamplePlan
from auditor.scanning.detect import row_from_unreadable, unreadable, view_of
from auditor.types import Covariates, Need, Row, Sample, Unreadable


@dataclass(frozen=True, slots=True)
class PartResult:
    """The result for a shard: its number of rows, and the digest of what the dataset says in them."""

    shard: str
    rows: int
    digest: str


@dataclass(frozen=True)
class ShardDigest(ShardTask[PartResult]):
    """Task: the digest of a shard, as its part has it."""

    depth: Need
    limits: Limits
    sample_plan: SamplePlan | None = None

    def __call__(self, shard: Shard) -> PartResult:
        """The digest of the whole shard."""
        columns = readers.read_columns(shard)
        if columns is not None:
            content, rows = content_of_columns(columns)
            return PartResult(shard.id, rows, content.hexdigest())
        content, rows = ContentDigest(), 0
        for item in readers.read(shard):
            content.add_rows([self._row(item)])
            rows += 1
        return PartResult(shard.id, rows, content.hexdigest())

    def _row(self, item: Sample | Unreadable) -> Row:
        if isinstance(item, Unreadable):
            return row_from_unreadable(item, self.sample_plan)
        view = view_of(item, self.limits, self.depth, self.sample_plan)
        return unreadable(view, "") if view.is_opened else replace(unreadable(view, ""), covariates=Covariates())


def content_of_columns(batches: Iterable[RowBatch | Unreadable]) -> tuple[ContentDigest, int]:
    """The digest of rows that a reader gives as columns, and their number."""
    content, rows = ContentDigest(), 0
    for batch in batches:
        if isinstance(batch, Unreadable):
            content.add_rows([row_from_unreadable(batch)])
            rows += 1
        else:
            content.add_columns(batch.table)
            rows += batch.number_of_items
    return content, rows
