"""Make figures/picture.png and results/picture.csv: the same crop of the synthetic sample clip at matched rates.

python studies/picture.py

The global model's rate is the one to match: the other methods are adapted with a smaller beta from the same global model, until the whole file is within 0.5 % of the global model's."""
import math
import tempfile
from pathlib import Path

import pandas as pd
import torch

from instance_compression.adaptation import PRESETS, AdaptConfig, adapt
from instance_compression.bitstream import Decoder, encode_clip
from instance_compression.common import provenance
from instance_compression.clip import sample_clip
from instance_compression.figures import busiest_crop, comparison_figure, figure_style, save_figure
from instance_compression.hyperprior import load_global

ROOT, BETA = Path(__file__).parent.parent, 1e-3


def coded(cfg, file) -> tuple: # (Encoded, first picture)
    encoded = encode_clip(file, adapt(model, clip.frames, cfg, progress=False), model, clip, progress=False)
    return encoded, Decoder(file, model)[0]


def matched(method, latent_steps, bpp, file) -> tuple: # (AdaptConfig, Encoded, first picture)
    "Search for beta on a line through the logarithms."
    tried, beta = [], 0.7 * BETA
    for _ in range(8):
        cfg = AdaptConfig(method, beta, steps=300, latent_steps=latent_steps)
        encoded, picture = coded(cfg, file)
        print(f"{cfg.label}, beta {beta:.3g}: {encoded.coded_bpp:.4f} bpp, {encoded.psnr:.2f} dB", flush=True)
        if abs(encoded.coded_bpp / bpp - 1) < 0.005: return cfg, encoded, picture
        tried.append((math.log(encoded.coded_bpp / bpp), math.log(beta)))
        nearest = sorted(tried, key=lambda point: abs(point[0]))
        (rate, log_beta), other = nearest[0], nearest[1] if len(tried) > 1 else (nearest[0][0] - 0.5, nearest[0][1] + 1)  # at first: a rate like beta^-0.5
        beta = math.exp(log_beta - rate * (other[1] - log_beta) / (other[0] - rate))
    raise SystemExit(f"{method}: no beta found")


if __name__ == "__main__":
    clip, model = sample_clip(8, 320, 448), load_global(BETA)
    rows, pictures, captions = [], {"synthetic original": clip.frames[0]}, {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.iac"
        encoded, picture = coded(AdaptConfig("global", BETA), file)
        found = [(AdaptConfig("global", BETA), encoded, picture),
                 *(matched(method, steps, encoded.coded_bpp, file) for method, steps in (("encoder", 0), ("full", 0), ("full", PRESETS["fast"].latent_steps)))]
    for cfg, encoded, picture in found:
        pictures[cfg.label], captions[cfg.label] = picture, f"{encoded.coded_bpp:.3f} bpp, {encoded.psnr:.2f} dB"
        rows.append({"clip": clip.name, "method": cfg.label, "beta": cfg.beta, "steps": cfg.steps if cfg.networks else 0, "coded_bpp": encoded.coded_bpp, "coded_bpp_model": encoded.coded_bpp_model, "psnr": encoded.psnr, "file_bytes": encoded.size, "threads": torch.get_num_threads()} | provenance())
    pd.DataFrame(rows).to_csv(ROOT / "results/picture.csv", index=False)
    figure_style()
    save_figure(comparison_figure(pictures, captions, busiest_crop(clip.frames[0], 96)), ROOT / "figures", "picture")
