"""Measure the gain on a clip that was coded once more, to see whether the coding of the source matters -> results/source_quality.csv.

python studies/source_quality.py [CLIP] [--crf 22 32] [--beta 1e-3] [--steps 1000]

x265 (all-intra) codes the clip again. Encoder only and the full method then adapt to the result. The clip as it is has rows in the
study `main`. PSNR, rates and losses refer to the recoded frames; `source_psnr` compares the recoded frames with the clip as it is.
Without arguments the script takes dashcam. One row takes about ten minutes on one core."""
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
from references import psnr_between, x265

TABLE = Path(__file__).parent.parent / "results/source_quality.csv"


def coded_again(clip:Clip, crf:int) -> tuple: # (clip, {"crf", "source_bpp", "source_psnr"})
    "Code the frames of a clip by x265, and return the decoded frames as a clip."
    size, frames = x265(clip.frames, crf, intra=True)
    return dataclasses.replace(clip, frames=frames), {"crf": crf, "source_bpp": 8 * size / clip.n_pixels, "source_psnr": psnr_between(frames, clip.frames)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="dashcam", help="Name of a clip or path of a video.")
    parser.add_argument("--crf", type=int, nargs="+", default=[22, 32], help="Quality of x265, one or more numbers; a small one is good.")
    parser.add_argument("--beta", type=float, default=1e-3, help="Weight of the rates.")
    parser.add_argument("--steps", type=int, default=1000, help="Steps of each adaptation.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_global(args.beta, model_set="first")
    for crf in args.crf:
        wanted = [cfg for cfg in (AdaptConfig(method, args.beta, args.steps, evaluations=0) for method in ("encoder", "full"))
                  if not has_row(TABLE, clip=args.clip, crf=crf, model=model_identity(model), **dataclasses.asdict(cfg))]
        if not wanted: continue
        clip, source = coded_again(load_clip(args.clip), crf)
        for cfg in wanted: append_row(TABLE, source | row(clip, cfg, model))
