"""Write the files that freeze version 1 of the format: a tiny model, three .iac files, hashes of their latents, and their pictures.

python conformance/make_v1.py FOLDER

This script ran once, with the first program. It is kept as a record."""
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from instance_compression.adapted import Adapted
from instance_compression.bitstream import Decoder, encode_clip
from instance_compression.codec import pad
from instance_compression.clip import Clip, sample_clip, to_tensor
from instance_compression.hyperprior import Hyperprior, flatten, init_transform, load_model, receiver_parameters, save_model
from instance_compression.update import apply_update
from instance_compression.update_prior import SpikeAndSlab


def main(folder):
    torch.manual_seed(0)
    x = pad(to_tensor(sample_clip(4).frames))
    save_model(folder / "model.safetensors", init_transform(Hyperprior(8, 24, 1e-3, (12, 16, 24), (8, 12), gain=8.0), x), {})
    model = load_model(folder / "model.safetensors")
    rng, prior = np.random.default_rng(0), SpikeAndSlab()
    levels = np.zeros(len(flatten(receiver_parameters(model))), np.int32)
    levels[::150] = rng.choice([-29, -2, -1, 1, 2, 3], len(levels[::150]))
    clips = {"update": sample_clip(2, 100, 150), "plain": Clip(sample_clip(3, 64, 130).frames[:, :1], 1.0), "escape": sample_clip(1, 64, 64)}
    expected = {}
    for name, clip in clips.items():
        updated = apply_update(model, levels * (name == "update"), prior)
        latents = ()
        if name == "escape":
            y, z = torch.randn(1, 24, 4, 4) * 30, torch.randn(1, 8, 1, 1) * 3
            y.view(-1)[[5, 77, 78]], z.view(-1)[2] = torch.tensor([70_000.0, -30_000.0, 9_000.0]), -700.0
            latents = ((y, z),)
        encode_clip(folder / f"{name}.iac", Adapted(updated, levels * (name == "update"), prior, {}, [], latents), model, clip, progress=False)
        decoder = Decoder(folder / f"{name}.iac", model)
        symbols = [decoder.symbols(i) for i in range(len(decoder))]
        expected[name] = {k: hashlib.sha256(b"".join(s[f"{k}_symbols"].numpy().astype("<i4").tobytes() for s in symbols)).hexdigest() for k in ("y", "z")}
        Image.fromarray(np.concatenate([decoder[i] for i in range(len(decoder))])).save(folder / f"{name}.png")
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__": main(Path(sys.argv[1]))
