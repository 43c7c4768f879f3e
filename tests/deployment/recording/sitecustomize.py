"""Python runs this first where this folder is in PYTHONPATH: so it gets at the calls of a process of a test's."""

import os

import recorder

if recorder.VARIABLE in os.environ:
    recorder.install(os.environ[recorder.VARIABLE])
if recorder.FAILING in os.environ:
    recorder.fail_each_once(os.environ[recorder.FAILING])
