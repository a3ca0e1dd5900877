#!/usr/bin/env bash
# The runs behind results/clips.csv: dashcam at its own size, each beta, each method, decoded again in a fresh process.
# Finished files are kept, interrupted runs resume. BETAS and METHODS choose a part; several of these may run side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p runs
for beta in ${BETAS:-1e-3 3e-3 2.5e-4 1e-4}; do
  for method in ${METHODS:-global encoder full}; do
    run=runs/dashcam-$method-$beta
    [ -e "$run.iac" ] || instance-compression encode dashcam -o "$run.iac" --beta "$beta" --steps 1000 --method "$method" --table results/clips.csv > "$run.txt"
    rm -rf "${run//./_}-frames"
    instance-compression decode "$run.iac" -o "${run//./_}-frames" > "$run.decoded.txt"
    if [ "$(grep sha256 "$run.txt")" != "$(grep sha256 "$run.decoded.txt")" ]; then echo "$run.iac: decoded pictures differ from the encoder's"; exit 1; fi
    instance-compression info "$run.iac" > "$run.info.txt"
    rm -rf "${run//./_}-frames"
    echo "$run.iac: decoded in a fresh process to the encoder's pictures"
  done
done
