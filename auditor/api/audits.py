"""Audits of datasets: whole, of a sample, of as many rows as a decision takes, merged."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.records import OUTPUTS, PathLike, decide, policy_of, write
from auditor.audit import Listener, Silent, digests_of_data, make_engine, run_audit
from auditor.config import Config, EstimateConfig, ReadOptions
from auditor.gallery import thumbnails
from auditor.policy.policy import Policy
from auditor.readers import Inputs
from auditor.resources import Resources
from auditor.results import Audit
from auditor.types import Row

if TYPE_CHECKING:
    from auditor.fetching.fetcher import Fetcher
    from auditor.sampling.sequential import Stop


def scan(
    inputs: Inputs,
    *,
    out: PathLike | None = None,
    policy: Policy | PathLike | None = None,
    config: Config | None = None,
    baseline: Audit | PathLike | None = None,
    jobs: int | None = None,
    engine: str = "processes",
    restart: bool = False,
    examples: int = thumbnails.USUAL,
    also: Iterable[str] = (),
    listener: Listener = Silent(),
    fetcher: Fetcher | None = None,
) -> Audit:
    """Audit a dataset: a folder, a table, tars, or several of those.

    With `out` the evidence is kept there and the run can be resumed, and audit.json, report.html and summary.md are
    written with what `policy` decides, and the formats `also` asked for; without it only the audit is returned.
    examples: rows that the report shows with small pictures, at most 1,000. With the `processes` engine the calling
    script needs the usual `if __name__ == "__main__":`. fetcher: brings what config.fetch asks for. Raises
    AuditorError.
    """
    chosen = policy_of(policy)
    if out is None:
        with tempfile.TemporaryDirectory(prefix="auditor-") as passing:
            return run_audit(
                inputs, Path(passing), config or Config(), make_engine(jobs, engine), listener=listener, fetcher=fetcher
            )
    folder = Path(out)
    audit = run_audit(
        inputs,
        folder,
        config or Config(),
        make_engine(jobs, engine),
        restart=restart,
        examples=min(examples, thumbnails.MOST),
        listener=listener,
        fetcher=fetcher,
    )
    write(audit, decide(audit, chosen, baseline=baseline, audited=_today()), folder, (*OUTPUTS, *also))
    return audit


def scan_until_decided(
    inputs: Inputs,
    *,
    out: PathLike,
    policy: Policy | PathLike | None = None,
    config: Config | None = None,
    baseline: Audit | PathLike | None = None,
    jobs: int | None = None,
    engine: str = "processes",
    restart: bool = False,
    examples: int = thumbnails.USUAL,
    also: Iterable[str] = (),
    listener: Listener = Silent(),
) -> Stop:
    """Audit no more rows than the policy takes to be decided, in samples that double; the option `sample` is the first.

    Files beyond the sample are not opened. The audit is that of the last sample, written like that of `scan`. Raises
    AuditorError.
    """
    from auditor.sampling import sequential

    chosen, folder = policy_of(policy), Path(out)
    given = config or Config()
    growing = replace(given, sampling=replace(given.sampling, until_decided=True))
    workers, anew = make_engine(jobs, engine), iter((restart,))

    def audit_of(rows: int) -> Audit:
        bounded = replace(growing, sampling=replace(growing.sampling, sample=rows))
        return run_audit(
            inputs,
            folder,
            bounded,
            workers,
            restart=next(anew, False),
            examples=min(examples, thumbnails.MOST),
            listener=listener,
        )

    stop = sequential.until_decided(
        audit_of,
        lambda audit: decide(audit, chosen, baseline=baseline, audited=_today()),
        first=growing.sampling.sample or sequential.FIRST,
    )
    write(stop.audit, decide(stop.audit, chosen, baseline=baseline, audited=_today()), folder, (*OUTPUTS, *also))
    return stop


def required_sample_size(margin: float, config: Config | None = None) -> int:
    """How many rows to sample so that the sampling error of the estimate is `margin` (a share of 1) at most; see
    auditor.sampling.planning. Raises ValueError, CalibrationError."""
    from auditor.sampling import planning

    return planning.required_sample_size(margin, Resources.load(config or Config()).counted_calibration)


def is_same_dataset(
    audit: Audit, dataset: Inputs, *, read: ReadOptions = ReadOptions(), jobs: int | None = None
) -> bool:
    """Whether a dataset is still the audited one, byte for byte; read in full, decoded not at all. Of an audit of some
    shards: those are read, and all shards' names. read: where it differs from how the audit read it. Raises
    ConfigError where the audit needs a `base_dir`."""
    config = replace(audit.config, scan=replace(audit.config.scan, read=audit.config.scan.read.updated(read)))
    return digests_of_data(dataset, config, make_engine(jobs)) == audit.digests.of_data


def merge(
    folders: Sequence[PathLike],
    out: PathLike,
    policy: Policy | PathLike | None = None,
    *,
    labels: PathLike | None = None,
    baseline: Audit | PathLike | None = None,
    reference: PathLike | None = None,
) -> Audit:
    """One audit from evidence that was gathered apart, say on several machines. reference: what the diversity is held
    against, a folder or `before:YEAR`. Raises EvidenceError where the parts were made differently, overlap, or are
    samples; LabelError where the labels are of other rows; IndexFileError for a reference of another encoder."""
    from auditor.merging import merge_evidence

    given = EstimateConfig(
        labels=os.fspath(labels) if labels else None, reference=os.fspath(reference) if reference else None
    )
    audit = merge_evidence([Path(folder) for folder in folders], Path(out), given)
    write(audit, decide(audit, policy, baseline=baseline, audited=_today()), Path(out))
    return audit


def examine(path: PathLike, *, read: ReadOptions = ReadOptions()) -> Row:
    """Every signal of one image file. Raises NoSuchInput."""
    from auditor.readers import listing
    from auditor.readers.folder import sample
    from auditor.scanning.shard_scan import examined

    input = listing.parse(path, read)
    return examined(sample(input, input.only[0] if input.only else ""))


def _today() -> datetime.date:
    """The day of an audit that is made now."""
    return datetime.date.today()
