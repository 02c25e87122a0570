"""Every section of the state that can be changed, each with its editor."""

from __future__ import annotations

from typing import get_args

from k0rdent_azure.config.topology import Role
from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state import editors
from k0rdent_azure.state.draft import Draft
from k0rdent_azure.state.model import PHASE_NAMES, PhaseName


class Sections:
    """The way to change the state: `sections.vm(name).update(status="running")`.

    Every value is checked against the schema's type when it is given. A name may hold anything, dots too.
    """

    def __init__(self, draft: Draft) -> None:
        #: Changes by path check no types: they are for `state set` and for this package.
        self.by_path = draft

    @property
    def metadata(self) -> editors.MetadataEditor:
        """Where the deployment stands; what identifies it is not to be changed."""
        return editors.MetadataEditor(self.by_path, "metadata")

    @property
    def run(self) -> editors.RunEditor:
        """The newest run."""
        return editors.RunEditor(self.by_path, "metadata", "run")

    @property
    def failure(self) -> editors.FailureEditor:
        """Why the deployment failed."""
        return editors.FailureEditor(self.by_path, "metadata", "failure")

    @property
    def validation(self) -> editors.LastValidationEditor:
        """What the last validation told."""
        return editors.LastValidationEditor(self.by_path, "metadata", "validation")

    def phase(self, name: PhaseName) -> editors.PhaseEditor:
        """The record of one phase. Raises StateInvalidError if there is no such phase."""
        if name not in PHASE_NAMES:
            raise StateInvalidError(f"there is no phase {name!r}", hint="nothing was changed")
        return editors.PhaseEditor(self.by_path, "phases", name)

    @property
    def api_calls(self) -> editors.ApiCallsEditor:
        """The counts of ARM requests."""
        return editors.ApiCallsEditor(self.by_path, "api_calls")

    @property
    def durations(self) -> editors.DurationsEditor:
        """What deployments in this workspace took."""
        return editors.DurationsEditor(self.by_path, "durations")

    @property
    def azure(self) -> editors.AzureEditor:
        """What is said of all Azure resources together."""
        return editors.AzureEditor(self.by_path, "azure_resources")

    @property
    def resource_group(self) -> editors.ResourceGroupEditor:
        """The resource group."""
        return editors.ResourceGroupEditor(self.by_path, "azure_resources", "resource_group")

    @property
    def vnet(self) -> editors.VnetEditor:
        """The virtual network."""
        return editors.VnetEditor(self.by_path, "azure_resources", "network", "vnet")

    @property
    def subnet(self) -> editors.SubnetEditor:
        """Its subnet."""
        return editors.SubnetEditor(self.by_path, "azure_resources", "network", "subnet")

    @property
    def nsg(self) -> editors.NsgEditor:
        """The network security group."""
        return editors.NsgEditor(self.by_path, "azure_resources", "network", "nsg")

    @property
    def network(self) -> tuple[editors.VnetEditor | editors.SubnetEditor | editors.NsgEditor, ...]:
        """The three parts of the network."""
        return self.vnet, self.subnet, self.nsg

    @property
    def ssh_key(self) -> editors.SshKeyEditor:
        """The SSH key of the VMs."""
        return editors.SshKeyEditor(self.by_path, "azure_resources", "ssh_key")

    @property
    def arm_deployment(self) -> editors.ArmDeploymentEditor:
        """The record of the template deployment."""
        return editors.ArmDeploymentEditor(self.by_path, "azure_resources", "deployment")

    @property
    def baseline(self) -> editors.BaselineEditor:
        """How Azure's answer differed from what was wanted."""
        return editors.BaselineEditor(self.by_path, "azure_resources", "baseline")

    @property
    def vm_names(self) -> list[str]:
        """The virtual machines that are recorded, with the changes made so far."""
        path = ("azure_resources", "virtual_machines")
        vms = self.by_path.get(path) if self.by_path.has(path) else {}
        return list(vms) if isinstance(vms, dict) else []

    def vm(self, name: str) -> editors.VmEditor:
        """One virtual machine."""
        return editors.VmEditor(self.by_path, "azure_resources", "virtual_machines", name)

    def peer(self, name: str) -> editors.PeerEditor:
        """One WireGuard peer: a host, or the workstation."""
        return editors.PeerEditor(self.by_path, "wireguard", "peers", name)

    @property
    def laptop_config(self) -> editors.LaptopConfigEditor:
        """The workstation's end of the VPN."""
        return editors.LaptopConfigEditor(self.by_path, "wireguard", "laptop_config")

    @property
    def cluster(self) -> editors.ClusterEditor:
        """The k0s cluster."""
        return editors.ClusterEditor(self.by_path, "k0s_cluster")

    def node(self, role: Role, name: str) -> editors.NodeEditor:
        """One node of the cluster, among the controllers or the workers. Raises StateInvalidError for another role."""
        if role not in get_args(Role):
            raise StateInvalidError(f"there is no role {role!r}", hint="nothing was changed")
        return editors.NodeEditor(self.by_path, "k0s_cluster", f"{role}s", name)

    @property
    def k0rdent(self) -> editors.K0rdentEditor:
        """The k0rdent installation."""
        return editors.K0rdentEditor(self.by_path, "k0rdent")

    def component(self, name: str) -> editors.ComponentEditor:
        """One component of k0rdent."""
        return editors.ComponentEditor(self.by_path, "k0rdent", "components", name)
