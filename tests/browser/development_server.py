"""The real server, page and API and database, as a process of its own."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).parents[2]
# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_SECONDS = 120.0
# All users of a run sign up from this machine, and nobody waits for their hashes.
FOR_TESTS = {
    "LYCHGATE_BCRYPT_COST": "10",
    "LYCHGATE_REGISTRATIONS_PER_HOUR": "100000",
    "LYCHGATE_MAILS_PER_IP": "100000",
}


class DevelopmentServer:
    """A `python -m infra.local` on free ports, with accounts of its own."""

    with_times_of_their_own: ClassVar[set[str]] = set()
    """The ports of those that do not go by the machine's clock."""

    def __init__(self, data_directory, *, checkout=ROOT, **settings):
        self.data_directory = data_directory
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LYCHGATE_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "--port=0", "--dynamodb-port=0", f"--data-dir={data_directory}"],
            cwd=checkout,
            env={**inherited, **FOR_TESTS, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            eventually(self._is_ready)
        except BaseException:
            self.stop()
            raise
        self.url = re.search(r"^Page +(http://127\.0\.0\.1:\d+)", self.output, re.MULTILINE)[1]
        if "LYCHGATE_TEST_CLOCK" in settings:
            self.with_times_of_their_own.add(self.url.rpartition(":")[2])

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            self.output += line

    def _is_ready(self):
        assert self._process.poll() is None, self.output
        return "Ready after" in self.output


def eventually(holds):
    """Wait until something holds, for as long as patience lasts, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (result := holds()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return result
