"""GitHub workflow commands, one line per rule, to print in a step: they become annotations of the run.

    auditor report audit/ --format github
    cat audit/summary.md >> "$GITHUB_STEP_SUMMARY"

GitHub shows ten errors, ten warnings and ten notices per step; a policy has fewer rules. Text is escaped as in GitHub's
toolkit (actions/toolkit, command.ts).
"""

from __future__ import annotations

from auditor.decision import Decision, Outcome
from auditor.plugin import Renderer
from auditor.results import Audit
from auditor.safe_text import safe_text
from reports import phrases

_MAX_CHARACTERS = 1000
_COMMANDS = {Outcome.FAIL: "error", Outcome.INCONCLUSIVE: "warning", Outcome.WARN: "warning", Outcome.EXEMPT: "notice"}


class Github(Renderer):
    """See the module."""

    id = "github"
    suffix = ".txt"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """One line for each rule that did not simply pass, and a last line with the decision."""
        lines = [
            _command(_COMMANDS[rule.outcome], f"{phrases.TITLES[rule.outcome]} {rule.id}", rule.text)
            for rule in decision.rules
            if rule.outcome in _COMMANDS
        ]
        names = ", ".join(input.name for input in audit.inputs)
        title = f"{phrases.TITLES[decision.outcome]} audit of {names}"
        return "\n".join([*lines, _command("notice", title, decision.reason)]) + "\n"


def _command(name: str, title: str, message: str) -> str:
    shown = _escaped(safe_text(title)).replace(":", "%3A").replace(",", "%2C")
    return f"::{name} title={shown}::{_escaped(safe_text(message, _MAX_CHARACTERS))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
