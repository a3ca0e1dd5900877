"""Compare three ways to cut a clip for training -> results/tiles.csv and results/step_ratio.csv.

python studies/tiles.py --random OLD CLIP STEPS SEED [SEED ...]                          # gains; OLD is a checkout of commit 10bd13b
python studies/tiles.py --fixed OLD --preset dual [--half] CLIP STEPS SEED [SEED ...]    # gains; OLD is a checkout of commit da69fde
python studies/tiles.py --random OLD --speed                                             # time of a step

random: crops at random places. fixed: the same tiles in each sweep. tiles: the present code, which cuts each frame anew in each sweep.
Each run is a process of its own on one thread. It starts from the model of the set `first`; with the preset `dual`, from the shipped one.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from instance_compression.common import append_row, has_row, provenance

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "results/tiles.csv"
MODELS = {"fast": ROOT / "weights/first", "dual": ROOT / "instance_compression/weights"}
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
from instance_compression.adaptation import AdaptConfig, adapt # every checkout has these names there
load_clip = find("load_clip")
from instance_compression.hyperprior import load_model
job = json.loads(sys.argv[1])
clip, more = load_clip(job["clip"]), {}
if job["is_halved"]:
    from instance_compression.experiments import halved
    clip = halved(clip)
if job["preset"] == "dual":
    from instance_compression.adapt_config import DUAL as more
begin = time.perf_counter()
cfg = AdaptConfig(job["method"], job["beta"], job["steps"], seed=job["seed"], evaluations=2, **more)
run = adapt(load_model(sys.argv[2]), clip.frames, cfg, progress=False)
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
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], env=environment, capture_output=True, text=True, cwd="/")
    if run.returncode: sys.exit(run.stderr)
    return run.stdout.strip().splitlines()[-1]


def step_ratio(before: Path, model: Path):
    "Time of a step in turn, before and now; add the ratio to the table."
    times = {"before": [], "after": []}
    for _ in range(3):
        for name, root in (("before", before), ("after", ROOT)): times[name].append(float(python(root, STEP, model)))
    before_ms, after_ms = median(times["before"]), median(times["after"])
    append_row(ROOT / "results/step_ratio.csv", {"height": 384, "width": 384, "before_ms": round(before_ms, 1), "after_ms": round(after_ms, 1),
                                                 "ratio": round(after_ms / before_ms, 3)} | provenance())


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("clip", nargs="?")
parser.add_argument("steps", nargs="?", type=int)
parser.add_argument("seeds", nargs="*", type=int)
parser.add_argument("--random", type=Path, help="Checkout of commit 10bd13b.")
parser.add_argument("--fixed", type=Path, help="Checkout of commit da69fde.")
parser.add_argument("--preset", choices=list(MODELS), default="fast", help="Recipe; `dual` is not in commit 10bd13b.")
parser.add_argument("--beta", type=float, default=1e-3, help="Weight of the rate.")
parser.add_argument("--half", action="store_true", help="Frames at half their width and height.")
parser.add_argument("--method", choices=("encoder", "full"), help="One method instead of both.")
parser.add_argument("--speed", action="store_true", help="Time of a step, before and now.")
args = parser.parse_args()
if args.speed and not args.random: parser.error("--speed needs --random OLD")
if not (args.speed or args.seeds): parser.error("give CLIP STEPS SEED, or --speed")
model = MODELS[args.preset] / f"small-beta{args.beta:g}.safetensors"
roots = {name: root.resolve() for name, root in (("random", args.random), ("fixed", args.fixed), ("tiles", ROOT)) if root}
if args.speed:
    step_ratio(roots["random"], model)
    sys.exit()
for seed in args.seeds:
    for method in [args.method] if args.method else ("encoder", "full"):
        for crops, root in roots.items():
            job = {"clip": args.clip, "preset": args.preset, "is_halved": args.half, "beta": args.beta, "method": method, "steps": args.steps, "seed": seed}
            if has_row(TABLE, crops=crops, **job): continue
            append_row(TABLE, {"crops": crops} | job | json.loads(python(root, ADAPT, json.dumps(job), model)) | provenance())
