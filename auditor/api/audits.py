"""Audits of datasets: complete, sampled, sequential until a decision, or merged."""

from __future__ import annotations

import datetime
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.decisions import OUTPUTS, PathLike, continued_policy, day_of, decide, opened, policy_of
from auditor.api.records import write
from auditor.audit import Listener, Silent, digests_of_data, make_engine, recorded_config, run_audit
from auditor.config import USUAL_SAMPLE, Config, EstimateConfig, ReadOptions
from auditor.decision import Decision
from auditor.errors import ConfigError
from auditor.gallery import thumbnails
from auditor.plugin import Engine
from auditor.policy.policy import Policy
from auditor.readers import Inputs
from auditor.resources import Resources
from auditor.results import Audit
from auditor.storage import output_folder
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
    engine: str | Engine = "processes",
    restart: bool = False,
    examples: int = thumbnails.USUAL,
    also: Iterable[str] = (),
    listener: Listener | None = None,
    fetcher: Fetcher | None = None,
) -> Audit:
    """Audit a dataset: a folder, a table, tars, or several of those. Without any, continue the audit in `out`: with its
    dataset and, where they are not given, its configuration and its policy.

    With `out`, evidence is kept there, the run can be resumed, and audit.json, report.html, summary.md (with the
    decision of `policy`) and the formats of `also` are written. restart: replace the audit in `out`, and try again to
    fetch what failed for a transient reason. examples: rows that the report shows, at most 1,000. listener:
    receives the progress (default: shown where somebody watches, on a terminal or in a notebook; Silent() shows
    nothing). Raises AuditorError.
    """
    workers = make_engine(jobs, engine)
    if out is None:
        policy_of(policy)  # a bad one is refused, although nothing is written
        with tempfile.TemporaryDirectory(prefix="auditor-") as temporary, _active_listener(listener) as active:
            return run_audit(inputs, Path(temporary), _of_one_sample(config), workers, listener=active, fetcher=fetcher)
    with output_folder.opened(out) as folder, _active_listener(listener) as active:
        chosen_policy, chosen = _continued(inputs, folder.path, policy, config)
        audit = run_audit(
            inputs,
            folder,
            _of_one_sample(chosen),
            workers,
            restart=restart,
            examples=min(examples, thumbnails.MOST),
            listener=active,
            fetcher=fetcher,
        )
        decision = decide(audit, chosen_policy, baseline=baseline, audited=_today())
        write(audit, decision, folder.path, (*OUTPUTS, *also), folder=os.fspath(out))
    return audit


def scan_until_decided(
    inputs: Inputs,
    *,
    out: PathLike,
    policy: Policy | PathLike | None = None,
    config: Config | None = None,
    baseline: Audit | PathLike | None = None,
    jobs: int | None = None,
    engine: str | Engine = "processes",
    restart: bool = False,
    examples: int = thumbnails.USUAL,
    also: Iterable[str] = (),
    listener: Listener | None = None,
) -> Stop:
    """Audit samples of doubling size until the policy can be decided; the first size is the option `sample`.

    Unsampled files are not opened. The result has the audit of the last sample, written as by `scan`. listener: as in
    `scan`. Raises AuditorError.
    """
    from auditor.sampling import sequential

    workers, restarts = make_engine(jobs, engine), iter((restart,))

    def decision_of(audit: Audit) -> Decision:
        return decide(audit, chosen_policy, baseline=baseline, audited=_today())

    with output_folder.opened(out) as folder, _active_listener(listener) as active:
        chosen_policy, chosen = _continued(inputs, folder.path, policy, config)
        sequential_config = _sequential(chosen)

        def audit_of(rows: int) -> Audit:
            sampled = replace(sequential_config, sampling=replace(sequential_config.sampling, sample=rows))
            shown, restarts_now = min(examples, thumbnails.MOST), next(restarts, False)
            return run_audit(inputs, folder, sampled, workers, restart=restarts_now, examples=shown, listener=active)

        first = sequential_config.sampling.sample or sequential.FIRST
        stop = sequential.until_decided(audit_of, decision_of, first=first)
        write(stop.audit, decision_of(stop.audit), folder.path, (*OUTPUTS, *also), folder=os.fspath(out))
    return stop


def _continued(
    inputs: Inputs, folder: Path, policy: Policy | PathLike | None, config: Config | None
) -> tuple[Policy, Config]:
    """The policy and the configuration of a scan: the given ones; without inputs, otherwise those of the audit in the
    folder. Raises ConfigError unless it is a Config."""
    if config is not None and not isinstance(config, Config):
        raise ConfigError(f"`config` must be made with Config.of(…), got {type(config).__name__}")
    if inputs:
        return policy_of(policy), config or Config.of()
    return continued_policy(folder) if policy is None else policy_of(policy), config or recorded_config(folder)


@contextmanager
def _active_listener(listener: Listener | None) -> Iterator[Listener]:
    """The given listener; by default progress where somebody watches it, and nothing in other programs."""
    if listener is not None or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        yield listener or Silent()
        return
    from auditor.progress.progress import Progress

    with Progress(quiet=False) as progress:
        yield progress


def _of_one_sample(config: Config | None) -> Config:
    """The configuration, or the default one. Raises ConfigError for one of sequential sampling."""
    if config and config.sampling.until_decided:
        raise ConfigError("`until_decided` needs several samples: use scan_until_decided")
    return config or Config.of()


def _sequential(config: Config) -> Config:
    """The configuration of sequential sampling; the usual size of a sample is not its first size."""
    first = None if config.sampling.sample == USUAL_SAMPLE else config.sampling.sample
    return replace(config, sampling=replace(config.sampling, sample=first, until_decided=True))


def required_sample_size(margin: float, config: Config | None = None) -> int:
    """The number of rows to sample for a sampling error of the estimate of at most `margin` (a fraction of 1); see
    auditor.sampling.planning. Raises ValueError, CalibrationError."""
    from auditor.sampling import planning

    return planning.required_sample_size(margin, Resources.load(config or Config.of()).counted_calibration)


def is_same_dataset(
    audit: Audit | PathLike,
    dataset: Inputs,
    *,
    read: ReadOptions = ReadOptions(),
    jobs: int | None = None,
    engine: str | Engine = "processes",
) -> bool:
    """Whether a dataset is still the audited one, byte for byte. It is read in full, but not decoded; if the audit read
    a sample of shards, only those shards and all shards' names are read. read: options that differ from the audit's.
    Raises ConfigError if the audit needs a `base_dir`."""
    audit = opened(audit)
    config = replace(audit.config, scan=replace(audit.config.scan, read=audit.config.scan.read.updated(read)))
    return digests_of_data(dataset, config, make_engine(jobs, engine)) == audit.digests.of_data


def merge(
    folders: Sequence[PathLike],
    out: PathLike,
    policy: Policy | PathLike | None = None,
    *,
    labels: PathLike | None = None,
    baseline: Audit | PathLike | None = None,
    reference: PathLike | None = None,
    restart: bool = False,
) -> Audit:
    """Merges audits that were made separately, for example on several machines. reference: the reference for diversity,
    a folder or `before:YEAR`. restart: replace what `out` holds; without it, only the same merge may be there. Raises
    EvidenceError if the audits have different configurations, overlap, are samples or are damaged, and if `out` holds
    something else; LabelError if the labels are of other rows; IndexFileError for a reference of another encoder."""
    from auditor.merging import merge_evidence

    options = EstimateConfig(
        labels=os.fspath(labels) if labels else None, reference=os.fspath(reference) if reference else None
    )
    with output_folder.opened(out) as folder:
        named = [folders] if isinstance(folders, str | os.PathLike) else folders
        audit = merge_evidence([Path(each) for each in named], folder.path, options, restart=restart)
        decision = decide(audit, policy, baseline=baseline, audited=day_of(folder.path))
        write(audit, decision, folder.path, folder=os.fspath(out))
    return audit


def examine(path: PathLike, *, read: ReadOptions = ReadOptions()) -> Row:
    """Every signal of one image file. Raises NoSuchInput."""
    from auditor.readers import listing
    from auditor.readers.folder import sample
    from auditor.scanning.shard_scan import examined

    input = listing.parse(path, read)
    return examined(sample(input, input.only[0] if input.only else ""))


def _today() -> datetime.date:
    """The day of an audit made now."""
    return datetime.date.today()
