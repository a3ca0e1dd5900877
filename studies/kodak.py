"""Make results/kodak.csv from the cards beside the shipped weights (`instance-compression train` wrote them)."""
import json
from pathlib import Path

import pandas as pd

root = Path(__file__).parent.parent
cards = [json.loads(p.read_text()) for p in sorted((root / "instance_compression/weights").glob("*.json"))]
rows = [{"model": c["model"], "identity": c["identity"], "beta": c["beta"], "steps": c["config"]["steps"], **{k: c["kodak"][k] for k in ("coded_bpp", "bpp", "psnr_mean")},
         "commit": c["commit"], "machine": c["machine"]} for c in cards]
pd.DataFrame(rows).sort_values("beta", ascending=False).to_csv(root / "results/kodak.csv", index=False)
