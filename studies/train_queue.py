"""Train global models on one CPU thread, one job after the other -> results/training/queue.csv and one model file for each job.

python studies/train_queue.py [JOB ...] [--folder runs/queue] [--photographs FOLDER]

JOBS lists the jobs; all of them run where none is named. A job `small-...` starts from a model that a GPU trained. A model with a
larger distance to the published curve gets more steps. A job `open-...` starts anew, and sees openly licensed photographs alone: the
wallpapers. Each job leaves NAME.safetensors in the folder, and its losses in the table. The queue writes a checkpoint every 500 steps,
which take some five minutes. After an interruption it goes on from the last checkpoint. It takes the lowest priority:

setsid python studies/train_queue.py > runs/queue.log 2>&1 &
"""
import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from instance_compression.common import InputError, append_row, beside, keep_freed_memory, load_tensors, locked, provenance, read_rows, run_command
from instance_compression.data import photographs
from instance_compression.training import TrainConfig, load_photographs, train

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "results/training/queue.csv"
EVERY = {"log_every": 50, "save_every": 500} # steps
PIECE = 1000 # steps between two visits to the table
COLUMNS = ("step", "seconds", "mse", "bpp_y", "bpp_z", "loss", "psnr", "val_loss", "val_psnr", "val_bpp") # of the logs

SHIPPED = ROOT / "instance_compression/weights"
START = ROOT / "weights/second/parents" # models from a GPU
OPEN = "elementary_wallpapers" # folder among the photographs
# name, beta, model file that it starts from, steps, share of falling learning rates
JOBS = (("small-beta0.001", 1e-3, START / "small-beta0.001.safetensors", 10000, 0.7),  # 1.0 dB below the published curve
        ("small-beta0.00025", 2.5e-4, START / "small-beta0.00025.safetensors", 12000, 0.7),  # 1.2 dB
        ("small-beta0.0001", 1e-4, SHIPPED / "small-beta0.0001.safetensors", 8000, 0.7),
        ("small-beta0.003", 3e-3, SHIPPED / "small-beta0.003.safetensors", 6000, 0.7),  # 0.5 dB
        ("small-beta0.01", 1e-2, SHIPPED / "small-beta0.01.safetensors", 4000, 0.7),  # 0.2 dB
        ("open-small-beta0.001", 1e-3, None, 5000, 0.7))


def log_of(model: Path) -> list:
    "The losses of a job, from its finished log or from its checkpoint."
    if beside(model, ".csv").is_file(): return read_rows(beside(model, ".csv"))
    return load_tensors(beside(model, ".ckpt"))[1]["log"] if beside(model, ".ckpt").is_file() else []


def record(job: str, log: list):
    "Append the rows of a log that the table does not have yet."
    known = {int(row["step"]) for row in read_rows(TABLE) if row["job"] == job}
    for row in log:
        if int(row["step"]) in known: continue
        append_row(TABLE, {"job": job} | {k: row.get(k, "") for k in COLUMNS} | provenance())


def machine_changes(job: str) -> int:
    "How often the machine changed during a job."
    machines = [row["machine"] for row in read_rows(TABLE) if row["job"] == job]
    return sum(a != b for a, b in zip(machines, machines[1:]))


def run(name: str, cfg: TrainConfig, init: Path, images: list, folder: Path):
    "Train one job in pieces, and record the losses after each piece."
    model = folder / f"{name}.safetensors"
    while not model.is_file():
        record(name, log_of(model))  # what a killed queue left
        step = int(log_of(model)[-1]["step"]) if log_of(model) else 0
        train(cfg, images, model, init, stop_after=step + PIECE, progress=False, **EVERY)
        record(name, log_of(model))
        print(f"{name}: {min(step + PIECE, cfg.steps)} of {cfg.steps} steps", flush=True)
    record(name, log_of(model))
    print(f"{name}: done; the machine changed {machine_changes(name)} times", flush=True)


def step_aside():
    ("Give other programs the processor first. A nice value counts within a session only: Linux shares the time between sessions. "
     "So a program that has a session of its own lowers its session, too.")
    os.nice(19)
    autogroup = Path("/proc/self/autogroup")
    if autogroup.exists() and os.getsid(0) == os.getpid(): autogroup.write_text("19")


def run_all(names: list, folder: Path, folder_of_photographs: Path):
    "Do the named jobs, or all. Raises InputError for an unknown name, a folder where a queue is at work, or missing photographs."
    unknown = set(names) - {job[0] for job in JOBS}
    if unknown: raise InputError(f"no job is called {sorted(unknown)[0]}; jobs: {', '.join(job[0] for job in JOBS)}")
    paths = photographs(folder_of_photographs)
    paths_of = {"small": paths, "open": [path for path in paths if OPEN in path.parts]} # first word of a job's name -> photographs
    with locked(folder / "queue", seconds=1):
        for name, beta, init, steps, decay in JOBS:
            if names and name not in names: continue
            finished = (folder / f"{name}.safetensors").is_file()
            images = [] if finished else load_photographs(paths_of[name.split("-")[0]], TrainConfig.crop)
            run(name, TrainConfig(beta=beta, steps=steps, decay=decay), init, images, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="Names of jobs.")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs/queue", help="Folder of models and checkpoints.")
    parser.add_argument("--photographs", type=Path, help="Folder of photographs; train/ of INSTANCE_COMPRESSION_DATA if not given.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    step_aside()
    keep_freed_memory()
    run_command(lambda: run_all(args.jobs, args.folder, args.photographs))


if __name__ == "__main__": main()
