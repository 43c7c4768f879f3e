"""The start of a process of the API that Lambda makes a snapshot of, to go on from it as many processes (SnapStart).

Owns what is done before the snapshot and what in each process after it. ``app.py`` loads this module where Lambda makes
snapshots only (AWS Lambda Developer Guide, "Handling uniqueness with Lambda SnapStart").
"""

from __future__ import annotations

import os
import random
import ssl
from typing import TYPE_CHECKING

from snapshot_restore_py import register_after_restore  # part of Lambda's runtime for python3.12 and newer

from chalicelib.tokens.pyjwt import add_entropy

if TYPE_CHECKING:
    from chalicelib.wiring import Lychgate

_SEED_BYTES = 32


def prepare(lychgate: Lychgate) -> None:
    """Make ready what may be the same in all processes. Each of them prepares the rest by itself, once it is restored.

    The snapshot has no key and no pepper, because they are read afterwards: it lasts longer than they may. It has no
    connection to AWS, because nothing was asked.
    """
    lychgate.make_clients()
    seed_anew()  # loads what it needs, so that no restored process has to
    register_after_restore(after_restore, lychgate)


def after_restore(lychgate: Lychgate) -> None:
    """Make this process differ from all others of the same snapshot, then prepare it for its first request."""
    seed_anew()
    lychgate.prepare()


def seed_anew() -> None:
    """Seed the random generators whose state is in the memory of this process, and so in the snapshot.

    These are Python's own, which says how long a retry waits, OpenSSL under TLS, and the OpenSSL in cryptography. The
    kernel's generator, from which ``secrets``, ``uuid`` and bcrypt draw, is no part of the process.
    """
    random.seed()
    ssl.RAND_add(os.urandom(_SEED_BYTES), _SEED_BYTES)
    add_entropy(os.urandom(_SEED_BYTES))
