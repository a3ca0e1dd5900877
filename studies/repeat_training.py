"""Make results/repeated_training.csv: run the command of each shipped model's card again for its first 500 steps, and put the losses beside those of the run that made it.

On another kind of processor the losses differ a little; threads (1) are those of the first run; six to twelve minutes a model. Give model files to run some of them, or others."""
import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from instance_compression.common import append_row, has_row, load_tensors, provenance
from instance_compression.data import photographs
from instance_compression.hyperprior import BETAS, global_path
from instance_compression.training import TrainConfig, load_photographs, train

torch.set_num_threads(1)
STEPS = 500  # the first checkpoint, which holds the losses
ROOT = Path(__file__).parent.parent
TABLE, PARENTS = ROOT / "results/repeated_training.csv", ROOT / "weights/parents"  # models that were branched from, and are not shipped any more

for model in map(Path, sys.argv[1:] or map(global_path, BETAS)):
    card = json.loads(model.with_suffix(".json").read_text())
    cfg = TrainConfig(**card["config"])
    if has_row(TABLE, identity=card["identity"], commit=provenance()["commit"]): continue
    init = PARENTS / card["init"]
    if card["init"] == "klt": init = None
    elif not init.is_file(): init = global_path(cfg.beta).with_name(card["init"])
    with tempfile.TemporaryDirectory() as folder:
        train(cfg, load_photographs(photographs(), cfg.crop), Path(folder) / "again.safetensors", init, stop_after=STEPS)
        again = load_tensors(Path(folder) / "again.ckpt")[1]["log"]
    log = model.with_suffix(".csv") if model.with_suffix(".csv").is_file() else ROOT / f"results/training/{model.stem}.csv"
    first = pd.read_csv(log, float_precision="round_trip")
    for row in again:
        loss = first.loc[first.step == row["step"], "loss"].item()
        append_row(TABLE, {"beta": cfg.beta, "identity": card["identity"], "step": row["step"], "loss": loss, "loss_again": row["loss"], "same": loss == row["loss"]} | provenance())
