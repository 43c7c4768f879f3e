"""The size of the package, zipped as for the upload and unzipped as for a cold start, compared with Chalice's own.

1 MB is 1,000,000 bytes. The zip is one for both functions, with the SDK inside.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

from bench.compared_packages import compared_packages
from bench.figures import Figure, LeftOut, Progress, figure
from tests.support.packaged.errors import PackageError

TITLE = "Package"

LARGEST = 6
"""The number of parts to show."""

_MB = 1_000_000


def measure(progress: Progress) -> list[Figure]:
    """Measure. Raises LeftOut."""
    try:
        with compared_packages(progress) as packages:
            ours, stock = _Sizes(packages.ours.archive), _Sizes(packages.stock.archive)
    except PackageError as failed:
        raise LeftOut(str(failed)) from failed
    return [
        figure("zipped", "MB", [ours.zipped / _MB], at_most=9),
        figure("zipped, the stock way", "MB", [stock.zipped / _MB]),
        figure("unzipped", "MB", [ours.unzipped / _MB]),
        figure("unzipped, the stock way", "MB", [stock.unzipped / _MB]),
        figure("of it bytecode, zipped", "MB", [ours.bytecode / _MB]),
        *(figure(f"{name}, zipped", "MB", [size / _MB]) for name, size in ours.parts.most_common(LARGEST)),
        *(
            figure(f"{name}, zipped, the stock way", "MB", [size / _MB])
            for name, size in stock.parts.most_common(LARGEST)
        ),
    ]


class _Sizes:
    """The sizes of a zip and of its contents, in bytes."""

    def __init__(self, archive: Path) -> None:
        self.zipped = archive.stat().st_size
        self.unzipped = 0
        self.bytecode = 0
        self.parts: Counter[str] = Counter()
        """The zipped size of each top-level folder."""
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                self.unzipped += entry.file_size
                self.parts[entry.filename.partition("/")[0]] += entry.compress_size
                if entry.filename.endswith(".pyc"):
                    self.bytecode += entry.compress_size
