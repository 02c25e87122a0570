"""k0s through k0sctl, and kcm through k0s. It knows nothing of Azure or phases."""
