"""The next steps that a report suggests, and the command that repeats the audit."""

from __future__ import annotations

import shlex

from auditor import sentences
from auditor.decision import Decision, Outcome
from auditor.results import Audit
from auditor.safe_text import safe_text
from auditor.types import Evidence
from reports import phrases

_MAX_STEPS = 4  # steps on the first screen
_MIN_COVERAGE = 0.5  # share of rows below which metadata coverage is low
_MAX_WIDTH = 0.2  # width above which an interval is wide


def steps(audit: Audit, decision: Decision) -> list[tuple[str, str | None]]:
    """What to do, most pressing first: a sentence, and a command where there is one."""
    suggested: list[tuple[str, str | None]] = []
    if decision.mad and decision.mad.advice:
        suggested.append((f"{decision.mad.advice}.", None))
    if decision.outcome is Outcome.PASS:
        gate = "auditor gate AUDIT --dataset DATASET && python train.py"
        suggested.append(("Gate training on this decision; the gate fails if the dataset has changed.", gate))
    if decision.outcome is Outcome.FAIL:
        suggested += _without_sources(audit)
        keep = "auditor filter AUDIT --target 0.05 --out keep.parquet"
        text = "Write a keep-list that brings the dataset below a target; it says how many real images that removes."
        suggested.append((text, keep))
    if audit.estimate and any(control.is_shift for control in audit.estimate.controls):
        own = "auditor calibrate --real FOLDER --synthetic FOLDER"
        text = "The classifier's error rates differ from its calibration here: calibrate it on images like yours."
        suggested.append((text, own))
    elif _is_wide(audit):
        text = "Narrow the estimate: label random images until the policy is decided, then gate with --labels."
        suggested.append((text, "auditor label AUDIT DATASET"))
    if audit.confirmed.count:
        keys = "auditor export AUDIT --verdict synthetic --output synthetic.csv"
        suggested.append((f"List the {audit.confirmed.count:,} images confirmed as synthetic.", keys))
    suggested += _problems(audit)
    return suggested[:_MAX_STEPS] or [("Read below what was not checked before you train on this dataset.", None)]


def _without_sources(audit: Audit) -> list[tuple[str, str | None]]:
    """Leaving out the sources that are mostly synthetic."""
    worst = [each for each in phrases.most_synthetic(audit) if each.estimate and each.estimate.is_mostly_synthetic]
    if not worst or worst[0].by != "source":
        return []
    sources = " ".join(f"--drop-source {shlex.quote(safe_text(each.value, 200))}" for each in worst)
    text = f"Leave out the {len(worst)} sources that are mostly synthetic; it says what fraction remains."
    return [(text if len(worst) > 1 else text.replace("the 1 sources that are", "the source that is"),
             f"auditor filter AUDIT {sources} --out keep.parquet")]  # fmt: skip


def _problems(audit: Audit) -> list[tuple[str, str | None]]:
    problems: list[tuple[str, str | None]] = []
    metadata = audit.coverage.get(Evidence.DECLARED.value)
    if metadata and audit.counts.rows and metadata.share < _MIN_COVERAGE:
        text = "Metadata could be checked on few rows. Fetch a sample without re-encoding and audit that."
        problems.append((text, "img2dataset … --resize_mode=no --skip_reencode=True"))
    if audit.contradictions:
        text = f"Look at the {audit.contradictions:,} images that name both a generator and a camera."
        problems.append((text, None))
    if audit.counts.unreadable:
        rows = "1 row" if audit.counts.unreadable == 1 else f"{audit.counts.unreadable:,} rows"
        problems.append((f"Find out why {rows} could not be read; the reasons are below.", None))
    if audit.inventory and audit.inventory.lost:
        problems.append((f"{sentences.files(audit.inventory.lost)} passed over: audit those that hold images.", None))
    return problems


def _is_wide(audit: Audit) -> bool:
    return audit.estimate is not None and audit.estimate.high - audit.estimate.low > _MAX_WIDTH


def command(audit: Audit) -> str:
    """The command that repeats the audit, where the dataset lies in the current folder."""
    return shlex.join(["auditor", "scan", *(input.name for input in audit.inputs), *audit.config.command_line])
