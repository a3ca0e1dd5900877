"""Measure the models of the training queue on Kodak -> results/training/kodak.csv.

python studies/kodak_queue.py [--folder runs/queue]

One row for each finished model of the folder that the table does not have yet, by its identity: whole files of the 24 images, PSNR as
the mean over images, bits against other codecs at equal PSNR, and PSNR against the published mbt2018-mean at equal rate.
"""
import argparse
from pathlib import Path

import pandas as pd

from instance_compression.cli import kodak_result
from instance_compression.common import append_row, has_row, load_tensors, provenance, run_command
from instance_compression.hyperprior import load_model, model_identity
from instance_compression.rate_distortion import against_others

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "results/training/kodak.csv"


def row(path: Path, model) -> dict:
    "The result of one model."
    config, result = load_tensors(path)[1]["config"], kodak_result(model)
    others = against_others(pd.DataFrame([result]), pd.read_csv(ROOT / "results/kodak_codecs.csv"),
                            pd.read_csv(ROOT / "results/kodak_anchors.csv")).iloc[0]
    return ({"job": path.stem, "steps": config["steps"], "model": model_identity(model)} | result
            | {"bits_avif_percent": others["bits against AVIF [%]"], "bits_webp_percent": others["bits against WebP [%]"],
               "psnr_mbt2018_mean_db": others["PSNR against mbt2018-mean [dB]"]} | provenance())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs/queue", help="Folder of models.")
    for path in sorted(parser.parse_args().folder.glob("*.safetensors")):
        model = load_model(path)
        if not has_row(TABLE, model=model_identity(model)): append_row(TABLE, row(path, model))


if __name__ == "__main__": run_command(main)
