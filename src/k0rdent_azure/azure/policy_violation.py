"""What Azure Policy refused, in words: the `additionalInfo` of an error, of type `PolicyViolation`.

https://learn.microsoft.com/azure/governance/policy/troubleshoot/general
"""

from __future__ import annotations

from collections.abc import Mapping

from k0rdent_azure.azure.reading import mapping, mappings, text

#: How many policies and conditions are named.
_MOST = 3


def violation(additional: object) -> str:
    """`Policy: Require a cost tag (tags[cost] notExists false)`; "" where no policy is in it."""
    listed = additional if isinstance(additional, list) else []
    infos = [
        mapping(each, "info")
        for each in listed
        if isinstance(each, dict) and text(each, "type").lower() == "policyviolation"
    ]
    told = list(dict.fromkeys(_policy(info) for info in infos[:_MOST]))
    return f"Policy: {'; '.join(each for each in told if each)}" if any(told) else ""


def _policy(info: Mapping[str, object]) -> str:
    names = (
        "policyAssignmentDisplayName",
        "policyDefinitionDisplayName",
        "policyAssignmentName",
        "policyDefinitionName",
    )
    name = next((found for key in names if (found := text(info, key))), "")
    evaluated = mappings(mapping(info, "evaluationDetails"), "evaluatedExpressions")
    failed = [each for each in evaluated if text(each, "result").lower() in ("true", "")]
    conditions = [_condition(each) for each in failed if text(each, "path") or text(each, "expression")]
    shown = ", ".join(list(dict.fromkeys(conditions))[:_MOST])
    return f"{name} ({shown})" if name and shown else name or shown


def _condition(expression: Mapping[str, object]) -> str:
    """`location notIn ['westeurope']`"""
    what = text(expression, "path") or text(expression, "expression")
    wanted = expression.get("targetValue")
    return " ".join(
        each for each in (what, text(expression, "operator"), "" if wanted is None else str(wanted)) if each
    )
