"""AWS's runtime client, under the tests' clock. What is left of the function's time is by the machine's."""

import os
import runpy
import time
from types import SimpleNamespace

import cheap_hashes
import one_receiver
import patient_clients
import standing_clock
from awslambdaric import lambda_context

lambda_context.time = SimpleNamespace(time=time.time)
standing_clock.install()
patient_clients.install()
one_receiver.install()
if os.environ.get("LYCHGATE_TEST_CHEAP_HASHES"):
    cheap_hashes.install()
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
