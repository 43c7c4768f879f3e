"""A copy of the project to which somebody has added files, as a guide tells."""

import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_COPIED = ("chalicelib", "static-site")
_AS_THEY_ARE = ("app.py", "infra", "requirements.txt", ".chalice")


def copy_with(folder, files):
    """Make a project in a new folder with the texts of more files, by their paths, and return the folder."""
    folder.mkdir()
    for name in _COPIED:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in _AS_THEY_ARE:
        (folder / name).symlink_to(PROJECT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder
