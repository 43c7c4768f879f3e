"""AWS's runtime client, under the tests' clock."""

import runpy

import standing_clock

standing_clock.install()
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
