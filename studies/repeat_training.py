"""Train the first 500 steps of models again, and compare the losses with those of the first run -> results/repeated_training.csv.

python studies/repeat_training.py [MODEL.safetensors ...]

The settings come from the model's card. Without arguments the script takes the models of the set first. Of the set second it takes
1e-3 and 2.5e-4; a GPU trained the others, and does not repeat the last bits. One model takes six to twelve minutes on one thread, the
number of threads of the first run. On another kind of processor the losses differ a little.
"""
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from instance_compression.common import append_row, has_row, load_tensors, provenance
from instance_compression.data import photographs
from instance_compression.training import TrainConfig, load_photographs, train

torch.set_num_threads(1)
STEPS = 500  # the first checkpoint, which holds the losses
ROOT = Path(__file__).parent.parent
TABLE, SET_FIRST = ROOT / "results/repeated_training.csv", ROOT / "weights/first"
PARENTS = {SET_FIRST: SET_FIRST / "parents", ROOT / "instance_compression/weights": ROOT / "weights/second/parents"} # folder of models -> their parents


def start_of(model, card):
    "The model that a training started from; None for the KLT start."
    if card["init"] == "klt": return None
    parent = PARENTS[model.parent] / card["init"]
    return parent if parent.is_file() else model.with_name(card["init"])


def losses_of(model):
    "The stored losses of the first run."
    logs = ROOT / "results/training"
    if model.parent != SET_FIRST: table = pd.read_csv(logs / "queue.csv", float_precision="round_trip").query("job == @model.stem")
    else: table = pd.read_csv(logs / f"first/{model.stem}.csv", float_precision="round_trip")
    return table.set_index("step").loss


for model in [Path(name).resolve() for name in sys.argv[1:]] or sorted(SET_FIRST.glob("*.safetensors")):
    card = json.loads(model.with_suffix(".json").read_text())
    if model.parent not in PARENTS or card["device"] != "cpu": sys.exit(f"{model} was not trained on a CPU, or is no model of the two sets")
    cfg = TrainConfig(**card["config"])
    if has_row(TABLE, identity=card["identity"], commit=provenance()["commit"]): continue
    with tempfile.TemporaryDirectory() as folder:
        train(cfg, load_photographs(photographs(), cfg.crop), Path(folder) / "again.safetensors", start_of(model, card), stop_after=STEPS)
        again = load_tensors(Path(folder) / "again.ckpt")[1]["log"]
    first = losses_of(model)
    for row in again:
        loss = first[row["step"]]
        append_row(TABLE, {"beta": cfg.beta, "identity": card["identity"], "step": row["step"], "loss": loss, "loss_again": row["loss"], "same": loss == row["loss"]} | provenance())
