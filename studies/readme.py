"""Put the tables of results/ into README.md, each between the marks of its name.

python studies/readme.py"""
import re
from pathlib import Path

from instance_compression.figures import models_table
from instance_compression.findings.f1_gain import bd_markdown, bits_against_codecs, codecs_markdown
from instance_compression.findings.summary import findings_table
from instance_compression.findings.tables import bd_table, main_runs, read_results
from instance_compression.speed import speed_markdown

root = Path(__file__).parent.parent
t = read_results(root / "results")
main = main_runs(t)
tables = {"findings": findings_table(t), "methods": bd_markdown(bd_table(main)), "codecs": codecs_markdown(bits_against_codecs(main, t["references"])), "models": models_table(t["kodak"], t["kodak_codecs"], t["kodak_anchors"]),
          "speed": speed_markdown(t["speed"])}
text = (root / "README.md").read_text()
for name, table in tables.items(): text = re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", lambda m: m[1] + table + m[2], text, flags=re.S)
(root / "README.md").write_text(text)
