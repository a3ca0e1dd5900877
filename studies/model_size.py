"""Measure the lead of the full method over encoder only by the size of the global model -> results/model_size.csv.

python studies/model_size.py [--sizes half small double] [--train-steps 1000] [--clip dashcam] [--steps 1000] [--folder runs/model_size]

The models differ in their widths. Each is trained from the same start by the same number of steps on the same crops. Each is then
adapted to one clip with the settings of the preset `fast`. Such short training leaves all of them weaker than the models of the set `first`, which have
rows in the study `main`. One size takes ten to forty minutes on one core. The script resumes after an interruption. Two processes
may take different sizes at once."""
import argparse
import dataclasses
from pathlib import Path

import torch

from amortization import row
from instance_compression.adapt_config import AdaptConfig
from instance_compression.common import append_row, has_row
from instance_compression.data import photographs
from instance_compression.video import load_clip
from instance_compression.hyperprior import SIZES, load_model, receiver_parameters
from instance_compression.training import TrainConfig, hold_back, load_photographs, train, validate

TABLE, BETA = Path(__file__).parent.parent / "results/model_size.csv", 1e-3
# as small, but for the channels inside g_a, g_s and h_s
SIZES |= {"half": SIZES["small"] | {"widths": (16, 32, 64), "hyper": (32, 48)}, "double": SIZES["small"] | {"widths": (64, 128, 256), "hyper": (128, 192)}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["half", "small", "double"], choices=list(SIZES), help="Sizes of the global model.")
    parser.add_argument("--train-steps", type=int, default=1000, help="Training steps of each global model.")
    parser.add_argument("--clip", default="dashcam", help="Name of a clip or path of a video.")
    parser.add_argument("--steps", type=int, default=1000, help="Steps of each adaptation.")
    parser.add_argument("--folder", type=Path, default=Path("runs/model_size"), help="Folder of the models.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    images = load_photographs(photographs(), TrainConfig.crop)
    for size in args.sizes:
        path, cfg_train = args.folder / f"{size}-{args.train_steps}.safetensors", TrainConfig(BETA, size, args.train_steps)
        model = load_model(path) if path.is_file() else train(cfg_train, images, path)
        about = {"size": size, "n_receiver": sum(p.numel() for p in receiver_parameters(model).values()), "train_steps": args.train_steps} | validate(model, hold_back(images)[1], BETA)
        for method in ("encoder", "full"):
            cfg = AdaptConfig(method, BETA, args.steps, evaluations=4)
            wanted = dataclasses.asdict(cfg) | {"size": size, "train_steps": args.train_steps, "clip": args.clip}
            if not has_row(TABLE, **wanted): append_row(TABLE, about | row(load_clip(args.clip), cfg, model, path))
