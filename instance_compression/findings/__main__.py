"""`python -m instance_compression.findings` draws every figure and fills README.md from the tables."""
import argparse
import sys

from .summary import rebuild

if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m instance_compression.findings", description="Draw every figure and fill README.md from results/.")
    parser.add_argument("--figures", default="figures", help="Folder for PDF and PNG files.")
    try: rebuild(figures=parser.parse_args().figures)
    except ValueError as e: sys.exit(f"error: README.md: {e}")
    except OSError as e: sys.exit(f"error: {e}; run the command in the project's folder, where results/ is")
