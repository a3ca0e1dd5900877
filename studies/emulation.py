"""Decode one file on an emulated processor of another kind, and compare latents and pictures -> rows of results/machines.csv.

python studies/emulation.py FILE --name "aarch64 (QEMU)" --command "env PYTHONPATH=SITE:. qemu-aarch64-static -L ROOT ROOT/usr/bin/python3.11"

ROOT holds a Python for that processor (Debian's packages, unpacked). SITE holds the wheels of this package's requirements.
studies/machines.py has the command that makes FILE.

constriction has no wheels for every system. There, a transcript of its results on this machine takes the place of the coder. Each
request must name the same table, bit for bit, and the same number of symbols. All other code is the package's own: tables,
indexes, h_s, checksums, g_s."""
import argparse
import hashlib
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np


class Table:
    "Stand-in for a model of constriction. Its arguments identify it."
    def __init__(self, *args, **kwargs):
        self.digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in args)).hexdigest()
        self.real = self.real_class(*args, **kwargs) if self.real_class else None


class Coder:
    "constriction's coder with a transcript of its results, or the transcript alone."
    real_class, requests, symbols = None, [], []

    def __init__(self, words):
        self.real = self.real_class(words) if self.real_class else None

    def decode(self, table, n):
        if self.real:
            got = self.real.decode(table.real, n)
            Coder.requests.append(f"{table.digest} {n}")
            Coder.symbols.append(got)
            return got
        if Coder.requests.pop(0) != f"{table.digest} {n}": raise SystemExit("another table, or another number of symbols")
        return Coder.symbols.pop(0)

    def encode_reverse(self, symbols, table):
        "Called when a decoder puts symbols back. The transcript has these symbols."
        if self.real: self.real.encode_reverse(symbols, table.real)

    def is_empty(self):
        return self.real.is_empty() if self.real else True


def stand_in(real):
    "Put a module in constriction's place. It holds the real module if there is one."
    inside = lambda name: getattr(real.stream.model, name) if real else None
    models = {name: type(name, (Table,), {"real_class": staticmethod(inside(name)) if real else None}) for name in ("Categorical", "Uniform")}
    Coder.real_class = real.stream.stack.AnsCoder if real else None
    space = types.SimpleNamespace
    module = types.ModuleType("constriction")
    module.stream = space(stack=space(AnsCoder=Coder), model=space(**models))
    sys.modules["constriction"] = module


def decode(file, transcript, out, real):
    "Decode all frames. Save pictures and transcript, and print the versions and the hash of the latents."
    stand_in(real)
    if not real:
        with np.load(transcript) as t:
            Coder.requests, Coder.symbols = t["requests"].tolist(), np.split(t["symbols"], t["ends"][:-1])
    import torch
    from instance_compression import exact
    from instance_compression.bitstream import CodedFile, Decoder
    from instance_compression.decode import model_of_file
    from instance_compression.codec import synthesis
    torch.set_num_threads(1)
    decoder, latents, pictures = Decoder(file, model_of_file(CodedFile(file), None)), hashlib.sha256(), []
    for i in range(len(decoder)):
        symbols = decoder.symbols(i)
        for k in ("y_symbols", "z_symbols", "scales", "means_hat"): latents.update(symbols[k].contiguous().numpy().tobytes())
        pictures.append(synthesis(decoder.model, symbols, decoder.header.height, decoder.header.width))
    if real: np.savez(transcript, requests=Coder.requests, symbols=np.concatenate(Coder.symbols), ends=np.cumsum([len(s) for s in Coder.symbols]))
    np.save(out, np.stack(pictures))
    print(json.dumps({"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__, "int8": exact._multiplies_int8(),
                      "latents_sha256": latents.hexdigest(), "processor": platform.machine()}))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("file", help="Coded file."); a.add_argument("--command", required=True, help="Command that starts the emulated Python."); a.add_argument("--name", required=True, help="Name of the processor in the table.")
    a.add_argument("--table", type=Path, default=Path("results/machines.csv"), help="Table to write.")
    a = a.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, pictures = [], []
        for command, way in (([sys.executable], "record"), (shlex.split(a.command), "replay")):
            out = Path(folder) / f"{way}.npy"
            done = subprocess.run([*command, "-W", "ignore", __file__, way, a.file, f"{folder}/transcript.npz", str(out)], stdout=subprocess.PIPE, text=True)
            if done.returncode: raise SystemExit(f"{way} failed")
            found.append(json.loads(done.stdout.splitlines()[-1])); pictures.append(np.load(out).astype(int))
            print(found[-1], flush=True)
    here, there = found
    if here["processor"] == there["processor"]: raise SystemExit("the command runs on a processor of the same kind")
    from instance_compression.common import append_row, provenance
    difference = np.abs(pictures[1] - pictures[0])
    row = {"threads": 1, "mkldnn": "on", "memory": "channels_last", "bf16": "off", "instructions": a.name} | {k: there[k] for k in ("python", "torch", "numpy", "int8")}
    row |= {"same_latents": there["latents_sha256"] == here["latents_sha256"], "max_difference": int(difference.max()), "share_different": f"{(difference > 0).mean():.1e}", "file": Path(a.file).name}
    append_row(a.table, row | provenance())
    print(row)
    if not (row["same_latents"] and row["max_difference"] <= 1): raise SystemExit("not the same there")


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        import constriction
        decode(*sys.argv[2:], constriction)
    elif sys.argv[1:2] == ["replay"]: decode(*sys.argv[2:], None)
    else: main()
