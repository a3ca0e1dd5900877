"""Measure the validation loss after equal seconds of training, for three starts and three optimizers -> results/starts.csv.

python studies/starts.py [SECONDS]   # 300 by default

The three starts are trained with Adam. The three optimizers start from the KLT. SECONDS are processor time of each run on one thread.
"""
import dataclasses
import sys
import time
from pathlib import Path

import pandas as pd
import pytorch_optimizer
import torch
from tqdm import tqdm

from instance_compression.common import keep_freed_memory, provenance
from instance_compression.data import photographs
from instance_compression.hyperprior import SIZES, Hyperprior, init_transform, quantizer_gain
from instance_compression.training import (TrainConfig, hold_back, load_photographs, make_optimizers, parameter_groups,
                                           random_crops, train_step, validate)

RUNS = [("random", "Adam", 3e-4), ("haar", "Adam", 3e-4), ("klt", "Adam", 3e-4), ("klt", "Adam", 6e-4), ("klt", "SOAP", 3e-4), ("klt", "SOAP", 6e-4), ("klt", "Muon", 3e-4), ("klt", "Muon", 1e-3)]


class Both:
    "Two optimizers with the interface of one. Muon moves matrices and kernels, Adam moves all else."
    def __init__(self, groups):
        kernel = lambda p: p.dim() == 4 or (p.dim() == 2 and min(p.shape) > 1)
        part = lambda keep: [group | {"params": [p for p in group["params"] if keep(p)]} for group in groups]
        self.parts = pytorch_optimizer.Muon([group | {"use_muon": True} for group in part(kernel)[:2]], weight_decay=0.0), torch.optim.Adam(part(lambda p: not kernel(p)) + part(kernel)[2:])

    @property
    def param_groups(self): return [group for o in self.parts for group in o.param_groups]
    def zero_grad(self): [o.zero_grad() for o in self.parts]
    def step(self): [o.step() for o in self.parts]


def run(start, optimizer, lr, seconds, images, held_back):
    "Train one model for this processor time: one row of the table."
    cfg = TrainConfig(beta=1e-3, lr=lr, lr_hyper=3 * lr, optimizer="soap" if optimizer == "SOAP" else "adam")
    torch.manual_seed(cfg.seed)
    model = Hyperprior(**SIZES[cfg.size], beta=cfg.beta, gain=quantizer_gain(cfg.beta))
    if start != "random": init_transform(model, random_crops(images, dataclasses.replace(cfg, batch_size=16), 2**31 - 1), start)
    model = model.to(memory_format=torch.channels_last).train()
    weights, medians = make_optimizers(model, cfg)
    if optimizer == "Muon": weights = Both(parameter_groups(model, cfg))
    begin, step = time.process_time(), 0
    while (share := (time.process_time() - begin) / seconds) < 1:
        for group in weights.param_groups: group["lr"] = group["peak"] * min(1, (step + 1) / cfg.warmup, (1 - share) / cfg.decay)
        train_step(model, (weights, medians), random_crops(images, cfg, step), cfg)
        step += 1
    return {"start": start, "optimizer": optimizer, "lr": lr, "beta": cfg.beta, "seconds": seconds, "steps": step} | validate(model.eval(), held_back, cfg.beta) | provenance()


torch.set_num_threads(1)
keep_freed_memory()
seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300
images, held_back = hold_back(load_photographs(photographs(), TrainConfig.crop))
rows = [run(*job, seconds, images, held_back) for job in tqdm(RUNS)]
pd.DataFrame(rows).to_csv(Path(__file__).parent.parent / "results/starts.csv", index=False)
