"""Audits of datasets: whole, of a sample, of as many rows as a decision takes, merged."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.api.labels import labels_of
from auditor.api.records import OUTPUTS, PathLike, decide, policy_of, write
from auditor.assembling import calibration_of
from auditor.audit import Inputs, Listener, Silent, digests_of, make_engine, run_audit
from auditor.config import Config
from auditor.errors import AuditFileError
from auditor.gallery import thumbnails
from auditor.images.decode import Limits
from auditor.plugin import ReadOptions
from auditor.policy import Policy
from auditor.results import Audit
from auditor.types import Row

if TYPE_CHECKING:
    from auditor.fetching.fetches import Fetcher
    from auditor.sampling.stopping import Stop


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
    """Audit no more rows than the policy takes to be decided, in samples that double; config.sample is the first one.

    Files beyond the sample are not opened. The audit is that of the last sample, written like that of `scan`. Raises
    AuditorError.
    """
    from auditor.sampling import stopping

    chosen, folder = policy_of(policy), Path(out)
    growing = replace(config or Config(), is_sequential=True, is_bounding_files=True)
    workers, anew = make_engine(jobs, engine), iter((restart,))

    def audit_of(rows: int) -> Audit:
        bounded = replace(growing, sample=rows)
        return run_audit(
            inputs,
            folder,
            bounded,
            workers,
            restart=next(anew, False),
            examples=min(examples, thumbnails.MOST),
            listener=listener,
        )

    stop = stopping.until_decided(
        audit_of,
        lambda audit: decide(audit, chosen, baseline=baseline, audited=_today()),
        first=growing.sample or stopping.FIRST,
    )
    write(stop.audit, decide(stop.audit, chosen, baseline=baseline, audited=_today()), folder, (*OUTPUTS, *also))
    return stop


def rows_for(margin: float, config: Config | None = None) -> int:
    """How many rows to sample (Config.sample) so that chance moves the estimate by `margin` (a share of 1) at most; see
    auditor.sampling.expecting. Raises ValueError, CalibrationError."""
    from auditor.sampling import expecting

    chosen = config or Config()
    return expecting.required_sample_size(margin, calibration_of(chosen.record(), chosen.calibration))


def is_same_dataset(
    audit: Audit, dataset: Inputs, *, read: ReadOptions = ReadOptions(), jobs: int | None = None
) -> bool:
    """Whether a dataset is still the audited one, byte for byte; read in full, decoded not at all. Of an audit of some
    shards: those are read, and all shards' names. Raises AuditFileError for an audit that does not say what it was made
    with."""
    from auditor.audit import DEPTHS

    if missing := [name for name in ("depth", "limits", "input_format") if name not in audit.config]:
        raise AuditFileError(f"the audit does not say its {missing[0]}: scan again")
    if "dataset" not in audit.digests:
        raise AuditFileError("the audit holds no digest of its dataset: scan again")
    depth = DEPTHS[str(audit.config["depth"])]
    limits = Limits(**audit.config["limits"])
    config = Config(
        depth=depth,
        limits=limits,
        read=read,
        input_format=audit.config["input_format"],
        seed=audit.seed,
        sample=audit.config.get("sample"),
        is_bounding_files=bool(audit.config.get("sample_files")),
        is_sequential=bool(audit.config.get("sequential")),
        fetch=audit.config.get("fetch"),
        stratify=audit.config.get("stratify"),
        sample_shards=audit.config.get("sample_shards"),
    )
    return digests_of(dataset, config, make_engine(jobs)) == dict(audit.digests)


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
    from auditor.similarity.reference import parse

    answers = labels_of(labels) if labels else []
    held = parse(str(reference)) if reference else None
    audit = merge_evidence([Path(folder) for folder in folders], Path(out), answers, held)
    write(audit, decide(audit, policy, baseline=baseline, audited=_today()), Path(out))
    return audit


def examine(path: PathLike, *, read: ReadOptions = ReadOptions()) -> Row:
    """Every signal of one image file. Raises NoSuchInput."""
    from auditor.readers import listing
    from auditor.readers.folder import sample
    from auditor.work import examined

    input = listing.parse(path, read)
    return examined(sample(input, input.only[0] if input.only else ""))


def _today() -> datetime.date:
    """The day of an audit that is made now."""
    return datetime.date.today()
