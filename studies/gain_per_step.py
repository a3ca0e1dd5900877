"""Measure whether the full method gains sooner from another start or on other crops -> results/gain_per_step.csv.

python studies/gain_per_step.py [--clips foreman tree1080] [--steps 250]

There are four variants, all with the settings of the preset `fast` and beta 1e-3:
- the global model as the start, the default;
- the codec after 500 steps on the other clip as the start;
- the codec after 500 steps on the same clip at the neighbouring beta, with the global model of that beta, as the start;
- crops by loss: of two crops, the run takes the crop that costs the global model more.
Both clips take about a quarter of an hour on one core."""
import argparse
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from tqdm import tqdm

from instance_compression.adapt_config import AdaptConfig
from instance_compression.tiles import Tiles
from instance_compression.adaptation import Adaptation
from instance_compression.codec import analysis, codec_of, synthesis
from instance_compression.common import append_row, has_row, provenance
from instance_compression.clip import to_tensor
from instance_compression.video import load_clip
from instance_compression.hyperprior import load_global, model_identity
from instance_compression.rate_distortion import gaussian_bits

TABLE = Path(__file__).parent.parent / "results/gain_per_step.csv"
BETA, NEIGHBOUR, BLOCK = 1e-3, 3e-3, 16  # of the runs; of the start at another beta; side of a latent [px]


def run(clip:str, cfg:AdaptConfig, start:dict, name:str, choose:Callable=lambda tiles: tiles.draw) -> tuple: # (rows, {"offset", "delta"} at the end)
    "Take steps from a start, and measure the whole clip at the start and along the way. An empty `start` is the global model."
    run = Adaptation(load_global(cfg.beta, model_set="first"), frames[clip], cfg, "cpu")
    networks = run.networks
    with torch.no_grad():
        for k, v in start.items(): networks.tensors[k].copy_(v); networks.average[k].copy_(v)
    if start: run.measure()
    with patch.object(networks.tiles, "draw", choose(networks.tiles)):
        for _ in tqdm(range(cfg.steps), desc=f"{clip}, {name}", unit="step"):
            run.advance_networks()
            if cfg.measured_at(run.step): run.measure()
    rows = [{"clip": clip, "beta": cfg.beta, "model": model_identity(run.model_global), "steps": cfg.steps, "variant": name} | row for row in (run.log[1:] if start else run.log)]
    return [row | {"loss_global": run.log[0]["loss"]} for row in rows], networks.averaged()


@torch.no_grad()
def cost_images(model, frames) -> np.ndarray: # uint8, of the shape of the frames
    "The cost of each block with the global model, D / beta + R of y, as brightness. White is the cost that 1 % of the pixels exceed."
    costs = []
    for frame in frames:
        symbols = analysis(model, to_tensor(frame))
        bits = gaussian_bits(symbols["y_symbols"], symbols["scales"])[0].sum(0) / BLOCK**2
        error = ((synthesis(model, symbols, *frame.shape[:2]) / 255.0 - frame / 255.0)**2).mean(-1) / BETA
        bits = bits.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)[:frame.shape[0], :frame.shape[1]]
        costs.append(bits.numpy() + error)
    costs = np.stack(costs)
    return np.rint(255 * np.minimum(1, costs / np.quantile(costs, 0.99))).astype(np.uint8)[..., None].repeat(3, -1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs=2, default=["foreman", "tree1080"], help="Two clips. The adapted codec of each is also tried as a start on the other.")
    parser.add_argument("--steps", type=int, default=250, help="Steps of each run.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    frames = {clip: load_clip(clip, 2.0).frames for clip in args.clips}
    cfg, longer = AdaptConfig(beta=BETA, steps=args.steps, evaluations=0), {"steps": 500, "evaluations": 1}
    for clip, other in zip(args.clips, args.clips[::-1]):
        model = load_global(BETA, model_set="first")
        costs = Tiles(cost_images(model, frames[clip]), cfg.crop, codec_of(model).stride, cfg.seed)
        def in_turn(tiles): return tiles.draw
        def by_loss(tiles): # of two tiles, the one that costs more
            draw = tiles.draw
            def draw_costlier(step, batch_size):
                return draw(max((2 * step, 2 * step + 1), key=lambda i: costs.draw(i, batch_size).x.mean().item()), batch_size)
            return draw_costlier
        variants = {"global model": (lambda: {}, in_turn), "crops by loss": (lambda: {}, by_loss),
                    f"after 500 steps on {other}": (lambda: run(other, AdaptConfig(beta=BETA, **longer), {}, "start")[1], in_turn),
                    f"after 500 steps at beta {NEIGHBOUR:g}": (lambda: run(clip, AdaptConfig(beta=NEIGHBOUR, **longer), {}, "start")[1], in_turn)}
        for name, (start, choose) in variants.items():
            if has_row(TABLE, clip=clip, beta=BETA, model=model_identity(load_global(BETA, model_set="first")), steps=args.steps, variant=name, step=args.steps): continue
            for row in run(clip, cfg, start(), name, choose)[0]: append_row(TABLE, row | provenance())
