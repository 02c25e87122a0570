"""The Azure clouds: where Resource Manager answers, whom its tokens are for, and who issues them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AzureEnvironment:
    """One cloud. Endpoints are URLs without a final slash; `authority` may be a bare host name.

    `dns_suffix` ends the name of a public address: `<label>.<location>.<dns_suffix>`.
    """

    name: str
    arm_endpoint: str
    audience: str
    authority: str
    dns_suffix: str = "cloudapp.azure.com"

    @property
    def scope(self) -> str:
        """The OAuth scope of a Resource Manager token."""
        return f"{self.audience.rstrip('/')}/.default"


#: By `azure.cloud` of the configuration. Endpoints and audiences as in `azure.mgmt.core.tools.get_arm_endpoints`.
ENVIRONMENTS: dict[str, AzureEnvironment] = {
    environment.name: environment
    for environment in (
        AzureEnvironment(
            name="AzureCloud",
            arm_endpoint="https://management.azure.com",
            audience="https://management.azure.com",
            authority="https://login.microsoftonline.com",
        ),
        AzureEnvironment(
            name="AzureUSGovernment",
            arm_endpoint="https://management.usgovcloudapi.net",
            audience="https://management.core.usgovcloudapi.net",
            authority="https://login.microsoftonline.us",
            dns_suffix="cloudapp.usgovcloudapi.net",
        ),
        AzureEnvironment(
            name="AzureChinaCloud",
            arm_endpoint="https://management.chinacloudapi.cn",
            audience="https://management.chinacloudapi.cn",
            authority="https://login.chinacloudapi.cn",
            dns_suffix="cloudapp.chinacloudapi.cn",
        ),
    )
}
