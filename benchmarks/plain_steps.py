"""Adapt one clip by plain layers and by ours, and compare the costs of the two files -> results/plain_steps.csv.

python benchmarks/plain_steps.py [CLIP] [STEPS]   # dashcam and 500 by default; some minutes on one core

The plain way has CompressAI's GDN and torch's transposed convolution in their own memory layout. It prices the update by
torch.distributions, tensor by tensor. Crops have 256 px. All other settings are those of the preset `fast`, and the decoder is the same."""
import dataclasses
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch
from speed import PLAIN, plain_bits
from torch.func import functional_call

import instance_compression.adaptation as adaptation
from instance_compression.adapt_config import AdaptConfig
from instance_compression.tiles import crops_rate_distortion
from instance_compression.adaptation import Adaptation
from instance_compression.bitstream import encode_clip
from instance_compression.common import write_atomically
from instance_compression.video import load_clip
from instance_compression.hyperprior import load_global
from instance_compression.rate_distortion import rd_cost
from instance_compression.results import result_row
from instance_compression.update import quantize_ste


def plain_loss(model, crops, cfg, update, sender, receiver, n_pixels, offset, delta):
    "`step_loss`, written in the plain way."
    theta_bar = receiver.moved(receiver.values + receiver.scale * quantize_ste(delta, cfg.prior))
    parameters = sender.moved(sender.values + sender.scale * offset) | theta_bar
    rd = crops_rate_distortion(functional_call(model, parameters, (crops.x.contiguous(), cfg.rounding)), crops)
    loss = rd_cost(rd, cfg.beta)
    return loss + plain_bits(receiver.moved(delta).values(), cfg.prior) / n_pixels, {k: v.detach() for k, v in (rd | {"loss": loss}).items()}


def plain(run:Adaptation) -> Adaptation:
    "Replace the layers of a run by those of CompressAI and torch."
    run.networks.model = run.networks.model.to(memory_format=torch.contiguous_format)
    for module in run.networks.model.modules(): module.__class__ = PLAIN.get(type(module), type(module))
    return run


if __name__ == "__main__":
    torch.set_num_threads(1)
    clip = load_clip(sys.argv[1] if len(sys.argv) > 1 else "dashcam")
    cfg, ours = AdaptConfig(steps=int(sys.argv[2]) if len(sys.argv) > 2 else 500, crop=256, evaluations=1), adaptation.step_loss
    model, rows = load_global(cfg.beta), []
    for way, change, loss in (("plain", plain, plain_loss), ("ours", lambda run: run, ours)):
        run, adaptation.step_loss = change(Adaptation(model, clip.frames, cfg, "cpu")), loss
        while run.next_stage: run.advance_networks()
        seconds = run.seconds
        run.measure()
        adapted = dataclasses.replace(run.best.codec, log=run.log, network_steps=run.step)
        with tempfile.TemporaryDirectory() as folder: encoded = encode_clip(Path(folder) / "clip.iac", adapted, model, clip, progress=False)
        costs = {"seconds_of_steps": round(seconds, 1), "loss_global": run.log[0]["loss"], "coded_loss": adapted.metrics["mse"] + cfg.beta * encoded.coded_bpp}
        rows.append({"way": way} | costs | result_row(clip, cfg, model, adapted, encoded))
        print(way, costs)
    with write_atomically(Path(__file__).parent.parent / "results/plain_steps.csv") as tmp: pd.DataFrame(rows).to_csv(tmp, index=False)
