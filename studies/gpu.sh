#!/usr/bin/env bash
# Run a list of jobs on a machine that has torch and little else, in one call that ends in time.
#
#   studies/gpu.sh LIST.json OUT SECONDS PACK.zip ...
#
# LIST.json is a list of jobs (notebook 09c), for example studies/gpu_jobs.json. OUT is the folder of the results.
# SECONDS count from the start of this script to its end; 520 leaves a margin in a call of 9 minutes.
# PACK.zip ... are packs of photographs (python -m instance_compression.pack) or folders.
#
# Environment:
#   PACKAGES  folder of Python packages that the machine lacks, as wheels (studies/carry.sh) or unpacked;
#             studies/packages if not given
#   PYTHON    the interpreter (python3)
#   OPTIONS   further options of python -m instance_compression.gpu_jobs;
#             "--compile inductor" if not given and there is a GPU
#
# A smoke test comes first. Then jobs run until no time is left. Each finished job leaves its model, in parts of at
# most 15 MiB, and its losses in OUT/losses.csv. A line of OUT/log.txt says what became of each job.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; fi
list=$1 out=$2 until=$(( $(date +%s) + $3 )) limit=$3
shift 3
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
packages=${PACKAGES:-$root/studies/packages}
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
for wheel in "$packages"/*.whl; do
  if [ -f "$wheel" ]; then "$python" -m zipfile -e "$wheel" "$unpacked"; fi
done
export PYTHONPATH="$root:$unpacked:$packages${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export OMP_NUM_THREADS=1  # eight threads compute bases; each of them takes one core
mkdir -p "$out"
if [ -z "${OPTIONS+set}" ]; then
  OPTIONS=
  if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then OPTIONS="--compile inductor"; fi
fi
# OPTIONS is several words
# shellcheck disable=SC2086
timeout --signal INT --kill-after 10 "$limit" "$python" -m instance_compression.gpu_jobs "$list" "$@" \
  --out "$out" --until "$until" --smoke $OPTIONS 2>&1 | tee -a "$out/log.txt"
