"""What to do after a decision: the one next action, others, and the command that repeats the audit.

The deciding rule of the policy chooses the action. Each command runs as it stands, from the folder in which the audit
was made; a test runs them. A scan names what changes: the audit's folder has its dataset, policy and options.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.annotation.planning import SECONDS_PER_LABEL, labels_to_decide
from auditor.decision import Decision, Outcome, RuleResult
from auditor.results import Audit, Subgroup
from auditor.safe_text import safe_text
from auditor.sentences import counted
from auditor.suspicious import suspicious_subgroups
from auditor.types import Need

if TYPE_CHECKING:
    Actions = Callable[[Audit, RuleResult, str], Iterator["Action"]]

_FETCHED = 2000  # images of a manifest of URLs
_MAX_NAME, _MAX_COMMAND = 200, 4000  # characters of a source, and of a command
_ON_CONFIRMED = ("declared", "worst-source")  # rules on the confirmed share


@dataclass(frozen=True, slots=True)
class Action:
    """What to do, as a sentence, and the command that does it."""

    text: str
    command: str


def actions(audit: Audit, decision: Decision, folder: str) -> list[Action]:
    """What to do, the most pressing action first; at least one. folder: of the audit, as the user named it."""
    found = [
        action
        for rule in decision.deciding
        for action in _BY_RULE.get(rule.id, _see_details)(audit, rule, folder)
    ]  # fmt: skip
    if decision.outcome is Outcome.PASS:
        text = "Run this before the training command: it exits 0 only if the audit passes."
        found.insert(0, Action(text, _command("gate", folder)))
    if any(control.is_shift for control in (audit.estimate.controls if audit.estimate else ())):
        found += _label(audit, "Scores differ from the calibration here; labels correct that.", folder)
    if audit.confirmed.count:
        found.append(_list_confirmed(audit, folder))
    found += _see_details(audit, None, folder)
    return list({action.command: action for action in reversed(found)}.values())[::-1]


def command(audit: Audit) -> str:
    """The command that makes the audit again, where the dataset and the files of options are in the current folder."""
    inputs = [_as_argument(input.name) for input in audit.inputs]
    return _joined("scan", *inputs, *audit.config.command_line)


# ---- by rule --------------------------------------------------------------------------------------------------------


def _lower(audit: Audit, rule: RuleResult, folder: str) -> Iterator[Action]:
    """For rules on the synthetic share: labels decide those on the estimate, more rows those on the confirmed share."""
    if not audit.counts.ok:
        yield from _get_images(audit, folder)
    elif rule.outcome is Outcome.FAIL:
        yield from _remove(audit, folder)
    elif rule.id == "worst-source" and rule.value is None:
        text = "List the sources with their sizes; then lower `least-n` in the policy, or remove the rule."
        yield Action(text, _command("export", folder, "--by", "source", "--output", "sources.csv"))
    elif rule.id in _ON_CONFIRMED:
        yield from _scan_more(audit, folder)
    elif rule.value is not None:
        yield from _label(audit, _labels_needed(audit, rule), folder)


def _remove(audit: Audit, folder: str) -> Iterator[Action]:
    """Ways to a less synthetic dataset; those that a sample of rows or shards allows."""
    if audit.shards is None:
        yield from _leave_out_sources(audit, folder)
        keep = ("--out", "keep.parquet")
        if audit.confirmed.count:
            confirmed = counted(audit.confirmed.count, "image")
            text = f"Leave out the {confirmed} confirmed as synthetic."
            yield Action(text, _command("filter", folder, *keep))
        if audit.estimate and audit.estimate.flagged and audit.sample is None:
            likely = counted(audit.estimate.flagged, "image")
            text = f"Leave out the {likely} that are likely synthetic too."
            yield Action(text, _command("filter", folder, "--drop", "likely", *keep))
    yield from _label(audit, "Check the classifier: label random images until the policy is decided.", folder)


def _leave_out_sources(audit: Audit, folder: str) -> Iterator[Action]:
    suspects = filter(can_be_left_out, suspicious_subgroups(audit))
    worst = [each for each in suspects if each.estimate and each.estimate.is_mostly_synthetic]
    if worst:
        what = "the source that is" if len(worst) == 1 else f"the {len(worst)} sources that are"
        yield Action(f"Leave out {what} mostly synthetic.", leave_out(worst, folder))


def can_be_left_out(each: Subgroup) -> bool:
    """Whether a command can name the subgroup: it is a source, and its name is short and without control characters."""
    return each.by == "source" and safe_text(each.value, _MAX_NAME) == each.value


def leave_out(sources: list[Subgroup], folder: str) -> str:
    """The command that leaves out sources that can be."""
    named = [f"--drop-source={each.value}" for each in sources]  # a value may begin with a hyphen
    return _command("filter", folder, *named, "--out", "keep.parquet")


def _labels_needed(audit: Audit, rule: RuleResult) -> str:
    """How many labels will probably decide a rule."""
    e, limit = audit.estimate, rule.limit
    is_predictable = e is not None and e.labels is None and rule.id != "increase"
    number = labels_to_decide(e.low, e.high, limit) if e and is_predictable and isinstance(limit, float) else None
    if number is None:
        return "Label random images in the browser; the page shows when the policy is decided."
    there_are = audit.counts.ok - audit.confirmed.count
    if number >= there_are:
        return f"Label all {there_are:,} images in the browser; the page shows when the policy is decided."
    minutes = max(1, round(number * SECONDS_PER_LABEL / 60))
    return (
        f"Label about {number} random images in the browser (about {minutes} min), by page or date rather than looks; "
        "that will most likely decide it."
    )


def _label(audit: Audit, text: str, folder: str) -> Iterator[Action]:
    if audit.counts.ok > audit.confirmed.count:
        yield Action(text, _command("label", folder))


def _scan_more(audit: Audit, folder: str) -> Iterator[Action]:
    if audit.sample or audit.shards:
        yield Action("Scan all rows; finished results are kept.", _scan(folder, "--sample", "all"))


def _get_images(audit: Audit, folder: str) -> Iterator[Action]:
    """For an audit that could read no image."""
    if audit.config.scan.depth < Need.PIXELS:
        yield Action("Scan again with the images decoded.", _scan(folder, "--depth", "pixels"))
    elif audit.counts.no_bytes:
        text = f"The manifest only has URLs: fetch and audit {_FETCHED:,} random ones."
        yield Action(text, _scan(folder, "--fetch", str(_FETCHED)))


def _read_more(audit: Audit, rule: RuleResult, folder: str) -> Iterator[Action]:
    """For rules on rows that could not be read."""
    if not audit.counts.rows:
        text = (
            "See which files were read and which were skipped, and why; then scan a folder, table or archive of images."
        )
        yield Action(text, _command("report", folder, "--format", "markdown"))
    elif not audit.counts.ok:
        yield from _get_images(audit, folder)
    if audit.counts.unreadable or audit.counts.failed:
        text = "List all rows with the reasons why some could not be read (column `reason`)."
        yield Action(text, _command("export", folder, "--output", "rows.csv"))
    yield from _see_details(audit, rule, folder)


def _scan_again(audit: Audit, rule: RuleResult, folder: str) -> Iterator[Action]:
    yield Action("Scan again; unchanged results are kept.", _scan(folder))


def _see_captions(audit: Audit, rule: RuleResult, folder: str) -> Iterator[Action]:
    if rule.value is None:  # too few captions
        yield from _see_details(audit, rule, folder)
        return
    text = "List the rows with artefacts of captioning models or prompts in their captions (column `caption_marks`)."
    yield Action(text, _command("export", folder, "--output", "rows.csv"))


def _see_details(audit: Audit, rule: RuleResult | None, folder: str) -> Iterator[Action]:
    yield Action("Read all numbers of the audit.", _command("report", folder, "--format", "markdown"))


def _list_confirmed(audit: Audit, folder: str) -> Action:
    listed = ("--verdict", "synthetic", "--output", "synthetic.csv")
    return Action(
        f"List the {counted(audit.confirmed.count, 'image')} confirmed as synthetic.",
        _command("export", folder, *listed),
    )


_BY_RULE: dict[str, Actions] = {
    **dict.fromkeys(("mad", "synthetic-fraction", "declared", "worst-source", "increase"), _lower),
    **dict.fromkeys(("rows", "decoded", "unreadable", "observable"), _read_more),
    "audit-age": _scan_again,
    **dict.fromkeys(("captions-machine", "captions-prompt", "captions-diversity"), _see_captions),
}


def _scan(folder: str, *words: str) -> str:
    """The command that continues the audit, with other options."""
    return _joined("scan", *words, f"--out={folder}")


def _command(name: str, folder: str, *words: str) -> str:
    return _joined(name, _as_argument(folder), *words)


def _joined(*words: str) -> str:
    """A command as a shell reads it, safe to show."""
    return safe_text(shlex.join(["auditor", *words]), _MAX_COMMAND)


def _as_argument(path: str) -> str:
    """A path that is not taken for an option."""
    return f"./{path}" if path.startswith("-") else path
