"""Draw one crop of the clip room, decoded from files of equal size -> figures/picture.png and results/picture.csv.

    python studies/picture.py

All methods have the same global model. The file of the global model sets the size. The script searches a smaller beta for
encoder only and for full+latents, until their files are within 2 % of this size. The command takes about an hour on one core.

The clip room is one-by-one-person-detection.mp4 of intel-iot-devkit/sample-videos, licensed under CC BY 4.0."""
import math
import tempfile
from pathlib import Path

import pandas as pd
import torch

from instance_compression.adapt_config import PRESETS, AdaptConfig
from instance_compression.adaptation import adapt
from instance_compression.bitstream import Decoder, encode_clip
from instance_compression.common import provenance
from instance_compression.video import load_clip
from instance_compression.figures import busiest_crop, comparison_figure, figure_style, save_figure
from instance_compression.findings.tables import METHOD_LABEL
from instance_compression.hyperprior import load_global

ROOT, BETA, STEPS = Path(__file__).parent.parent, 3e-3, 1000
METHODS = (("encoder", 0, 1.34e-3), ("full", PRESETS["fast"].latent_steps, 1.267e-3)) # (method, steps on latents, first beta that is tried)


def coded(cfg, file) -> tuple: # (Encoded, first picture)
    "Adapt to the clip, write a file, and decode its first frame."
    encoded = encode_clip(file, adapt(model, clip.frames, cfg, progress=False), model, clip, progress=False)
    return encoded, Decoder(file, model)[0]


def matched(method, latent_steps, beta, bpp, file) -> tuple: # (AdaptConfig, Encoded, first picture)
    "Find a beta at which the file has this rate within 2 %, on a line through the logarithms of rate and beta."
    log_beta, slope, last = math.log(beta), -0.3, None  # slope: of log rate over log beta, a guess at first
    for _ in range(8):
        cfg = AdaptConfig(method, math.exp(log_beta), steps=STEPS, latent_steps=latent_steps)
        encoded, picture = coded(cfg, file)
        print(f"{cfg.label}, beta {cfg.beta:.3g}: {encoded.coded_bpp:.4f} bpp, {encoded.psnr:.2f} dB", flush=True)
        if abs(encoded.coded_bpp / bpp - 1) < 0.02: return cfg, encoded, picture
        log_rate = math.log(encoded.coded_bpp)
        if last: slope = (log_rate - last[0]) / (log_beta - last[1])
        last = log_rate, log_beta
        log_beta += (math.log(bpp) - log_rate) / slope
    raise SystemExit(f"{method}: no beta found")


if __name__ == "__main__":
    torch.set_num_threads(1)
    clip, model = load_clip("room"), load_global(BETA, model_set="first")
    rows, pictures, captions = [], {"original": clip.frames[0]}, {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.iac"
        encoded, picture = coded(AdaptConfig("global", BETA), file)
        found = [(AdaptConfig("global", BETA), encoded, picture)]
        for method, latent_steps, first_beta in METHODS: found.append(matched(method, latent_steps, first_beta, encoded.coded_bpp, file))
    for cfg, encoded, picture in found:
        name = METHOD_LABEL[cfg.label]
        pictures[name], captions[name] = picture, f"{encoded.coded_bpp:.3f} bpp, {encoded.psnr:.2f} dB"
        rows.append({"clip": "room", "method": cfg.label, "beta": cfg.beta, "steps": cfg.steps if cfg.networks else 0, "coded_bpp": encoded.coded_bpp, "coded_bpp_model": encoded.coded_bpp_model, "psnr": encoded.psnr, "file_bytes": encoded.size, "threads": torch.get_num_threads()} | provenance())
    pd.DataFrame(rows).to_csv(ROOT / "results/picture.csv", index=False)
    figure_style()
    save_figure(comparison_figure(pictures, captions, busiest_crop(clip.frames[0], 128)), ROOT / "figures", "picture")
