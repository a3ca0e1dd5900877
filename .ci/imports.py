"""Check that every name that a script imports from the package exists, also in code inside strings.

python .ci/imports.py

The exit code is 1 if names are missing; the script prints them."""
import ast
import importlib
import re
import sys
from pathlib import Path

missing = []
for script in [Path("README.md"), *sorted(p for folder in ("studies", "benchmarks", "conformance") for p in Path(folder).glob("*.py"))]:
    lines = re.findall(r"from instance_compression(?:\.\w+)* import (?:\([^)]*\)|[^\n(]+)", script.read_text())
    for statement in (node for line in lines for node in ast.parse(line.split("\\n")[0]).body):
        module = importlib.import_module(statement.module)
        for name in statement.names:
            try: getattr(module, name.name)
            except AttributeError:
                try: importlib.import_module(f"{statement.module}.{name.name}")
                except ImportError: missing.append(f"{script}: {statement.module} has no {name.name}")
sys.exit("\n".join(missing) or 0)
