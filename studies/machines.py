"""Decode one file under many settings and environments, and compare latents and pictures -> results/machines.csv.

python studies/machines.py FILE [--model M.safetensors] [--python other/bin/python ...]

These commands made the files of the table, one of version 1 and one of version 2:
instance-compression encode dashcam --max-frames 3 --steps 80 --crop 128 --evaluations 1 --keep last --lr-delta 1e-3 --sender-first 0 --preset fast --model weights/first/small-beta0.001.safetensors -o dashcam.iac
instance-compression encode foreman --max-frames 4 --steps 150 --crop 256 --evaluations 1 --keep last --latent-steps 0 --psnr 36 -o foreman-v2.iac

Each setting runs in a process of its own. `--python` names interpreters of other environments that have this package, with another
Python or another torch. The rows of one machine are compared with its first row. Rows of other machines stay in the table.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from instance_compression.common import provenance, write_atomically

SETTINGS = {"threads": ("1", "2"), "mkldnn": ("on", "off"), "memory": ("channels_last", "contiguous"), "bf16": ("off", "allowed")}
INSTRUCTIONS = { # of the processor that oneDNN, torch's own kernels and MKL may use: as on older ones
    "all": {},
    **({"AVX-512 without VNNI": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}} if torch.backends.cpu.get_cpu_capability() == "AVX512" else {}),
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "SSE4": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}

CHILD = """
import hashlib, json, platform, sys
import numpy as np, torch
file, model, out, setting = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
torch.set_num_threads(int(setting["threads"]))
torch.backends.mkldnn.enabled = setting["mkldnn"] == "on"
torch.set_float32_matmul_precision("medium" if setting["bf16"] == "allowed" else "highest")
from instance_compression.bitstream import CodedFile, Decoder
from instance_compression.decode import model_of_file
from instance_compression import exact
if setting["int8"] == "always": exact._multiplies_int8 = lambda: True
decoder = Decoder(file, model_of_file(CodedFile(file), model or None))
if setting["memory"] == "contiguous": decoder.model = decoder.model.to(memory_format=torch.contiguous_format)
latents, pictures = hashlib.sha256(), []
for i in range(len(decoder)):
  with torch.autocast("cpu", torch.bfloat16, enabled=setting["bf16"] == "allowed"):
    symbols = decoder.symbols(i)
    for k in ("y_symbols", "z_symbols", "scales", "means_hat"): latents.update(symbols[k].contiguous().numpy().tobytes())
    pictures.append(decoder[i])
np.save(out, np.stack(pictures))
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__, "int8": exact._multiplies_int8(), "latents_sha256": latents.hexdigest()}))
"""


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("file", help="Coded file."); a.add_argument("--model", default="", help="Global model of the file, if it is not a shipped one."); a.add_argument("--python", nargs="*", default=[], help="Interpreters of other environments."); a.add_argument("--table", type=Path, default=Path("results/machines.csv"), help="Table to write.")
    a = a.parse_args()
    plain = {k: v[0] for k, v in SETTINGS.items()} | {"instructions": "all", "int8": "where fast"}
    runs = [(sys.executable, plain | dict(zip(SETTINGS, v))) for v in itertools.product(*SETTINGS.values())]
    runs += [(sys.executable, plain | {"instructions": i, "threads": n}) for i in list(INSTRUCTIONS)[1:] for n in ("1", "2")] + [(p, plain | {"threads": n}) for p in a.python for n in ("1", "2")]
    runs += [(sys.executable, plain | {"int8": "always", "threads": n}) for n in ("1", "2")]  # 8-bit digits, also where torch has loops for them
    rows, reference = [], None
    with tempfile.TemporaryDirectory() as folder:
        for python, setting in runs:
            out = Path(folder) / "pictures.npy"
            done = subprocess.run([python, "-W", "ignore", "-c", CHILD, a.file, a.model, str(out), json.dumps(setting)], capture_output=True, text=True, env=os.environ | INSTRUCTIONS[setting["instructions"]] | {"MKL_NUM_THREADS": setting["threads"]})
            if done.returncode: raise SystemExit(f"{python} {setting}: {done.stderr}")
            found, pictures = json.loads(done.stdout), np.load(out).astype(int)
            if reference is None: reference = found["latents_sha256"], pictures
            difference = np.abs(pictures - reference[1])
            rows.append(setting | {k: found[k] for k in ("python", "torch", "numpy", "int8")} | {"same_latents": found["latents_sha256"] == reference[0], "max_difference": int(difference.max()), "share_different": f"{(difference > 0).mean():.1e}"})
            print(rows[-1], flush=True)
    rows = pd.DataFrame([r | {"file": Path(a.file).name} | provenance() for r in rows])
    stored = pd.read_csv(a.table) if a.table.is_file() else rows[:0]
    with write_atomically(a.table) as tmp: pd.concat([stored[(stored.machine != rows.machine[0]) | ~stored.instructions.isin(INSTRUCTIONS)], rows]).to_csv(tmp, index=False)
    if not (rows.same_latents.all() and rows.max_difference.max() <= 1): raise SystemExit("not the same everywhere")


if __name__ == "__main__": main()
