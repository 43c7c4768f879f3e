"""`python -m infra.newest_versions`: writes the newest versions that go together into pyproject.toml.

For `make upgrade`. uv resolves them, for every platform and every supported Python, as `make lock` does. Nothing is
installed or built.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
UV = (
    f"{Path(sys.executable).parent / 'uv'} pip compile --quiet --universal --python-version 3.11 --no-build"
    " --no-annotate --no-header --no-strip-extras --no-emit-index-url"
).split()

_PINNED = re.compile(r'(?<=^    ")([A-Za-z0-9._-]+)(\[[a-z0-9,-]+\])?==([^"]+)(?=",$)', re.MULTILINE)
_RESOLVED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^\s;]+)", re.MULTILINE)


def opened(pyproject: str) -> str:
    """Return the project with every exact version as the least one."""
    return _PINNED.sub(r"\1\2>=\3", pyproject)


def renewed(pyproject: str, resolved: str) -> str:
    """Return the project with the versions that uv has resolved.

    Where they differ by platform or by Python, it takes the first, which uv gives for the oldest Python.
    """
    versions: dict[str, str] = {}
    for name, version in _RESOLVED.findall(resolved):
        versions.setdefault(_normalized(name), version)
    return _PINNED.sub(
        lambda found: f"{found[1]}{found[2] or ''}=={versions.get(_normalized(found[1]), found[3])}", pyproject
    )


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # PEP 503


def _resolve(pyproject: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(pyproject, "utf-8")
        groups = [["pyproject.toml", "--group", "test"], ["--group", "fuzz"], ["--group", "audit"], ["--group", "docs"]]
        return "".join(
            subprocess.run([*UV, *group], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own arguments
            for group in groups
        )


def main() -> int:
    """Renew pyproject.toml, print what has changed, and return the exit code."""
    before = PYPROJECT.read_text("utf-8")
    try:
        after = renewed(before, _resolve(opened(before)))
    except subprocess.CalledProcessError as error:
        sys.stderr.write("uv found no versions that go together: see above. pyproject.toml is as it was.\n")
        return error.returncode
    PYPROJECT.write_text(after, "utf-8")
    for old, new in zip(_PINNED.finditer(before), _PINNED.finditer(after), strict=True):
        if old[3] != new[3]:
            sys.stdout.write(f"{old[1]} {old[3]} -> {new[3]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
