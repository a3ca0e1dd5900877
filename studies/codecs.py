"""Measure the global models and Pillow's codecs on the 24 Kodak images -> results/kodak.csv, kodak_first.csv and kodak_codecs.csv.

python studies/codecs.py           # both tables
python studies/codecs.py models    # one of them: models or codecs

Sizes are those of whole files. The rows of the models come from their cards.
"""
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import __version__, features
from tqdm import tqdm

from instance_compression.common import beside, provenance
from instance_compression.data import fetch_kodak, read_image
from instance_compression.hyperprior import BETAS, global_path, load_model, model_identity
from instance_compression.rate_distortion import PILLOW_CODECS, mse_of, pillow_codec, psnr_of

QUALITIES = {"JPEG 4:4:4": range(10, 100, 5), "JPEG 4:2:0": range(10, 100, 5), "WebP": range(5, 100, 5), "AVIF": range(20, 100, 10)}


def model_row(path):
    "The result on the card of a model. `instance-compression train` measured it on whole files."
    card = json.loads(beside(path, ".json").read_text())
    assert card["identity"] == model_identity(load_model(path)), f"the card beside {path} is another model's"
    return {"model": path.name, "identity": card["identity"], "beta": card["config"]["beta"], "steps": card["config"]["steps"], **card["kodak"], "commit": card["commit"], "machine": card["machine"]}


def codec_row(codec, quality, pictures):
    "The mean rate and PSNR of a codec on the pictures."
    measured = []
    for picture in pictures:
        size, decoded = pillow_codec(picture, codec, quality)
        measured.append((8 * size / picture[..., 0].size, psnr_of(mse_of(picture, decoded))))
    coded_bpp, psnr_mean = np.mean(measured, 0)
    library = features.version({"JPEG": "libjpeg_turbo", "WEBP": "webp", "AVIF": "avif"}[PILLOW_CODECS[codec]["format"]])
    return {"codec": codec, "quality": quality, "n_images": len(pictures), "coded_bpp": coded_bpp, "psnr_mean": psnr_mean, "library": f"Pillow {__version__}, {library}"} | provenance()


results, what = Path(__file__).parent.parent / "results", sys.argv[1:] or ["models", "codecs"]
if "models" in what:
    for model_set, table in (("second", "kodak"), ("first", "kodak_first")):
        paths = [path for beta in BETAS if (path := global_path(beta, model_set=model_set)).is_file()]
        pd.DataFrame([model_row(path) for path in tqdm(paths, desc=model_set)]).to_csv(results / f"{table}.csv", index=False)
if "codecs" in what:
    pictures = [read_image(p) for p in fetch_kodak()]
    jobs = [(codec, quality) for codec, qualities in QUALITIES.items() for quality in qualities]
    pd.DataFrame([codec_row(*job, pictures) for job in tqdm(jobs, desc="codecs")]).to_csv(results / "kodak_codecs.csv", index=False)
