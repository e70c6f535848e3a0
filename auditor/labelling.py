"""Decides about a finished audit from labels: after each label while people label, and for `auditor gate --labels`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from auditor import sentences
from auditor.aggregate.build import make_estimator
from auditor.annotation.app.session import Judgement
from auditor.annotation.file import Annotation
from auditor.annotation.file import digest as labels_digest
from auditor.annotation.tally import LabelJoin
from auditor.decision import Decision, Outcome
from auditor.errors import LabelError, TooFewLabels
from auditor.finished import Finished, calibration_of, classifier_of
from auditor.results import Audit, Estimate

Decide = Callable[[Audit], Decision]
_MULTIPLES = (1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24)  # of the present number of labels, for projections


class LabelledAudit:
    """A finished audit whose evidence is summed up once, for estimates from any labels of some of its keys.

    keys: each key with the stratum that it was drawn from, '' if unknown. Raises EvidenceError if the evidence cannot
    be used with the installed classifier.
    """

    def __init__(self, finished: Finished, keys: Mapping[str, str]) -> None:
        self._audit = audit = finished.audit
        calibration = calibration_of([finished])
        self._estimator = make_estimator(
            finished.parts,
            audit.config,
            classifier_of(audit, calibration),
            calibration,
            labels=LabelJoin(keys, audit.config.seed),
            shards=audit.shards.of if audit.shards else None,
        )

    def with_labels(self, annotations: Sequence[Annotation]) -> Audit:
        """The audit with the estimates from these labels. Raises LabelError."""
        audit = self._estimated(annotations)
        return replace(audit, subgroups=self._estimator.subgroups(audit.estimate))

    def _estimated(self, annotations: Sequence[Annotation], multiple: float = 1.0) -> Audit:
        """The audit with the estimate of the whole from these labels, or from `multiple` times as many in the same
        proportions; its subgroups are as before. Raises LabelError."""
        return replace(
            self._audit,
            estimate=self._estimator.from_labels(annotations, multiple=multiple),
            digests=replace(self._audit.digests, labels=labels_digest(annotations)),
        )

    def judge(self, annotations: Sequence[Annotation], decide: Decide) -> Judgement:
        """What these labels say so far about the audit."""
        if not annotations:
            return Judgement("no label yet", is_decided=False)
        try:
            audit = self._estimated(annotations)
        except TooFewLabels:
            return Judgement("too few labels to tell yet", is_decided=False)
        except LabelError as error:
            return Judgement(f"not decided yet: {error}", is_decided=False)
        decision = decide(audit)
        found = "" if audit.estimate is None else _span(audit.estimate)
        if decision.outcome is not Outcome.INCONCLUSIVE:
            return Judgement(f"{found} · decided: {decision.outcome.value}, you may stop", is_decided=True)
        more = self._remaining(annotations, decide)
        likely = f": about {sentences.counted(more, 'more label')} will most likely decide it" if more else ""
        return Judgement(f"{found} · not decided yet{likely}", is_decided=False, remaining=more)

    def _remaining(self, annotations: Sequence[Annotation], decide: Decide) -> int | None:
        """The number of further labels after which the policy is decided if they say the same as those so far; None if
        many times as many do not decide it."""
        for multiple in _MULTIPLES:
            if decide(self._estimated(annotations, multiple)).outcome is not Outcome.INCONCLUSIVE:
                return math.ceil(len(annotations) * (multiple - 1))
        return None


def _span(estimate: Estimate) -> str:
    return f"{sentences.span(estimate.low, estimate.high)} synthetic"
