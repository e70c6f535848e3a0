"""JUnit XML, one test case per rule of the policy, for the test panes of CI systems.

fail is a <failure>; inconclusive is an <error>, because nothing is proven either way; exempt is <skipped>; a warning
passes and is written to <system-out>.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from auditor.decision import Decision, Outcome, RuleResult
from auditor.plugin import Renderer
from auditor.results import Audit
from auditor.safe_text import safe_text
from reports import phrases

_MAX_CHARACTERS = 1000
_CHILD = {Outcome.FAIL: "failure", Outcome.INCONCLUSIVE: "error", Outcome.EXEMPT: "skipped"}


class Junit(Renderer):
    """See the module."""

    id = "junit"
    suffix = ".xml"

    def render(self, audit: Audit, decision: Decision, folder: str = "audit") -> str:
        """The XML."""
        count = {child: sum(_CHILD.get(r.outcome) == child for r in decision.rules) for child in _CHILD.values()}
        name = f"dataset audit: {', '.join(input.name for input in audit.inputs)}"
        suite = ET.Element(
            "testsuite",
            name=name,
            tests=str(len(decision.rules)),
            failures=str(count["failure"]),
            errors=str(count["error"]),
            skipped=str(count["skipped"]),
        )
        properties = ET.SubElement(suite, "properties")
        for key, value in _properties(audit, decision).items():
            ET.SubElement(properties, "property", name=key, value=value)
        for rule in decision.rules:
            _case(suite, rule, str(decision.policy.get("name")))
        suites = ET.Element("testsuites")
        suites.append(suite)
        for element in suite.iter():  # XML allows no control characters, not even escaped ones
            element.attrib.update({key: safe_text(value, _MAX_CHARACTERS) for key, value in element.attrib.items()})
        ET.indent(suites)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _properties(audit: Audit, decision: Decision) -> dict[str, str]:
    return {
        "outcome": decision.outcome.value,
        "exit_code": str(decision.exit_code),
        "reason": decision.reason,
        "dataset": audit.digests.dataset,
        "tool": f"{audit.tool.get('name')} {audit.tool.get('version')}",
        "declared": phrases.confirmed(audit),
        "estimate": phrases.estimate(audit)[0],
    }


def _case(suite: ET.Element, rule: RuleResult, policy: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"policy.{policy}", name=rule.id, time="0")
    reason = safe_text(rule.text, _MAX_CHARACTERS)
    if child := _CHILD.get(rule.outcome):
        ET.SubElement(case, child, message=reason).text = reason
    elif rule.outcome is Outcome.WARN:
        ET.SubElement(case, "system-out").text = f"{phrases.TITLES[rule.outcome]}: {reason}"
