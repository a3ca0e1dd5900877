"""Measure the gain of an update in which only a share of the parameters may move -> results/support.csv.

python studies/support.py [CLIP] [STEPS]   # dashcam and 1000 by default

The update is not quantized and not charged. The parameters that may move have the largest gradient of L_RD over the whole clip, at
the global model. nbs/appendix/settings.ipynb adds the price of their bits. One share takes about six minutes on one core."""
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from instance_compression.adapt_config import AdaptConfig
from instance_compression.adaptation import Adaptation, NetworkTraining, step_loss
from instance_compression.common import append_row, has_row, provenance
from instance_compression.video import load_clip
from instance_compression.hyperprior import load_global, model_identity

SHARES = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
CROPS = 120 # in the mean gradient


def mean_gradient(model, frames, cfg) -> torch.Tensor: # (P,), in channels_last order
    "The gradient of the loss with respect to the update, at the global model, mean over crops."
    networks = NetworkTraining(model, frames, cfg, "cpu")
    delta, total = networks.tensors["delta"], 0
    for i in range(CROPS):
        torch.manual_seed(i)
        loss, _ = step_loss(networks.model, networks.tiles.draw(i, 1), cfg, networks.update, networks.sender, networks.receiver,
                            networks.n_pixels, networks.tensors["offset"], delta)
        total = total + torch.autograd.grad(loss, delta)[0]
    return total / CROPS


def row(model, frames, cfg, share, order) -> dict:
    "One row of the table: adapt while only the first `share` of the parameters in `order` may move."
    run, n = Adaptation(model, frames, cfg, "cpu"), round(share * len(order))
    run.networks.may_move = torch.zeros(len(order)).index_fill(0, order[:n], 1.0)
    for _ in tqdm(range(cfg.steps), desc=f"{n} parameters", unit="step"): run.advance_networks()
    run.measure()
    return {"beta": cfg.beta, "model": model_identity(model), "steps": cfg.steps, "share": share, "n_moving": n, "n_parameters": len(order), "n_pixels": run.networks.n_pixels, "loss_global": run.log[0]["loss"]} | {k: run.log[-1][k] for k in ("loss", "bpp_y", "bpp_z", "mse", "psnr", "seconds")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    clip = sys.argv[1] if len(sys.argv) > 1 else "dashcam"
    cfg = AdaptConfig(steps=int(sys.argv[2]) if len(sys.argv) > 2 else 1000, quantize="never", model_rate=False, keep="last")
    frames, model, table = load_clip(clip, 2.0).frames, load_global(cfg.beta, model_set="first"), Path(__file__).parent.parent / "results/support.csv"
    missing = [s for s in SHARES if not has_row(table, clip=clip, model=model_identity(model), steps=cfg.steps, share=s)]
    order = mean_gradient(model, frames, cfg).abs().argsort(descending=True) if missing else None
    for share in missing: append_row(table, {"clip": clip} | row(model, frames, cfg, share, order) | provenance())
