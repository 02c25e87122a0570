"""The simulated hosts: the jump host that plays the laptop, and the VMs with their shell, k0s and kcm."""
