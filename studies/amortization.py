"""Measure how the gain grows when more pixels share the update -> results/amortization.csv.

python studies/amortization.py [CLIP] [--fps 2 25] [--beta 1e-3] [--steps 1000] [--earlier]

The script adapts one clip at several frame rates, by encoder only and by the full method. Without arguments it takes dashcam and
all betas. One row takes about ten minutes on one core. Frames that lie closer together also resemble each other more. The same
number of frames from a longer clip would gain less."""
import argparse
import dataclasses
import itertools
import tempfile
from pathlib import Path

import torch

from instance_compression.adapt_config import AdaptConfig
from instance_compression.adaptation import adapt
from instance_compression.bitstream import check_decodes, encode_clip
from instance_compression.codec import rdm_loss
from instance_compression.common import append_row, has_row
from instance_compression.clip import Clip
from instance_compression.video import load_clip
from instance_compression.experiments import COSINE_SCHEDULE, FOUR_BETAS
from instance_compression.hyperprior import Hyperprior, load_global, model_identity
from instance_compression.results import result_row

TABLE = Path(__file__).parent.parent / "results/amortization.csv"


def row(clip:Clip, cfg:AdaptConfig, model:Hyperprior, file:Path=None) -> dict:
    "Adapt, write a file, decode it in a fresh process: one row of the table. `file` is the model's file if the model is not shipped."
    adapted = adapt(model, clip.frames, cfg)
    with tempfile.TemporaryDirectory() as folder:
        encoded = encode_clip(Path(folder) / "clip.iac", adapted, model, clip)
        check_decodes(Path(folder) / "clip.iac", encoded, Path(folder) / "frames", file)
    return {"loss_global": adapted.log[0]["loss"], "loss": rdm_loss(adapted.metrics, cfg.beta)} | result_row(clip, cfg, model, adapted, encoded)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="dashcam", help="Name of a clip or path of a video.")
    parser.add_argument("--fps", type=float, nargs="+", default=[2.0, 25.0], help="Frames a second to sample, one or more numbers.")
    parser.add_argument("--beta", type=float, nargs="+", default=FOUR_BETAS, help="Weights of the rates, one or more numbers.")
    parser.add_argument("--steps", type=int, default=1000, help="Steps of each adaptation.")
    parser.add_argument("--earlier", action="store_true", help="Use the settings of the study earlier.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for fps, beta, method in itertools.product(args.fps, args.beta, ("encoder", "full")):
        cfg, model = AdaptConfig(method, beta, args.steps, evaluations=1, **(COSINE_SCHEDULE if args.earlier else {})), load_global(beta, model_set="first")
        wanted = dataclasses.asdict(cfg) | {"clip": args.clip, "fps": fps, "model": model_identity(model)}
        del wanted["evaluations"]  # how often it is measured on the way changes nothing
        if not has_row(TABLE, **wanted): append_row(TABLE, row(load_clip(args.clip, fps), cfg, model))
