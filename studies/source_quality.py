"""Make results/source_quality.csv: does it matter how well the clip itself is coded? Encoder only and the full method on one clip that was coded again (x265, all-intra) before it is adapted to; as it is, it has rows in the study `main`.

python studies/source_quality.py [CLIP] [--crf 22 32] [--beta 1e-3] [--steps 1000]   # dashcam by default; about ten minutes on one core for each row

PSNR, rates and losses are those against the frames that are adapted to; `source_psnr` compares these with the clip as it is."""
import argparse
import dataclasses
from pathlib import Path

import torch

from amortization import row
from instance_compression.adapt_config import AdaptConfig
from instance_compression.common import append_row, has_row
from instance_compression.clip import Clip
from instance_compression.video import load_clip
from instance_compression.hyperprior import load_global, model_identity
from references import psnr_between, x265_intra

TABLE = Path(__file__).parent.parent / "results/source_quality.csv"


def coded_again(clip:Clip, crf:int) -> tuple: # (clip, {"crf", "source_bpp", "source_psnr"})
    size, frames = x265_intra(clip.frames, crf)
    return dataclasses.replace(clip, frames=frames), {"crf": crf, "source_bpp": 8 * size / clip.n_pixels, "source_psnr": psnr_between(frames, clip.frames)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", default="dashcam")
    parser.add_argument("--crf", type=int, nargs="+", default=[22, 32])
    parser.add_argument("--beta", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=1000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_global(args.beta)
    for crf in args.crf:
        wanted = [cfg for cfg in (AdaptConfig(method, args.beta, args.steps, evaluations=0) for method in ("encoder", "full"))
                  if not has_row(TABLE, clip=args.clip, crf=crf, model=model_identity(model), **dataclasses.asdict(cfg))]
        if not wanted: continue
        clip, source = coded_again(load_clip(args.clip), crf)
        for cfg in wanted: append_row(TABLE, source | row(clip, cfg, model))
