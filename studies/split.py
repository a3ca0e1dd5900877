"""Measure what steps on the networks and steps on the latents gain, and the time they take -> results/split.csv.

python studies/split.py [CLIP ...]

The networks of a clip adapt by the preset `dual` at beta 1e-3, once for each number of steps. The latents of all frames are then
optimized for that codec, with several numbers of steps and two learning rates. `estimated_fall` is the fall of the estimated L_RDM
against the global model [%]. Seconds are those of the processor for the steps alone, without measurements of the codec, on one thread.
The script skips rows that the table has.
"""
import sys
import time
from pathlib import Path

import torch

from instance_compression.adapt_config import DUAL, AdaptConfig
from instance_compression.adaptation import Adaptation, LatentSearch
from instance_compression.adapted import measured
from instance_compression.codec import rdm_loss
from instance_compression.common import append_row, has_row, keep_freed_memory, provenance, run_command
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


def adapted(clip: str, steps: int) -> tuple: # (Adaptation after its steps on the networks, processor seconds of the steps)
    "Adapt the networks to a clip."
    run = Adaptation(load_global(BETA), load_clip(clip).frames, AdaptConfig("full", BETA, steps, evaluations=1, **DUAL))
    begin = time.process_time()
    while run.step < steps: run.advance_networks()
    seconds = time.process_time() - begin
    run.measure()
    return run, seconds


def add_rows(clip: str, steps: int):
    "All rows of a clip and a number of steps on the networks, but those that the table has."
    settings = [{"clip": clip, "steps": steps, "latent_steps": n, "lr_latents": lr} for n, lr in ((0, 0.0), *LATENTS)]
    missing = [setting for setting in settings if not has_row(TABLE, **setting)]
    if not missing: return
    run, seconds_networks = adapted(clip, steps)
    for setting in missing:
        codec, seconds = run.best.codec, 0.0
        if setting["latent_steps"]:
            latents = {"latent_steps": setting["latent_steps"], "lr_latents": setting["lr_latents"]}
            codec, seconds = optimized(codec, run.frames, AdaptConfig("full", BETA, steps, **latents, **DUAL))
            codec = measured(codec, run.frames)
        loss, of_global = rdm_loss(codec.metrics, BETA), run.log[0]["loss"]
        append_row(TABLE, setting | {
            "beta": BETA, "megapixels": run.frames[..., 0].size / 1e6, "loss_global": of_global, "loss": loss,
            "estimated_fall": 100 * (1 - loss / of_global), "cpu_seconds_networks": round(seconds_networks, 1),
            "cpu_seconds_latents": round(seconds, 1)} | provenance())


def main():
    torch.set_num_threads(1)
    keep_freed_memory()
    for clip in sys.argv[1:] or CLIPS:
        for steps in NETWORK_STEPS: add_rows(clip, steps)


if __name__ == "__main__": run_command(main)
