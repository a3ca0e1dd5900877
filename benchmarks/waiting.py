"""Time an adaptation on two threads whose waiting threads spin or sleep, alone and beside a busy process -> results/waiting.csv.

python benchmarks/waiting.py [REPEATS]   # 3 by default

OpenMP's threads spin while they wait, unless OMP_WAIT_POLICY=PASSIVE asks them to sleep. The four settings run in turns.
"""
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from instance_compression.common import append_row, provenance

TABLE = Path(__file__).parent.parent / "results/waiting.csv"
WORK = """
import time, torch
torch.set_num_threads(2)
from instance_compression.adapt_config import AdaptConfig
from instance_compression.adaptation import adapt
from instance_compression.clip import sample_clip
from instance_compression.hyperprior import load_global
frames, model = sample_clip(n_frames=1).frames, load_global(1e-3)
begin = time.perf_counter()
adapt(model, frames, AdaptConfig(steps=10, crop=128, evaluations=1), progress=False)
print(time.perf_counter() - begin)
"""
BUSY = "while True: pass"


def seconds(policy: str, busy: int) -> float:
    "The seconds of one adaptation beside `busy` busy processes."
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP", "GOMP"))}
    if policy == "sleep": environment["OMP_WAIT_POLICY"] = "PASSIVE"
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
    try: run = subprocess.run([sys.executable, "-c", WORK], env=environment, capture_output=True, text=True, check=True)
    finally:
        for other in others: other.kill()
    return float(run.stdout)


repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
cases = [(policy, busy) for busy in (0, 1) for policy in ("spin", "sleep")]
taken = {case: [] for case in cases}
for _ in range(repeats):
    for case in cases: taken[case].append(seconds(*case))
for (policy, busy), times in taken.items():
    append_row(TABLE, {"waiting_threads": policy, "busy_processes": busy, "repeats": repeats, "median_seconds": round(median(times), 2),
                       "min_seconds": round(min(times), 2), "max_seconds": round(max(times), 2)} | provenance())
