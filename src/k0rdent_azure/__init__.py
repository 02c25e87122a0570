"""Deploys a k0rdent management cluster on Azure; `deployment-state.yaml` is the only truth about it."""

__version__ = "0.1.0"
