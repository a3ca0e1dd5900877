"""Train the first 500 steps of each model of the set first again, and compare the losses with those of the first run -> results/repeated_training.csv.

python studies/repeat_training.py [MODEL.safetensors ...]

The settings come from the model's card. Without arguments the script takes the models of the set first; most models of the set second were
trained on a GPU, which does not repeat the last bits. One model takes six to twelve
minutes on one thread, the number of threads of the first run. On another kind of processor the losses differ a little."""
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
TABLE, FIRST = ROOT / "results/repeated_training.csv", ROOT / "weights/first"

for model in map(Path, sys.argv[1:] or sorted(FIRST.glob("*.safetensors"))):
    if model.resolve().parent != FIRST.resolve(): sys.exit(f"{model} is not a model of the set first, in {FIRST}")
    card = json.loads(model.with_suffix(".json").read_text())
    cfg = TrainConfig(**card["config"])
    if has_row(TABLE, identity=card["identity"], commit=provenance()["commit"]): continue
    init = model.parent / "parents" / card["init"]  # a model that was branched from, and is not in the set any more
    if card["init"] == "klt": init = None
    elif not init.is_file(): init = model.with_name(card["init"])
    with tempfile.TemporaryDirectory() as folder:
        train(cfg, load_photographs(photographs(), cfg.crop), Path(folder) / "again.safetensors", init, stop_after=STEPS)
        again = load_tensors(Path(folder) / "again.ckpt")[1]["log"]
    log = model.with_suffix(".csv") if model.with_suffix(".csv").is_file() else ROOT / f"results/training/first/{model.stem}.csv"
    first = pd.read_csv(log, float_precision="round_trip")
    for row in again:
        loss = first.loc[first.step == row["step"], "loss"].item()
        append_row(TABLE, {"beta": cfg.beta, "identity": card["identity"], "step": row["step"], "loss": loss, "loss_again": row["loss"], "same": loss == row["loss"]} | provenance())
