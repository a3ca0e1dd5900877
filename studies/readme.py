"""Put the table of results/clips.csv into README.md, between the two paragraphs around it."""
import re
from pathlib import Path

import pandas as pd

from instance_compression.figures import results_table

root = Path(__file__).parent.parent
table = results_table(pd.read_csv(root / "results/clips.csv").query("clip == 'dashcam'"))
readme = root / "README.md"
text = re.sub(r"(made by `studies/dashcam\.sh`:\n\n).*?(\n\nOver the four)", lambda m: m[1] + table + m[2], readme.read_text(), flags=re.S)
readme.write_text(text)
