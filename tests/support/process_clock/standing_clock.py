"""Puts a process under the tests' clock: `time.time` says what a file says, and stands still until that changes."""

import mmap
import os
import struct
import time
from pathlib import Path


def install():
    """Obey the file that the environment names, if it names one."""
    path = os.environ.get("LYCHGATE_TEST_CLOCK")
    if path:
        with Path(path).open("rb") as file:
            shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
        time.time = lambda: struct.unpack("d", shared[:8])[0]
