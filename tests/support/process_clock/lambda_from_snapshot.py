"""AWS's runtime client, in a process of which copies are made where Lambda makes a snapshot.

A copy has all of the original's memory and even its process id, as a virtual machine has that is restored from a
snapshot. By `fork` alone OpenSSL would see another process id, and Python and the C library would run their handlers:
each would seed itself anew. So the original is the first process of a PID namespace, and each copy is the first of a
namespace of its own, made by the system call (clone(2), pid_namespaces(7)).
"""

import ctypes
import importlib
import os
import platform
import runpy
import signal
import socket
import sys
import types
from pathlib import Path

import patient_clients
import standing_clock

_NEW_USERS, _NEW_PIDS = 0x10000000, 0x20000000
_PR_SET_PDEATHSIG = 1
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
_NO_NAMESPACE = 3

# PyDLL keeps the interpreter's lock: a copy has one thread, and that has to hold it.
_libc = ctypes.PyDLL(None, use_errno=True)


def _become_first_process():
    if _libc.unshare(_NEW_PIDS) != 0 and _libc.unshare(_NEW_USERS | _NEW_PIDS) != 0:
        sys.exit(_NO_NAMESPACE)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    # The kernel ends all processes of a namespace with its first one.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    copy = _copied()  # whether that is allowed, too
    if copy == 0:
        os._exit(0)
    if copy < 0:
        os._exit(_NO_NAMESPACE)
    os.waitpid(copy, 0)


def _copied():
    return _libc.syscall(_SYS_CLONE, _NEW_PIDS | signal.SIGCHLD, 0, 0, 0, 0)


def _become_copy():
    """Make a copy for each line of standard input: the address of its runtime API and the file of its log.

    Return these, in the copies. The original never returns.
    """
    for line in iter(sys.stdin.readline, ""):
        if _copied() == 0:
            return line.split()
    os._exit(0)


def _end_connections():
    """Put what the other side has closed in the place of every socket: no connection outlives a snapshot."""
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        if descriptor.is_socket():
            ours, theirs = socket.socketpair()
            theirs.close()
            os.dup2(ours.detach(), int(descriptor.name))


class _NotLoadedYet(types.ModuleType):
    """Stands in for AWS's client in C++, which reads the address once. Each copy loads it by itself."""

    def __init__(self):
        super().__init__("runtime_client")

    def initialize_client(self, user_agent):
        self.user_agent = user_agent


def _wait_for_restore(client):
    asked(client)
    address, log = _become_copy()
    _end_connections()
    for stream in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
    os.environ["AWS_LAMBDA_RUNTIME_API"] = client.lambda_runtime_address = address
    user_agent = sys.modules.pop("runtime_client").user_agent
    lambda_runtime_client.runtime_client = importlib.import_module("runtime_client")
    lambda_runtime_client.runtime_client.initialize_client(user_agent)
    if os.environ.get("LYCHGATE_TEST_WITHOUT_HOOKS"):
        hooks = importlib.import_module("snapshot_restore_py").get_after_restore()
        hooks[:] = [(arguments[0].prepare, (), {}) for _, arguments, _ in hooks]
    asked(client)


def _also_drawing(get_handler):
    """Return the handler, which answers the event `draw` with what the process's random generators give next."""

    def handler_of(name):
        handle = get_handler(name)
        return lambda event, context: _drawn() if event == "draw" else handle(event, context)

    return handler_of


def _drawn():
    import random
    import secrets
    import ssl

    import bcrypt
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return {
        "process": os.getpid(),
        "random": random.random(),
        "ssl": ssl.RAND_bytes(16).hex(),
        "cryptography": X25519PrivateKey.generate().private_bytes_raw().hex(),
        "secrets": secrets.token_hex(16),
        "bcrypt": bcrypt.gensalt(4).decode(),
    }


_become_first_process()
standing_clock.install()
patient_clients.install()
sys.modules["runtime_client"] = _NotLoadedYet()
from awslambdaric import bootstrap, lambda_runtime_client  # noqa: E402 - its C++ part is loaded in each copy

asked = lambda_runtime_client.LambdaRuntimeClient.restore_next
lambda_runtime_client.LambdaRuntimeClient.restore_next = _wait_for_restore
bootstrap._get_handler = _also_drawing(bootstrap._get_handler)
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
