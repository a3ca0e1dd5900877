"""Measure how much the loss rises when 1 % of a layer's parameters move by one bin -> results/layers.csv.

python studies/layers.py

The models are the start of training in two scalings, and the models of the set `first` with bins of one width and with their own bin scales."""
from pathlib import Path

import pandas as pd
import torch

from instance_compression.common import provenance
from instance_compression.data import photographs
from instance_compression.hyperprior import SIZES, Hyperprior, init_transform, load_global, model_identity, quantizer_gain
from instance_compression.training import TrainConfig, hold_back, layer_sensitivity, load_photographs, random_crops
from instance_compression.update import without_scales


def start(beta, x, measured_in_steps):
    "The model before training. Either all layers see x in quantizer steps, or the last layer of g_a and the first of g_s carry the gain."
    torch.manual_seed(0)
    gain = quantizer_gain(beta)
    model = init_transform(Hyperprior(**SIZES["small"], beta=beta, gain=gain if measured_in_steps else 1.0), x)
    if not measured_in_steps:
        with torch.no_grad():
            for p in (*model.g_a[-1].parameters(), *model.h_s[-1].parameters()): p.mul_(gain)
            for p in (model.g_s[0].weight, model.h_a[0].weight): p.div_(gain)
    return model.eval()


images = hold_back(load_photographs(photographs()[::4], 256))[1]
x = random_crops(images, TrainConfig(batch_size=8, crop=192), 0)
rows = []
for beta in (1e-3, 2.5e-4):
    for name, model in (("start, gain in one layer", start(beta, x, False)), ("start, x in quantizer steps", start(beta, x, True)), ("trained", without_scales(load_global(beta, model_set="first"))), ("trained, own bins", load_global(beta, model_set="first"))):
        rows += [{"beta": beta, "model": name, "identity": model_identity(model)} | row | provenance() for row in layer_sensitivity(model, x, draws=1)]
pd.DataFrame(rows).to_csv(Path(__file__).parent.parent / "results/layers.csv", index=False)
