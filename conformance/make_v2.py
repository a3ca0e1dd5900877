"""Write the files that freeze version 2 of the format: models, five .iac files, hashes of their latents, and their pictures.

python conformance/make_v2.py FOLDER

The mean-scale hyperprior is that of version 1. Version 2 is frozen: the script shows how the files were made, and is not run again.
"""
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from instance_compression.adapted import Adapted
from instance_compression.bitstream import encode_clip
from instance_compression.channel_prior import PRIORS
from instance_compression.clip import sample_clip
from instance_compression.common import save_tensors
from instance_compression.compressai_models import FactorizedPrior, ScaleHyperprior
from instance_compression.hyperprior import load_model, receiver_parameters
from instance_compression.sequence import SequenceDecoder, join
from instance_compression.update import EveryParameter, apply_update, n_integers


def random_model(architecture):
    "Random weights whose latents are not all zero."
    model = architecture(N=8, M=12, beta=1e-2).eval()
    with torch.no_grad():
        model.g_a[-1].weight.mul_(30)
        if hasattr(model, "h_a"): model.h_a[-1].weight.mul_(300)
    return model


def adapted(model, prior_name, step_size):
    "The model with every 40th parameter of the receiver moved."
    layout = EveryParameter().layout(receiver_parameters(model))
    levels = np.zeros(n_integers(layout), np.int32)
    levels[::40] = np.random.default_rng(0).choice([-29, -2, -1, 1, 2, 3], len(levels[::40]))
    prior = PRIORS[prior_name]().for_update(layout).fitted(levels)
    updated = apply_update(model, levels, prior)
    updated.step_size = step_size
    return Adapted(updated, levels, prior, {}, [])


def main(folder):
    torch.manual_seed(0)
    models = {"hyperprior": load_model(folder.parent / "v1/model.safetensors"), "scale-hyperprior": random_model(ScaleHyperprior),
              "factorized": random_model(FactorizedPrior)}
    for name in ("scale-hyperprior", "factorized"): save_tensors(folder / f"{name}.safetensors", dict(models[name].named_parameters()), {})
    clip = sample_clip(2, 100, 150)
    files = { # name -> clip, codec, prior of the update, quantizer step
        "channel": (replace(clip, times=(3.0, 3.9), pixel_aspect="64:45"), "hyperprior", "by-channel", 0.7),
        "tensor": (clip, "hyperprior", "by-tensor", 1.0), "scale": (clip, "scale-hyperprior", "by-channel", 1.3),
        "factorized": (clip, "factorized", "by-tensor", 0.9)}
    for name, (own, codec, prior, step_size) in files.items():
        encode_clip(folder / f"{name}.iac", adapted(models[codec], prior, step_size), models[codec], own, progress=False)
    join(folder / "sequence.iac", [folder / "tensor.iac", folder / "channel.iac"])
    expected = {}
    for name in (*files, "sequence"):
        decoder = SequenceDecoder(folder / f"{name}.iac", lambda file: models[file.header.codec])
        symbols = [decoder.clip(k).symbols(i) for k in range(len(decoder.clips)) for i in range(len(decoder.clips[k]))]
        expected[name] = {kind: hashlib.sha256(b"".join(s[kind].numpy().astype("<i4").tobytes() for s in symbols)).hexdigest()
                          for kind in symbols[0] if kind.endswith("symbols")}
        Image.fromarray(np.concatenate(list(decoder.pictures()))).save(folder / f"{name}.png")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__": main(Path(sys.argv[1]))
