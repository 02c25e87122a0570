"""What a person or a script sees: pure functions of the state, its events, and "now"."""
