"""An editor for each section of the state: which fields it takes, of which types."""

from __future__ import annotations

from typing import Unpack, get_args

from k0rdent_azure.state import changes, model
from k0rdent_azure.state.editor import Editor, Whole


class MetadataEditor(Editor[model.Metadata]):
    kind = model.Metadata
    takes = changes.MetadataChanges
    optional = frozenset(get_args(changes.MetadataOptional))

    @property
    def now(self) -> model.Metadata:
        found = super().now
        assert found is not None, "no document is without it"  # noqa: S101
        return found

    def update(self, **fields: Unpack[changes.MetadataChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.MetadataOptional) -> None:
        self._clear(fields)


class RunEditor(Whole[model.Run]):
    kind = model.Run
    takes = changes.RunChanges
    optional = frozenset(get_args(changes.RunOptional))

    def update(self, **fields: Unpack[changes.RunChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.RunOptional) -> None:
        self._clear(fields)


class FailureEditor(Whole[model.Failure]):
    kind = model.Failure


class LastValidationEditor(Whole[model.LastValidation]):
    kind = model.LastValidation


class PhaseEditor(Whole[model.PhaseRecord]):
    kind = model.PhaseRecord
    takes = changes.PhaseChanges
    optional = frozenset(get_args(changes.PhaseOptional))

    def update(self, **fields: Unpack[changes.PhaseChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.PhaseOptional) -> None:
        self._clear(fields)


class ApiCallsEditor(Editor[model.ApiCalls]):
    kind = model.ApiCalls
    takes = changes.ApiCallsChanges
    optional = frozenset(get_args(changes.ApiCallsOptional))

    def update(self, **fields: Unpack[changes.ApiCallsChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.ApiCallsOptional) -> None:
        self._clear(fields)


class DurationsEditor(Whole[model.Durations]):
    kind = model.Durations
    takes = changes.DurationsChanges
    optional = frozenset(get_args(changes.DurationsOptional))

    def update(self, **fields: Unpack[changes.DurationsChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.DurationsOptional) -> None:
        self._clear(fields)


class AzureEditor(Editor[model.AzureResources]):
    kind = model.AzureResources
    takes = changes.AzureChanges
    optional = frozenset(get_args(changes.AzureOptional))

    def update(self, **fields: Unpack[changes.AzureChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.AzureOptional) -> None:
        self._clear(fields)


class ResourceGroupEditor(Whole[model.ResourceGroup]):
    kind = model.ResourceGroup
    takes = changes.ResourceGroupChanges
    optional = frozenset(get_args(changes.ResourceGroupOptional))

    def update(self, **fields: Unpack[changes.ResourceGroupChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.ResourceGroupOptional) -> None:
        self._clear(fields)


class VnetEditor(Editor[model.Vnet]):
    kind = model.Vnet
    takes = changes.VnetChanges
    optional = frozenset(get_args(changes.VnetOptional))

    def update(self, **fields: Unpack[changes.VnetChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.VnetOptional) -> None:
        self._clear(fields)


class SubnetEditor(Editor[model.Subnet]):
    kind = model.Subnet
    takes = changes.SubnetChanges
    optional = frozenset(get_args(changes.SubnetOptional))

    def update(self, **fields: Unpack[changes.SubnetChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.SubnetOptional) -> None:
        self._clear(fields)


class NsgEditor(Editor[model.Nsg]):
    kind = model.Nsg
    takes = changes.NsgChanges
    optional = frozenset(get_args(changes.NsgOptional))

    def update(self, **fields: Unpack[changes.NsgChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.NsgOptional) -> None:
        self._clear(fields)


class SshKeyEditor(Whole[model.SshKey]):
    kind = model.SshKey
    takes = changes.SshKeyChanges
    optional = frozenset(get_args(changes.SshKeyOptional))

    def update(self, **fields: Unpack[changes.SshKeyChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.SshKeyOptional) -> None:
        self._clear(fields)


class ArmDeploymentEditor(Whole[model.ArmDeployment]):
    kind = model.ArmDeployment
    takes = changes.ArmDeploymentChanges
    optional = frozenset(get_args(changes.ArmDeploymentOptional))

    def update(self, **fields: Unpack[changes.ArmDeploymentChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.ArmDeploymentOptional) -> None:
        self._clear(fields)


class BaselineEditor(Whole[model.Baseline]):
    kind = model.Baseline


class VmEditor(Whole[model.VirtualMachine]):
    kind = model.VirtualMachine
    takes = changes.VmChanges
    optional = frozenset(get_args(changes.VmOptional))

    def update(self, **fields: Unpack[changes.VmChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.VmOptional) -> None:
        self._clear(fields)


class PeerEditor(Whole[model.Peer]):
    kind = model.Peer
    takes = changes.PeerChanges
    optional = frozenset(get_args(changes.PeerOptional))

    def update(self, **fields: Unpack[changes.PeerChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.PeerOptional) -> None:
        self._clear(fields)


class LaptopConfigEditor(Whole[model.LaptopConfig]):
    kind = model.LaptopConfig
    takes = changes.LaptopConfigChanges
    optional = frozenset(get_args(changes.LaptopConfigOptional))

    def update(self, **fields: Unpack[changes.LaptopConfigChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.LaptopConfigOptional) -> None:
        self._clear(fields)


class ClusterEditor(Editor[model.K0sCluster]):
    kind = model.K0sCluster
    takes = changes.ClusterChanges
    optional = frozenset(get_args(changes.ClusterOptional))

    def update(self, **fields: Unpack[changes.ClusterChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.ClusterOptional) -> None:
        self._clear(fields)


class NodeEditor(Whole[model.ClusterNode]):
    kind = model.ClusterNode
    takes = changes.NodeChanges
    optional = frozenset(get_args(changes.NodeOptional))

    def update(self, **fields: Unpack[changes.NodeChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.NodeOptional) -> None:
        self._clear(fields)


class K0rdentEditor(Editor[model.K0rdent]):
    kind = model.K0rdent
    takes = changes.K0rdentChanges
    optional = frozenset(get_args(changes.K0rdentOptional))

    def update(self, **fields: Unpack[changes.K0rdentChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.K0rdentOptional) -> None:
        self._clear(fields)


class ComponentEditor(Whole[model.Component]):
    kind = model.Component
    takes = changes.ComponentChanges
    optional = frozenset(get_args(changes.ComponentOptional))

    def update(self, **fields: Unpack[changes.ComponentChanges]) -> None:
        self._update(fields)

    def clear(self, *fields: changes.ComponentOptional) -> None:
        self._clear(fields)
