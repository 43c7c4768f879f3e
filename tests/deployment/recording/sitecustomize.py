"""Python runs this first where this folder is in PYTHONPATH: so a process that a test starts records its calls too."""

import os

import recorder

if recorder.VARIABLE in os.environ:
    recorder.install(os.environ[recorder.VARIABLE])
