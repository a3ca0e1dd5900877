"""Code the first frame of each clip of Open-5N by the global models and other image codecs -> results/first_frames.csv.

python studies/first_frames.py [--model-set NAME]

The table judges the models on other pictures than Kodak's. The script skips rows that the table has.
"""
import argparse
import dataclasses
import tempfile
from pathlib import Path

from references import SETTINGS, row

from instance_compression.adapt_config import AdaptConfig
from instance_compression.adaptation import adapt
from instance_compression.bitstream import encode_clip
from instance_compression.common import append_row, has_row, provenance, run_command
from instance_compression.data import OPEN_5N
from instance_compression.hyperprior import BETAS, SHIPPED, global_path, load_global
from instance_compression.video import load_clip

TABLE = Path(__file__).parents[1] / "results/first_frames.csv"


def row_of_model(frame, beta: float, model_set: str) -> dict:
    "A whole file with one frame and no update."
    model = load_global(beta, model_set=model_set)
    with tempfile.TemporaryDirectory() as folder:
        codec = adapt(model, frame.frames, AdaptConfig("global", beta), progress=False)
        encoded = encode_clip(Path(folder) / "frame.iac", codec, model, frame, progress=False)
    return {"clip": frame.name, "codec": model_set, "setting": beta, "n_frames": 1, "coded_bpp": encoded.coded_bpp, "psnr": encoded.psnr,
            "ms_ssim": "", "cpu_seconds_frame": "", "library": ""} | provenance()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-set", default=SHIPPED, help="Name of a set of global models.")
    model_set = parser.parse_args().model_set
    of_models = [(model_set, beta) for beta in BETAS if global_path(beta, model_set=model_set).is_file()]
    others = [(codec, setting) for codec, setting in SETTINGS if codec != "x265 inter"]
    for name in OPEN_5N:
        frame = dataclasses.replace(load_clip(name, max_frames=1), name=name)
        for codec, setting in [*of_models, *others]:
            if has_row(TABLE, clip=name, codec=codec, setting=setting): continue
            append_row(TABLE, row_of_model(frame, setting, codec) if codec == model_set else row(frame, codec, setting))


if __name__ == "__main__": run_command(main)
