"""`python -m k0rdent_azure` is the command line."""

from k0rdent_azure.cli.main import entry

if __name__ == "__main__":
    entry()
