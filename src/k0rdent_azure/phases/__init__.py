"""The phase engine, and a deployment as a list that can be read aloud (`engine.PHASES`)."""
