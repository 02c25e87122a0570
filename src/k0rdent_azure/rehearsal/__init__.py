"""A simulated Azure with simulated hosts, which the product talks to as it talks to the real ones."""
