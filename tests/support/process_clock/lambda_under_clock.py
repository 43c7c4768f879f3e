"""AWS's runtime client, under the tests' clock. What is left of the function's time is by the machine's."""

import runpy
import time
from types import SimpleNamespace

import one_receiver
import standing_clock
from awslambdaric import lambda_context

lambda_context.time = SimpleNamespace(time=time.time)
standing_clock.install()
one_receiver.install()
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
