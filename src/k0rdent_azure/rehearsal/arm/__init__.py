"""The simulated Azure Resource Manager: templates, providers, and its side of HTTP."""
