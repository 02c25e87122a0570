"""The api-version of every ARM endpoint that is used, pinned here and nowhere else.

An api-version fixes the shape of a resource for ever, so a pin never breaks; a newer one is worth having only
for a property that we use. These are the oldest stable ones that know all of ours (`deleteOption` of a public
address in a NIC's reference is the youngest), so that AzureUSGovernment and AzureChinaCloud, where versions
arrive months later, have them too.
"""

from __future__ import annotations

#: https://learn.microsoft.com/azure/templates/microsoft.resources/deployments
DEPLOYMENTS = "2022-09-01"
#: Resource groups, and the list of a group's resources.
RESOURCES = "2022-09-01"
#: https://learn.microsoft.com/rest/api/compute/resource-skus/list
SKUS = "2021-07-01"
SUBSCRIPTIONS = "2022-12-01"
#: https://learn.microsoft.com/azure/templates/microsoft.compute/virtualmachines
COMPUTE = "2023-09-01"
DISKS = "2023-10-02"
#: https://learn.microsoft.com/azure/templates/microsoft.network/networkinterfaces
NETWORK = "2023-11-01"
