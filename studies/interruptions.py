"""Kill `encode` and `train` at random moments, start them again, and compare the files with those of runs left alone -> results/interruptions.csv.

python studies/interruptions.py [--kills 20] [--video carphone]
"""
import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from instance_compression.common import beside, provenance
from instance_compression.data import photographs

CLI = [sys.executable, "-m", "instance_compression.cli"]


def run(command, kill_after=None):
    "Run a command, and return its seconds. After `kill_after` seconds it is killed, as by a power cut, and None is returned."
    begin = time.perf_counter()
    process = subprocess.Popen([*CLI, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try: _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.kill(); process.communicate()
        return None
    if process.returncode: raise SystemExit(errors)
    return time.perf_counter() - begin


def study(what, command, output, kills, rng):
    "Rows of one command: run it alone once, then kill and restart it `kills` times."
    reference = output.with_name("reference" + output.suffix)
    seconds = run([*command, "-o", str(reference)])
    wanted = hashlib.sha256(reference.read_bytes()).hexdigest()
    for k in range(kills):
        moments = [rng.uniform(0.1, 1.0) * seconds for _ in range(rng.choice((1, 1, 2)))]  # one kill, or two in a row
        for moment in moments:
            if output.exists() and not beside(output, ".ckpt").exists(): break
            killed = run([*command, "-o", str(output)], moment) is None
            half = [p.name for p in output.parent.iterdir() if p.name.startswith(".") and p.suffix == output.suffix]
        left = sorted(p.suffix for p in output.parent.iterdir() if p.name.startswith(f"{output.stem}."))
        if not output.exists() or beside(output, ".ckpt").exists(): run([*command, "-o", str(output)])
        same = hashlib.sha256(output.read_bytes()).hexdigest() == wanted
        yield {"what": what, "kill": k, "moments": " ".join(f"{m:.1f}" for m in moments), "of_seconds": round(seconds, 1), "killed": killed, "left": " ".join(left), "same_file": same, "half_files": len(half)} | provenance()
        for p in output.parent.iterdir():
            if p.stem != "reference": p.unlink()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--kills", type=int, default=20, help="Killed runs of encode; a fifth as many of train."); a.add_argument("--video", default="carphone", help="Name of a clip or path of a video."); a.add_argument("--table", type=Path, default=Path("results/interruptions.csv"), help="Table to write.")
    a = a.parse_args()
    rng, rows = random.Random(0), []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "encode").mkdir(); Path(folder, "train").mkdir(); few = Path(folder, "photographs"); few.mkdir()
        for p in photographs()[::60]: (few / p.name).symlink_to(p.resolve())
        jobs = (("encode", ["encode", a.video, "--max-frames", "2", "--steps", "120", "--crop", "64", "--evaluations", "6"], Path(folder, "encode", "clip.iac"), a.kills),
                ("train", ["train", "--data", str(few), "--steps", "1100", "--crop", "64", "--batch-size", "1", "--no-kodak"], Path(folder, "train", "model.safetensors"), max(1, a.kills // 5)))
        for job in jobs:
            for row in study(*job, rng):
                rows.append(row); print(row, flush=True)
    pd.DataFrame(rows).to_csv(a.table, index=False)
    if not all(r["same_file"] for r in rows): raise SystemExit("a resumed run ended with another file")


if __name__ == "__main__": main()
