"""A fuzzer for the state file's readers and its writer: `python -m tests.fuzz --runs 100000 --seed 1`."""
