"""What the first screen of every format says: the decision, the bound that decides, what it rests on, what to do next,
and where to look first. Formats differ in how they show it, and in nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor import sentences
from auditor.decision import Decision, Outcome
from auditor.plugin import of_subgroup
from auditor.results import Audit, Subgroup
from auditor.safe_text import safe_text
from auditor.suspicious import suspicious_subgroups
from reports import next_steps, phrases
from reports.next_steps import Action

_MAX_CHARACTERS = 400  # of a sentence
_MAX_RULES = 3  # that are named beside the one that decides
_MAX_NAME = 60
WIDE = 0.2  # an interval that is wider has no point worth showing


@dataclass(frozen=True, slots=True)
class Suspect:
    """A source or shard to inspect first. examples: the group of its examples. flagged: how many of its images are
    likely synthetic or confirmed. fraction: its estimate. without: the fraction of the dataset without it. action: what
    leaves it out, if a command can."""

    by: str
    value: str
    examples: str
    flagged: str
    fraction: str
    without: str
    action: Action | None


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers of the bar: the interval of the estimate (None without one), the confirmed share, and the limit with
    its name. point: None where the interval is wide."""

    low: float | None
    high: float | None
    point: float | None
    confirmed: float | None
    limit: float | None
    limit_name: str


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """finding: the sentence that decides. outcome: of the policy, with the exit code. estimate: the interval in words,
    '' without one. also: other rules that did not pass. basis: what the finding rests on. problems: what was not read
    or does not fit. others: further actions."""

    headline: str
    appearance: Outcome
    finding: str
    outcome: str
    estimate: str
    also: tuple[str, ...]
    basis: str
    problems: tuple[str, ...]
    scale: Scale
    action: Action
    others: tuple[Action, ...]
    suspects: tuple[Suspect, ...]
    dataset: str
    footer: tuple[str, ...]


def first_screen(audit: Audit, decision: Decision, folder: str) -> FirstScreen:
    """The first screen. folder: of the audit, as the user named it; commands contain it."""
    action, *others = next_steps.actions(audit, decision, folder)
    finding = safe_text(decision.finding or decision.reason, _MAX_CHARACTERS)
    return FirstScreen(
        headline=decision.headline,
        appearance=decision.appearance,
        finding=sentences.capitalized(finding),
        outcome=_outcome(decision),
        estimate=_interval(audit),
        also=tuple(_also(decision)),
        basis=phrases.rests_on(audit),
        problems=tuple(safe_text(text, _MAX_CHARACTERS) for text in _problems(audit)),
        scale=_scale(audit, decision),
        action=action,
        others=tuple(others),
        suspects=tuple(_suspect(each, folder) for each in suspicious_subgroups(audit)),
        dataset=safe_text(phrases.inputs(audit), _MAX_CHARACTERS),
        footer=tuple(_footer(audit, decision)),
    )


def _outcome(decision: Decision) -> str:
    """'FAIL, exit code 1; 2 of 5 rules failed'."""
    counted = decision.reason.removeprefix(decision.finding).removeprefix(" · ")
    title = phrases.TITLES[decision.outcome]
    return f"{title}, exit code {decision.exit_code}; {safe_text(counted, _MAX_CHARACTERS)}"


def _interval(audit: Audit) -> str:
    e = audit.estimate
    if e is None:
        return ""
    point = f", most probably {sentences.percent(e.point)}" if e.high - e.low <= WIDE else ""
    return f"{sentences.span(e.low, e.high)} synthetic{point} ({sentences.percent(e.confidence, 0)} interval)"


def _also(decision: Decision) -> Iterator[str]:
    """The other rules that did not pass, the failures first."""
    first = decision.deciding[:1]
    order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.WARN, Outcome.EXEMPT)
    rules = [rule for outcome in order for rule in decision.rules if rule.outcome is outcome and rule not in first]
    for rule in rules[:_MAX_RULES]:
        yield f"{phrases.TITLES[rule.outcome]} {rule.id}: {safe_text(rule.reason, _MAX_CHARACTERS)}"
    if len(rules) > _MAX_RULES:
        yield f"and {sentences.counted(len(rules) - _MAX_RULES, 'more rule')}"


def _problems(audit: Audit) -> Iterator[str]:
    """What makes the numbers less than they look."""
    counts = audit.counts
    lost = [(counts.unreadable, "unreadable"), (counts.failed, "not fetched"), (counts.no_bytes, "without an image")]
    if any(n for n, _ in lost):
        shares = ", ".join(f"{n:,} {what}" for n, what in lost if n)
        yield f"of {sentences.counted(counts.rows, 'row')}, {shares}{_most_frequent_reason(audit)}"
    yield from phrases.passed_over(audit)
    for id, tally in audit.detectors.items():
        if tally.failed:
            yield f"detector {id} failed on {sentences.counted(tally.failed, 'row')}: please report it"
    if audit.estimate:
        yield from (phrases.shift(control) for control in audit.estimate.controls if control.is_shift)
    yield from phrases.dataset_tests(audit)
    if audit.contradictions:
        yield f"{sentences.counted(audit.contradictions, 'image')} with both a generator and a camera in the metadata"


def _most_frequent_reason(audit: Audit) -> str:
    reason = next(iter(audit.unreadable_reasons), None)
    return f" ({safe_text(reason, 90)})" if reason else ""


def _scale(audit: Audit, decision: Decision) -> Scale:
    e = audit.estimate
    limits = dict(phrases.limits(decision))
    if decision.mad:
        limits["mad"] = decision.mad.limit
    on_share = [rule.id for rule in (*decision.deciding, *decision.rules) if rule.id in limits]
    deciding = next(iter(on_share), None)
    limit = limits.get(deciding or "")
    is_narrow = e is not None and e.high - e.low <= WIDE
    return Scale(
        low=e.low if e else None,
        high=e.high if e else None,
        point=e.point if e and is_narrow else None,
        confirmed=audit.confirmed.share,
        limit=limit,
        limit_name="MAD limit" if decision.mad and limit == decision.mad.limit else "policy limit",
    )


def _suspect(each: Subgroup, folder: str) -> Suspect:
    e = each.estimate
    left = e.fraction_without if e else None
    action = None
    if next_steps.can_be_left_out(each):
        action = Action("Leave this source out", next_steps.leave_out([each], folder))
    return Suspect(
        by=each.by,
        value=safe_text(each.value, _MAX_NAME),
        examples=of_subgroup(each.by, each.value),
        flagged=_flagged(each),
        fraction=f"{sentences.span(e.low, e.high)} synthetic" if e else "",
        without="" if left is None else f"the dataset without it: about {sentences.percent(left)}",
        action=action,
    )


def _flagged(each: Subgroup) -> str:
    """'84 of 126 images flagged, 6 confirmed'."""
    flagged = [f"{each.flagged:,} of {each.scored:,} images flagged"] if each.scored else []
    return ", ".join([*flagged, *([f"{each.synthetic:,} of {each.ok:,} confirmed"] if each.synthetic else [])])


def _footer(audit: Audit, decision: Decision) -> Iterator[str]:
    """Dataset, digest, date and version."""
    yield safe_text(phrases.inputs(audit), _MAX_CHARACTERS)
    yield f"sha256 {safe_text(audit.digests.dataset, 12)}"
    if decision.date:
        yield safe_text(decision.date, 10)
    yield safe_text(f"{audit.tool.get('name', '')} {audit.tool.get('version', '')}", 60)
