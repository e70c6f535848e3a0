"""What to do next, and what did this: the commands that a report for people names."""

from __future__ import annotations

import shlex

from auditor.results import Audit, Decision, Outcome
from auditor.types import Evidence

_MOST_STEPS = 4  # that the first screen holds
_FEW, _WIDE = 0.5, 0.2  # a share of rows that is few; an interval that is wide


def next_steps(audit: Audit, decision: Decision) -> list[tuple[str, str | None]]:
    """What to do, most pressing first: a sentence, and a command where there is one."""
    steps: list[tuple[str, str | None]] = []
    if decision.mad and decision.mad.advice:
        steps.append((f"{decision.mad.advice[:1].upper()}{decision.mad.advice[1:]}.", None))
    if decision.outcome is Outcome.PASS:
        gate = "auditor gate AUDIT --dataset DATASET && python train.py"
        steps.append(("Gate training on this decision; a dataset that changed is noticed.", gate))
    if decision.outcome is Outcome.FAIL:
        keep = "auditor filter AUDIT --target 0.05 --out keep.parquet"
        steps.append(("Make a keep-list that brings the dataset under a target, and see what it costs.", keep))
    if audit.estimate and any(control.is_shift for control in audit.estimate.controls):
        own = "auditor calibrate --real FOLDER --synthetic FOLDER"
        steps.append(("The model errs otherwise here than was measured: count its errors on images of your kind.", own))
    elif _is_wide(audit):
        text = "Narrow the estimate: label a few hundred images, drawn at random, then scan with --labels."
        steps.append((text, "auditor label AUDIT DATASET"))
    if audit.confirmed.count:
        keys = "auditor export AUDIT --verdict synthetic --output synthetic.csv"
        steps.append((f"List the {audit.confirmed.count:,} images that say they are synthetic or bear a mark.", keys))
    steps += _oddities(audit)
    return steps[:_MOST_STEPS] or [("Read what could not be seen, below, before training on this dataset.", None)]


def _oddities(audit: Audit) -> list[tuple[str, str | None]]:
    steps: list[tuple[str, str | None]] = []
    declared = audit.coverage.get(Evidence.DECLARED.value)
    if declared and audit.counts.rows and declared.share < _FEW:
        text = "What files declare could be seen on few rows. Fetch a sample without re-encoding and audit that."
        steps.append((text, "img2dataset … --resize_mode=no --skip_reencode=True"))
    if audit.contradictions:
        text = f"Look at the {audit.contradictions:,} images that a generator and a camera both claim."
        steps.append((text, None))
    if audit.counts.unreadable:
        rows = "1 row" if audit.counts.unreadable == 1 else f"{audit.counts.unreadable:,} rows"
        steps.append((f"Find out why {rows} could not be read; the reasons are below.", None))
    return steps


def _is_wide(audit: Audit) -> bool:
    return audit.estimate is not None and audit.estimate.high - audit.estimate.low > _WIDE


def command(audit: Audit) -> str:
    """What repeats the audit, where the dataset lies in the current folder."""
    return shlex.join(["auditor", "scan", *(input.name for input in audit.inputs), *audit.config.command_line])
