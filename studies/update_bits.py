"""Update bits of each tensor under three priors, at equal levels -> results/update_bits.csv.

python studies/update_bits.py FOLDER

FOLDER holds .iac files of the study `update`. The levels of each file whose prior is not the paper's are priced under the paper's
spike and slab, under a prior for each tensor and under a prior for each channel, the last two fitted to the levels.
"""
import argparse
from pathlib import Path

import pandas as pd

from instance_compression.bit_allocation import bit_allocation
from instance_compression.bitstream import Decoder
from instance_compression.common import InputError, provenance, run_command, write_atomically
from instance_compression.experiments import STUDIES, global_model
from instance_compression.channel_prior import ChannelPriors
from instance_compression.fitted_prior import TensorPriors
from instance_compression.hyperprior import receiver_parameters
from instance_compression.update import UPDATES
from instance_compression.update_prior import SpikeAndSlab

ROOT = Path(__file__).parents[1]


def rows_of(file: Path, experiment) -> list:
    "One row for each tensor of the update in a file."
    decoder = Decoder(file, global_model(experiment.config.beta, experiment.size, experiment.scales, experiment.model_set))
    if isinstance(decoder.prior, SpikeAndSlab): return []
    layout = UPDATES["every-parameter"].layout(receiver_parameters(decoder.model))
    priors = {"spike_and_slab": SpikeAndSlab(), "by_tensor": TensorPriors().for_update(layout).fitted(decoder.levels),
              "by_channel": ChannelPriors().for_update(layout).fitted(decoder.levels)}
    tables = {name: bit_allocation(decoder.levels, decoder.model, prior) for name, prior in priors.items()}
    table = tables["by_channel"][["parameter", "group", "n_parameters", "n_nonzero"]]
    table = table.assign(**{f"bits_{name}": of_prior.bits.round(1) for name, of_prior in tables.items()})
    head = {"run": experiment.name, "clip": experiment.clip, "beta": experiment.config.beta, "steps": experiment.config.steps,
            "seed": experiment.config.seed}
    return [head | row | provenance() for row in table.to_dict("records")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="Folder of finished runs.")
    folder = parser.parse_args().folder
    rows = []
    for e in STUDIES["update"].values():
        file = folder / f"{e.key}.iac"
        if file.is_file() and (folder / f"{e.key}.json").is_file(): rows += rows_of(file, e)
    if not rows: raise InputError(f"{folder} holds no finished run of the study update with a fitted prior")
    table, new = ROOT / "results/update_bits.csv", pd.DataFrame(rows)
    if table.is_file():
        stored = pd.read_csv(table, float_precision="round_trip")
        new = pd.concat([stored[~stored.run.isin(new.run)], new])
    with write_atomically(table) as tmp: new.to_csv(tmp, index=False, lineterminator="\n")


if __name__ == "__main__": run_command(main)
