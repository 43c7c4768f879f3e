"""Python imports this at the start of every process that has this folder on its path."""

import os

import cheap_hashes
import patient_clients
import standing_clock

standing_clock.install()
patient_clients.install()
if os.environ.get("LYCHGATE_TEST_CHEAP_HASHES"):
    cheap_hashes.install()
