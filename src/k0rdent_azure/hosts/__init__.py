"""The VMs and the workstation: SSH, keys, cloud-init, WireGuard. It knows nothing of Azure or phases."""
