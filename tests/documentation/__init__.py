"""What `docs/`, the generated configuration and `--help` say, compared with what is sent, and with what runs."""
