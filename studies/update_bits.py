"""Update bits of each tensor under two priors, at equal levels -> results/update_bits.csv.

python studies/update_bits.py FOLDER

FOLDER holds .iac files of the study `update` whose prior is `by-tensor`. The levels of each file are priced under the prior of the
file and under the paper's spike and slab.
"""
import argparse
from pathlib import Path

import pandas as pd

from instance_compression.bit_allocation import bit_allocation
from instance_compression.bitstream import Decoder
from instance_compression.common import InputError, provenance, run_command, write_atomically
from instance_compression.experiments import STUDIES
from instance_compression.fitted_prior import TensorPriors
from instance_compression.hyperprior import load_global
from instance_compression.update_prior import SpikeAndSlab

ROOT = Path(__file__).parents[1]


def rows_of(file: Path, experiment) -> list:
    "One row for each tensor of the update in a file."
    decoder = Decoder(file, load_global(experiment.config.beta))
    if not isinstance(decoder.prior, TensorPriors): return []
    fitted, paper = (bit_allocation(decoder.levels, decoder.model, prior) for prior in (decoder.prior, SpikeAndSlab()))
    head = {"run": experiment.name, "clip": experiment.clip, "beta": experiment.config.beta, "steps": experiment.config.steps,
            "seed": experiment.config.seed}
    return [head | {"parameter": a.parameter, "group": a.group, "n_parameters": a.n_parameters, "n_nonzero": a.n_nonzero,
                    "bits_spike_and_slab": round(b.bits, 1), "bits_by_tensor": round(a.bits, 1)} | provenance()
            for a, b in zip(fitted.itertuples(), paper.itertuples())]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="Folder of finished runs.")
    folder = parser.parse_args().folder
    rows = []
    for e in STUDIES["update"].values():
        file = folder / f"{e.key}.iac"
        if file.is_file() and (folder / f"{e.key}.json").is_file(): rows += rows_of(file, e)
    if not rows: raise InputError(f"{folder} holds no finished run of the study update with a prior by tensor")
    with write_atomically(ROOT / "results/update_bits.csv") as tmp: pd.DataFrame(rows).to_csv(tmp, index=False, lineterminator="\n")


if __name__ == "__main__": run_command(main)
