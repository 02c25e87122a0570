#!/usr/bin/env bash
# A whole deployment on the rehearsal cloud: killed with SIGKILL in the middle, resumed, shown.
# Needs no account and no root; everything it makes is in demo-workspace/ (or the folder given).
set -euo pipefail

workspace=${1:-demo-workspace}
export K0RDENT_AZURE_REHEARSAL_SPEED=${K0RDENT_AZURE_REHEARSAL_SPEED:-60}
export K0RDENT_AZURE_REHEARSAL_SEED=${K0RDENT_AZURE_REHEARSAL_SEED:-7}

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
run() { k0rdent-azure -C "$workspace" "$@"; }

if [ -d "$workspace" ]; then
  run rehearse reset >/dev/null 2>&1 || true
  rm -rf "$workspace"
fi
mkdir -p "$workspace"
trap 'run rehearse stop >/dev/null 2>&1 || true' EXIT

say "k0rdent-azure init --template production --cloud rehearsal --yes"
run init --template production --cloud rehearsal --yes

say "k0rdent-azure deploy --yes   (five VMs; it will be killed half-way)"
# Not through `run`: $! must be the program itself, not a shell around it.
k0rdent-azure -C "$workspace" deploy --yes &
deploy=$!
for _ in $(seq 600); do
  case "$(run state get metadata.deployment_phase 2>/dev/null || true)" in
    vm_creation | vpn_setup | cluster_setup | k0rdent_install) break ;;
  esac
  kill -0 "$deploy" 2>/dev/null || break
  sleep 0.1
done
sleep 2
say "kill -9 $deploy"
kill -9 "$deploy" 2>/dev/null || true
wait "$deploy" 2>/dev/null || true

say "k0rdent-azure status   (from the file alone: what died, when, where)"
run status

say "k0rdent-azure resume --yes"
run resume --yes

say "k0rdent-azure status"
run status
say "Azure was asked $(run rehearse log --json | wc -l | tr -d ' ') times in all; see: k0rdent-azure -C $workspace rehearse log"
