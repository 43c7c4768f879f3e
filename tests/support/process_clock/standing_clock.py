"""Puts a process under the tests' clock: `time.time` returns the time in a file, until the file changes."""

import mmap
import os
import struct
import time
from pathlib import Path


def install():
    """Use the file that the environment names, if it names one."""
    path = os.environ.get("LYCHGATE_TEST_CLOCK")
    if path:
        with Path(path).open("rb") as file:
            shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
        time.time = lambda: struct.unpack("d", shared[:8])[0]
