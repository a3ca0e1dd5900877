"""Run experiments again, and compare their rows with the stored ones -> results/reruns.csv.

python studies/rerun.py main-dashcam-fast-full-0.00025 [more names]   # python -m instance_compression.experiments list prints the names

All columns but seconds, commit and machine must be equal to the last digit. On another kind of processor the last digits differ.
A run of `main` takes a quarter of an hour on one core."""
import json
import sys
import tempfile
from pathlib import Path

import torch

from instance_compression.common import InputError, append_row
from instance_compression.experiments import experiment, read_table, run_experiment

RESULTS = Path(__file__).parent.parent / "results"
ELSE = ("seconds", "cpu_seconds", "ms_ssim", "commit", "machine")

if __name__ == "__main__":
    if len(sys.argv) < 2: sys.exit(f"usage: {__doc__.splitlines()[2].split('   #')[0]}")
    torch.set_num_threads(1)
    stored = read_table("runs", RESULTS)
    try: runs = {name: experiment(name) for name in sys.argv[1:]}
    except InputError as e: sys.exit(f"error: {e}")
    missing = [name for name, run in runs.items() if run.key not in set(stored.key)]
    if missing: sys.exit(f"error: results/runs.csv has no row of {', '.join(missing)} with its present settings")
    for name, run in runs.items():
        with tempfile.TemporaryDirectory() as folder: again = run_experiment(run, folder)["runs"]
        for row in json.loads(json.dumps(again)):
            first = stored[(stored.run == name) & (stored.method == row["method"])].iloc[0]
            differ = [k for k in row if k not in ELSE and first[k] != row[k] and not (first.isna()[k] and row[k] in (None, ""))]
            append_row(RESULTS / "reruns.csv", {
                "run": name, "method": row["method"], "key": row["key"], "same": not differ, "differ": " ".join(differ),
                "file_bytes": "" if first.isna().file_bytes else int(first.file_bytes), "file_bytes_again": row["file_bytes"],
                "first_commit": first.commit, "first_machine": first.machine, "commit": row["commit"], "machine": row["machine"]})
