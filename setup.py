"""Packaging, read from settings.ini so that names and pins have one place."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    keywords=cfg["keywords"],
    license="MIT",
    packages=find_packages(include=["instance_compression", "instance_compression.*"]),
    package_data={"instance_compression": ["weights/*.safetensors", "weights/*.json", "weights/*.md", "templates/*.html"]},
    python_requires=f">={cfg['min_python']},<3.13",
    install_requires=cfg["requirements"].split(),
    extras_require={"scenes": cfg["scenes_requirements"].split(),
                    "dev": (cfg["dev_requirements"] + " " + cfg["scenes_requirements"]).split()},
    entry_points={
        "console_scripts": cfg["console_scripts"].split(),
        "nbdev": ["instance_compression=instance_compression._modidx:d"],
    },
    zip_safe=False,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Topic :: Multimedia :: Video",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
    ],
)
