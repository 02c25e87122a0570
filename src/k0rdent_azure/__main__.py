"""`python -m k0rdent_azure` is the command line."""

from k0rdent_azure.cli.surroundings import leave_current_folder

if __name__ == "__main__":
    leave_current_folder()

    from k0rdent_azure.cli.main import entry

    entry()
