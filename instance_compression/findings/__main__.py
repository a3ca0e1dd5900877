"""`python -m instance_compression.findings` rebuilds every figure from the tables, as `python -m instance_compression.findings.summary` does."""
from .summary import rebuild_figures

if __name__ == "__main__": rebuild_figures()
