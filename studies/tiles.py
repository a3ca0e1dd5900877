"""Compare the present code with commit 10bd13b, which cropped at random places -> results/tiles.csv and results/step_ratio.csv.

python studies/tiles.py OLD CLIP STEPS SEED [SEED ...]   # gains; OLD is a checkout of commit 10bd13b
python studies/tiles.py OLD --speed                      # time of a step

Each run is a process of its own on one thread, with beta 1e-3, the settings of the preset `fast` and the model of the set `first`.
"""
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from instance_compression.common import append_row, has_row, provenance

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "weights/first/small-beta0.001.safetensors" # both checkouts take it as their last argument
FIND = """
import importlib
def find(name): # in the module that holds it: checkouts differ
    for module in ("data", "clip", "video"):
        try: return getattr(importlib.import_module("instance_compression." + module), name)
        except (ImportError, AttributeError): pass
"""
ADAPT = FIND + """
import json, sys, time, torch
torch.set_num_threads(1)
from instance_compression.adaptation import AdaptConfig, adapt # either checkout has these names there
load_clip = find("load_clip")
from instance_compression.hyperprior import load_model
clip, method, steps, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
begin = time.perf_counter()
run = adapt(load_model(sys.argv[-1]), load_clip(clip).frames, AdaptConfig(method, 1e-3, steps, seed=seed, evaluations=2), progress=False)
best = min(row["loss"] for row in run.log)
print(json.dumps({"loss_global": run.log[0]["loss"], "loss": best, "fall": 100 * (1 - best / run.log[0]["loss"]),
                  "n_nonzero": int((run.levels != 0).sum()), "seconds": round(time.perf_counter() - begin, 1)}))
"""
STEP = FIND + """
import sys, time, torch
torch.set_num_threads(1)
from statistics import median
import instance_compression.adaptation as a
sample_clip = find("sample_clip")
from instance_compression.hyperprior import load_model
frames = sample_clip(n_frames=2, height=384, width=384).frames
run = getattr(a, "NetworkTraining", None) or a._Networks
run, times = run(load_model(sys.argv[-1]), frames, a.AdaptConfig(steps=1000), "cpu"), []
for _ in range(13):
    begin = time.perf_counter(); run.advance(); times.append(time.perf_counter() - begin)
print(1000 * median(times[3:]))
"""


def python(root: Path, code: str, *arguments) -> str:
    "Run code with the package of a checkout, on one thread. Return its last line."
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments), str(MODEL)], env=environment, capture_output=True, text=True, cwd="/")
    if run.returncode: sys.exit(run.stderr)
    return run.stdout.strip().splitlines()[-1]


old, *arguments = sys.argv[1:]
roots = {"random": Path(old).resolve(), "tiles": ROOT.resolve()}
if arguments == ["--speed"]:
    times = {crops: [] for crops in roots}
    for _ in range(3):
        for crops, root in roots.items(): times[crops].append(float(python(root, STEP)))
    before, after = (median(times[crops]) for crops in roots)
    append_row(ROOT / "results/step_ratio.csv", {"height": 384, "width": 384, "before_ms": round(before, 1), "after_ms": round(after, 1), "ratio": round(after / before, 3)} | provenance())
else:
    clip, steps, *seeds = arguments
    for seed in seeds:
        for method in ("encoder", "full"):
            for crops, root in roots.items():
                row = {"crops": crops, "clip": clip, "method": method, "steps": steps, "seed": seed}
                if has_row(ROOT / "results/tiles.csv", **row): continue
                append_row(ROOT / "results/tiles.csv", row | json.loads(python(root, ADAPT, clip, method, steps, seed)) | provenance())
