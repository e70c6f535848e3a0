"""Keep-lists: which rows to train on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from auditor.api.decisions import PathLike, audit_path, load, policy_of
from auditor.config import ReadOptions
from auditor.decision import MadStatus
from auditor.errors import FilterError
from auditor.policy.policy import Policy
from auditor.readers import Inputs

if TYPE_CHECKING:
    from auditor.annotation.votes import Votes
    from auditor.evidence_store.store import Part
    from auditor.filtering.selection import KeepList


def keep_list(
    out: PathLike,
    *,
    drop: str = "decided",
    drop_sources: Collection[str] = (),
    labels: PathLike | None = None,
    target: float | None = None,
) -> KeepList:
    """The keep-list of an audit (auditor.filtering.selection); write_keep_list writes it. labels: a label file; images
    that all annotators labelled synthetic are removed. Raises FilterError, LabelError, and EvidenceError if the
    evidence is damaged or does not match audit.json, as after an interrupted scan."""
    from auditor.aggregate.build import full_coverage_detectors
    from auditor.aggregate.posteriors import counting_rows
    from auditor.evidence_store.complete import complete_parts
    from auditor.filtering import selection

    audit = load(out)
    parts = complete_parts(audit_path(out).parent, audit)
    tables = [pq.read_table(part.path, columns=list(selection.COLUMNS)) for part in parts]
    return selection.keep_list(
        pa.concat_tables(tables),
        audit,
        full_coverage_detectors(audit.config),
        drop=drop,
        drop_sources=drop_sources,
        labels=_votes(Path(labels), parts) if labels else {},
        target=target,
        counted_by=counting_rows(audit, [part.path for part in parts]),
    )


def _votes(path: Path, parts: Sequence[Part]) -> dict[str, Votes]:
    """The votes for each labelled key. Raises LabelError for labels of rows that the audit does not have, and of images
    that have changed since."""
    from auditor.annotation.file import read
    from auditor.annotation.tally import grouped_by_key, refuse_others
    from auditor.annotation.votes import Votes

    annotations = read(path)
    table = pa.concat_tables(pq.read_table(part.path, columns=["key", "sha256"]) for part in parts)
    known = table.filter(pc.is_in(table["key"], pa.array([each.key for each in annotations], pa.string())))
    images: dict[str, set[str | None]] = {}
    for key, sha256 in zip(known["key"].to_pylist(), known["sha256"].to_pylist(), strict=True):
        images.setdefault(key, set()).add(sha256)
    refuse_others(annotations, images)
    return {key: Votes.of(given) for key, given in grouped_by_key(annotations).items()}


def write_keep_list(kept: KeepList, path: PathLike, format: str | None = None) -> None:
    """Writes a keep-list as parquet, text or DataComp's npy; by the suffix if no format is given. Raises
    FilterError."""
    from auditor.filtering import keep_lists

    keep_lists.write(kept.rows, Path(path), format)


def write_filtered_tars(kept: KeepList, dataset: Inputs, out: PathLike, *, read: ReadOptions = ReadOptions()) -> int:
    """Writes the dataset's tars with only the kept images; returns their number. The dataset is read twice: first to
    check that it is the audited one. Raises FilterError."""
    from auditor.api.audits import is_same_dataset
    from auditor.filtering.keep_lists import refuse_ambiguous
    from auditor.filtering.tars import write_tars
    from auditor.readers import choose

    refuse_ambiguous(kept.rows, "image")
    if not is_same_dataset(kept.audit, dataset, read=read, engine="serial"):
        raise FilterError(
            "the dataset is not the audited one, or has changed since: give it as it was audited, or scan it again"
        )
    shards = [shard for input, reader in choose(dataset, read) for shard in reader.shards(input)]
    return write_tars(shards, set(kept.rows.image[kept.rows.keep]), Path(out))


def status_after(kept: KeepList, policy: Policy | PathLike | None = None) -> MadStatus | None:
    """The MAD status of the kept rows under a policy; None without an estimate."""
    from auditor.mad import criteria

    if kept.after is None:
        return None
    return criteria.status(kept.after, 0.0, kept.left, policy_of(policy).mad)
