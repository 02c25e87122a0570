"""Commands that the parser accepts, as a test shows, and that no situation types yet. This table only shrinks."""

from __future__ import annotations

WAITING: frozenset[str] = frozenset(
    {
        "cli/run_snapshot.py: snapshot prune --keep 3",
        "cluster/apply.py: doctor",
        "cluster/k0sctl.py: state check",
        "cluster/kcm.py: state check",
        "hosts/cloud_init.py: state check",
        "hosts/command.py: (resume)",
        "hosts/local_command.py: doctor",
        "hosts/local_wireguard.py: resume",
        "hosts/wireguard.py: state check",
        "hosts/workstation.py: (resume)",
        "phases/cluster_setup.py: status",
        "phases/cluster_setup.py: (doctor)",
        "phases/cluster_setup.py: doctor",
        "phases/preserving.py: resume",
        "phases/quorum.py: destroy",
        "phases/quorum.py: doctor",
        "phases/quorum.py: (deploy)",
        "phases/rebuild_losses.py: recover --rekey",
        "phases/vpn_setup.py: recover --rekey",
        "state/editor.py: status",
        "state/inside.py: state check",
        "state/intents.py: {REKEY.finish}",
        "state/secrets.py: secrets status",
        "state/secrets_at_rest.py: secrets status",
        "state/store.py: status",
        "state/transaction.py: snapshot list",
    }
)
