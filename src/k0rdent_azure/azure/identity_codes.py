"""What Microsoft Entra's codes mean for a login, and what to do: by family, for a person and for a service principal.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from dataclasses import dataclass

from k0rdent_azure.azure.network_failures import SET_CLOCK


@dataclass(frozen=True, slots=True)
class Family:
    """`reason` is one word for scripts. `{login}` in a hint is the command that logs in to the cloud."""

    reason: str
    meaning: str
    hint: str
    codes: frozenset[int]


FAMILIES = (
    Family(
        "expired",
        "the login has expired or was revoked",
        "log in again: {login}",
        frozenset({700082, 70043, 70008, 700081, 700084, 50173, 50133, 50132, 54005, 50089, 50078, 50085}),
    ),
    Family(
        "interaction",
        "the login has to be confirmed in person (second factor, consent or a new password)",
        "log in at the prompt: {login}; a pipeline needs a service principal or a managed identity",
        frozenset(
            {50076, 50079, 50072, 50074, 50158, 65001, 50097, 50125, 50055, 50058, 16000, 50142, 50144}
        ),
    ),
    Family(
        "conditional_access",
        "a Conditional Access policy of the tenant refuses this login from here",
        "log in from a network and a device that it allows ({login}), or ask the tenant's administrator",
        frozenset(
            {53000, 53001, 53002, 53003, 53004, 53009, 53011, 530003, 530032, 530034, 530035, 50005, 50131}
        ),
    ),
    Family(
        "tenant",
        "the tenant does not exist, or does not know this login",
        "name the subscription's own tenant: {login} --tenant TENANT; a service principal: correct AZURE_TENANT_ID "
        "and AZURE_CLIENT_ID",
        frozenset(
            {
                90002,
                700016,
                900023,
                50020,
                50034,
                90072,
                50128,
                50059,
                7000229,
                500021,
                50001,
                900021,
                7000218,
            }
        ),
    ),
    Family(
        "secret",
        "the client secret or certificate is wrong",
        "set AZURE_CLIENT_SECRET to the secret's value (not its id); a new one: az ad sp credential reset --id "
        "$AZURE_CLIENT_ID",
        frozenset({7000215, 7000216, 50012, 700027, 50126, 7000214, 700030}),
    ),
    Family(
        "secret_expired",
        "the client secret or certificate has expired",
        "make a new one, and set AZURE_CLIENT_SECRET to it: az ad sp credential reset --id $AZURE_CLIENT_ID",
        frozenset({7000222, 700029}),
    ),
    Family(
        "disabled",
        "this account is disabled or locked",
        "ask the tenant's administrator to enable it, or log in as somebody else: {login}",
        frozenset({50057, 50053, 7000112, 7000113, 500571, 50056}),
    ),
    Family(
        "clock",
        "the times in the login do not fit Azure's clock",
        SET_CLOCK,
        frozenset({700024, 500133, 500137, 500132}),
    ),
    Family(
        "cloud",
        "the login is for another cloud than the configuration names",
        "{login}; or correct azure.cloud in k0rdent.yaml",
        frozenset({500011, 900439, 900382, 900432, 900384, 90100}),
    ),
    Family(
        "unavailable",
        "the identity service is overloaded or out of order",
        "run the same command again in some minutes; see https://azure.status.microsoft",
        frozenset({90033, 90055, 90056, 50196, 90012, 90006, 90093}),
    ),
    Family(
        "not_permitted",
        "this account may not use Azure Resource Manager",
        "ask the tenant's administrator for access, or log in as somebody else: {login}",
        frozenset({50105, 65004, 65005, 90094, 70001, 700054}),
    ),
)

BY_CODE: dict[int, Family] = {code: family for family in FAMILIES for code in family.codes}
