"""Runs Chalice's commands as processes that begin with Chalice and the models of its clients in their memory.

A process of its own imports them once and becomes, forked, each command that is asked for: nothing that a command
does stays. What a command imports of the project is read anew each time.
"""

import _imp
import contextlib
import importlib
import importlib.machinery
import itertools
import json
import marshal
import os
import signal
import socket
import subprocess
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path

PROJECT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from chalice.cli import main; raise SystemExit(main())"]
"""How a deployment begins each command."""

_IMPORTED = (
    "chalice.cli",
    "chalice.cli.factory",
    "chalice.deploy.deployer",
    "chalice.deploy.packager",
    "chalice.deploy.swagger",
    "chalice.local",
    "chalice.package",
    "boto3",
    "bcrypt",
    "jwt",
    "jwt.algorithms",
    "cryptography.hazmat.backends.openssl",
    "encodings.idna",
    "packaging.requirements",
)
_SOURCES = ("app.py", "chalicelib/**/*.py", "infra/**/*.py")
_CLIENTS = ("apigateway", "iam", "lambda", "s3", "sts")
_WIDTH = 20
"""Bytes in which a number is told."""


class WarmChalice:
    """The process that others are forked from, until ``stop``. It starts with the first command.

    Unless it ``is_warm``, each command is an interpreter of its own, as outside of tests.
    """

    def __init__(self):
        self._popen = subprocess.Popen
        self.is_warm = True
        self._socket = self._process = None

    def popen(self, arguments, **how):
        """Start Chalice's command forked. Other commands start as they always do."""
        if not self.is_warm or arguments[: len(COMMAND)] != COMMAND:
            return self._popen(arguments, **how)
        if self._process is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = self._popen(
                    [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()]
                )
        return Command(self._socket, arguments[len(COMMAND) :], how["cwd"], how["env"])

    def stop(self):
        if self._process is not None:
            self._socket.close()
            self._process.wait()


class Command:
    """A command, with as much of what ``subprocess.Popen`` has as a deployment uses."""

    def __init__(self, server, arguments, cwd, environment):
        output, theirs = os.pipe()
        self._ended, ended = socket.socketpair()
        message = {"arguments": arguments, "cwd": str(cwd), "environment": dict(environment)}
        socket.send_fds(server, [b"."], [theirs, ended.fileno()])
        server.sendall(json.dumps(message).encode() + b"\n")
        os.close(theirs)
        ended.close()
        self.pid = int(self._ended.recv(_WIDTH))
        self.stdout = os.fdopen(output, encoding="utf-8")
        self.returncode = None

    def poll(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            self._ended.settimeout(timeout)
            try:
                self.returncode = int(self._ended.recv(_WIDTH))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(COMMAND, timeout) from None
            self._ended.close()
        return self.returncode

    def send_signal(self, number):
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def serve(commands):
    """Fork a command for each message of a socket, one at a time, until the other end is closed."""
    while True:
        message, (output, ended) = _received(commands)
        if message is None:
            return
        pid = os.fork()
        if pid == 0:
            os.close(ended)
            commands.close()
            _become(json.loads(message), output)
        os.close(output)
        with socket.socket(fileno=ended) as teller:
            teller.send(b"%*d" % (_WIDTH, pid))
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(BrokenPipeError):
                teller.send(b"%*d" % (_WIDTH, code))


def _received(commands):
    begin, descriptors, _, _ = socket.recv_fds(commands, 1, 2)
    if not begin:
        return None, (None, None)
    message = b""
    while not message.endswith(b"\n"):
        message += commands.recv(65536)
    return message, descriptors


def _become(message, output):
    """Do what the interpreter would, and end."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(message["environment"])
        os.chdir(message["cwd"])
        _import_from(message["environment"].get("PYTHONPATH", ""))
        sys.argv[:] = ["-c", *message["arguments"]]
        from chalice.cli import main

        code = main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _import_from(python_path):
    """Do with these folders what the interpreter does with them when it begins."""
    folders = [folder for folder in python_path.split(os.pathsep) if folder not in {"", *sys.path}]
    sys.path[1:1] = folders
    if importlib.machinery.PathFinder.find_spec("sitecustomize", folders) is not None:
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")


def _compile_once():
    """Keep the bytecode of the project's sources, by what stands in them: a copy of one has the same."""
    compile_source = SourceFileLoader.source_to_code
    kept = {}
    for path in itertools.chain.from_iterable(PROJECT.glob(pattern) for pattern in _SOURCES):
        source = path.read_bytes()
        kept[source] = marshal.dumps(compile_source(None, source, str(path)))

    def source_to_code(loader, data, path, *arguments, **how):
        if bytes(data) not in kept:
            return compile_source(loader, data, path, *arguments, **how)
        code = marshal.loads(kept[bytes(data)])
        _imp._fix_co_filename(code, path)
        return code

    SourceFileLoader.source_to_code = source_to_code


def _warm_up():
    sys.path[0] = ""
    _compile_once()
    for name in _IMPORTED:
        importlib.import_module(name)
    import botocore.session
    import chalice.awsclient
    from botocore.loaders import create_loader

    loader = create_loader()
    loader.load_data("endpoints")
    botocore.session.create_loader = chalice.awsclient.create_loader = lambda *_: loader
    session = botocore.session.Session()
    for service in _CLIENTS:
        session.create_client(service, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")


if __name__ == "__main__":
    # Ctrl-C ends who asks, and that ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _warm_up()
        serve(asked)
