"""Measure what steps on the networks and steps on the latents gain, and the time they take -> results/split.csv.

python studies/split.py [CLIP ...]

The networks of a clip adapt by the preset `dual` at beta 1e-3, once for each number of steps. The latents of all frames are then
optimized for that codec, with several numbers of steps and two learning rates. `fall` is the fall of the estimated L_RDM against
the global model [%]. Seconds are those of the processor, on one thread, so that other programs change them little. The script
skips rows that the table has.
"""
import sys
import time
from pathlib import Path

import torch

from instance_compression.adapt_config import DUAL, AdaptConfig
from instance_compression.adaptation import LatentSearch, adapt
from instance_compression.adapted import measured
from instance_compression.codec import rdm_loss
from instance_compression.common import append_row, has_row, keep_freed_memory, provenance
from instance_compression.hyperprior import load_global
from instance_compression.video import load_clip

TABLE = Path(__file__).parents[1] / "results/split.csv"
CLIPS, BETA = ("foreman", "carphone", "tree1080"), 1e-3
NETWORK_STEPS = (250, 500, 1000, 2000)
LATENTS = ((5, 3e-2), (10, 3e-2), (20, 3e-2), (40, 3e-2), (5, 6e-2), (10, 6e-2), (20, 6e-2)) # steps, learning rate


def optimized(codec, frames, cfg) -> tuple: # (codec with optimized latents, processor seconds)
    "Optimize the latents of all frames for a codec."
    begin = time.process_time()
    search = LatentSearch(codec, frames, cfg, "cpu")
    while not search.is_complete: search.advance(0.0)
    return search.adapted(cfg.steps), time.process_time() - begin


def add_rows(clip: str, steps: int):
    "All rows of a clip and a number of steps on the networks."
    frames, model = load_clip(clip).frames, load_global(BETA)
    begin = time.process_time()
    networks = adapt(model, frames, AdaptConfig("full", BETA, steps, evaluations=1, **DUAL), progress=False)
    seconds_networks = time.process_time() - begin
    of_global = networks.log[0]["loss"]
    for latent_steps, lr in ((0, 0.0), *LATENTS):
        codec, seconds = networks, 0.0
        if latent_steps:
            cfg = AdaptConfig("full", BETA, steps, latent_steps=latent_steps, lr_latents=lr, **DUAL)
            codec, seconds = optimized(networks, frames, cfg)
            codec = measured(codec, frames)
        loss = rdm_loss(codec.metrics, BETA)
        append_row(TABLE, {
            "clip": clip, "beta": BETA, "megapixels": frames[..., 0].size / 1e6, "steps": steps, "latent_steps": latent_steps,
            "lr_latents": lr, "loss_global": of_global, "loss": loss, "fall": 100 * (1 - loss / of_global),
            "cpu_seconds_networks": round(seconds_networks, 1), "cpu_seconds_latents": round(seconds, 1)} | provenance())


def main(clips):
    torch.set_num_threads(1)
    keep_freed_memory()
    for clip in clips:
        for steps in NETWORK_STEPS:
            if not has_row(TABLE, clip=clip, steps=steps, latent_steps=LATENTS[-1][0], lr_latents=LATENTS[-1][1]): add_rows(clip, steps)


if __name__ == "__main__": main(sys.argv[1:] or CLIPS)
