"""Make results/amortization.csv: encoder only and the full model on one clip sampled more and more often, so that more pixels share the update's bits.

python studies/amortization.py [CLIP] [FPS ...]   # dashcam at 2, 8 and 25 frames per second by default; about ten minutes on one core for each row

Steps, rates and crops are the same in every row. Frames that lie closer together resemble each other more, so this is a bound for the help that a longer clip would be; notebook 12 says so beside the rows."""
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from instance_compression.adaptation import AdaptConfig, adapt
from instance_compression.bitstream import encode_clip
from instance_compression.cli import append_row, result_row
from instance_compression.data import load_clip
from instance_compression.hyperprior import load_global
from instance_compression.rate_distortion import rdm_loss

TABLE = Path(__file__).parent.parent / "results/amortization.csv"


def row(name:str, fps:float, method:str) -> dict:
    clip, cfg = load_clip(name, fps), AdaptConfig(method, evaluations=1)
    model = load_global(cfg.beta)
    adapted = adapt(model, clip.frames, cfg)
    with tempfile.TemporaryDirectory() as folder: encoded = encode_clip(Path(folder) / "clip.iac", adapted, model, clip)
    return {"loss_global": adapted.log[0]["loss"], "loss": rdm_loss(adapted.metrics, cfg.beta)} | result_row(clip, cfg, model, adapted, encoded)


if __name__ == "__main__":
    torch.set_num_threads(1)
    name, rates = (sys.argv[1] if len(sys.argv) > 1 else "dashcam"), [float(fps) for fps in sys.argv[2:]] or [2.0, 8.0, 25.0]
    for fps in rates:
        for method in ("encoder", "full"):
            there = pd.read_csv(TABLE) if TABLE.is_file() else pd.DataFrame({"clip": [], "fps": [], "method": []})
            if not ((there.clip == name) & (there.fps == fps) & (there.method == method)).any(): append_row(TABLE, row(name, fps, method))
