"""The command line: one small module per command, each parses, calls, renders and returns an exit code."""
