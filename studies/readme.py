"""Put the tables of results/ into README.md, each between the two paragraphs around it."""
import re
from pathlib import Path

import pandas as pd

from instance_compression.figures import models_table, results_table

root = Path(__file__).parent.parent
read = lambda name: pd.read_csv(root / f"results/{name}.csv")
tables = {r"(made by `studies/dashcam\.sh`:\n\n).*?(\n\nOver the four)": results_table(read("clips").query("clip == 'dashcam'")),
          r"(made by `studies/codecs\.py`:\n\n).*?(\n\nThey are trained)": models_table(read("kodak"), read("kodak_codecs"), read("kodak_anchors"))}
text = (root / "README.md").read_text()
for place, table in tables.items(): text = re.sub(place, lambda m: m[1] + table + m[2], text, flags=re.S)
(root / "README.md").write_text(text)
