"""The user's configuration: its model, how it is loaded with the source of every value, and its templates."""
