"""Lambda SnapStart on this machine: one process is initialised, and many go on from a copy of its memory.

Owns what is different from other execution environments, according to "Improving startup performance with Lambda
SnapStart" and "Lambda runtime environment variables" in the AWS Lambda Developer Guide: the runtime asks to be restored
before it asks for events, and credentials come from an endpoint.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from werkzeug import Request, Response

from infra.local.http_server import ADDRESS, HttpServer
from tests.support.packaged.errors import PackageError
from tests.support.packaged.function import LambdaFunction, Result
from tests.support.packaged.runtime_api import Invocation, RuntimeApi

BOOTSTRAP = Path(__file__).parents[1] / "process_clock" / "lambda_from_snapshot.py"

_PATIENCE = 60.0
"""Seconds. A bound for what takes a fraction of it, not an expectation."""
_NO_NAMESPACE = 3


class CredentialsEndpoint:
    """Gives a function with SnapStart the credentials of its role. The first have expired when they are used."""

    def __init__(self, secret_access_key: str) -> None:
        self._secret_access_key = secret_access_key
        self._server = HttpServer(0, body_limit=0)
        self.given = 0
        """How often it was asked."""
        self._server.start(self._answer)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables in the place of those with the credentials themselves."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{ADDRESS}:{self._server.port}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "the-token",
        }

    def stop(self) -> None:
        """Close the endpoint."""
        self._server.stop()

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Authorization") != "the-token":
            return Response(status=403)
        expiry = datetime.now(UTC) + timedelta(hours=-1 if self.given == 0 else 6)
        self.given += 1
        document = {
            "AccessKeyId": f"ASIA{self.given:016d}",
            "SecretAccessKey": self._secret_access_key,
            "Token": "a-session-token",
            "Expiration": expiry.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        return Response(json.dumps(document), content_type="application/json")


class Snapshot:
    """A process that is initialised and waits to be restored. A context manager, which leaves no process behind.

    Raises PackageError if this machine cannot make copies of a process, or if the initialisation fails.
    """

    def __init__(self, function: LambdaFunction) -> None:
        """Start a process of the function, whose bootstrap is ``BOOTSTRAP``."""
        self._function = function
        self._stack = ExitStack()
        self._logs = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.credentials = CredentialsEndpoint(function.environment["AWS_SECRET_ACCESS_KEY"])
        self._stack.callback(self.credentials.stop)
        self._api = RuntimeApi()
        self._stack.callback(self._api.stop)
        kept = {name: value for name, value in function.environment.items() if name not in _CREDENTIALS}
        kept |= {
            **self.credentials.environment,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }
        self._log = self._logs / "original"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                function.command,
                cwd=function.code,
                env=kept,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._stack.callback(self._end)
        self._restored = 0
        try:
            self._wait()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def memory(self) -> bytes:
        """Return what the initialised process has in its memory."""
        (process,) = _children(self._process.pid)[1:]
        found = []
        with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{process}/maps").read_text("utf-8").splitlines():
                span, rights, *_ = line.split()
                begin, end = (int(address, 16) for address in span.split("-"))
                if rights.startswith("rw"):
                    memory.seek(begin)
                    found.append(memory.read(end - begin))
        return b"".join(found)

    def restore(self) -> "RestoredProcess":
        """Let another process go on from the snapshot. It ends with the snapshot."""
        self._restored += 1
        api = RuntimeApi()
        self._stack.callback(api.stop)
        log = self._logs / f"restored-{self._restored}"
        log.touch()
        log.chmod(0o666)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{api.address} {log}\n".encode())
        self._process.stdin.flush()
        return RestoredProcess(api, log, self._function)

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._api.restore_asked.wait(0.05):
            code = self._process.poll()
            if code == _NO_NAMESPACE:
                raise PackageError("a copy of a process needs a PID namespace, which this system does not give")
            if code is not None or self._api.init_error or time.monotonic() > deadline:
                raise PackageError(f"no snapshot could be made: {self._api.init_error or self._log.read_text()}")

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()


class RestoredProcess:
    """A process that goes on from a snapshot. It can be put behind the gateway as a ``LambdaFunction`` can."""

    def __init__(self, api: RuntimeApi, log: Path, function: LambdaFunction) -> None:
        self._api = api
        self._log = log
        self._arn = function.arn
        self.definition = function.definition
        self._read = 0
        self.invocations = 0
        """How many invocations there were so far."""

    def invoke(self, event: object, *, timeout: float | None = None) -> Result:
        """Invoke the function as RequestResponse does. Raises PackageError if a hook failed, or nothing is answered."""
        started = time.perf_counter()
        invocation = Invocation(event, self._arn, deadline=time.time() + (timeout or _PATIENCE))
        self._api.hand_over(invocation)
        deadline = time.monotonic() + _PATIENCE
        while not invocation.done.wait(0.05):
            if self._api.restore_error is not None or time.monotonic() > deadline:
                raise PackageError(f"the restored process failed: {self._api.restore_error}\n{self._log.read_text()}")
        self.invocations += 1
        return Result(
            answer=invocation.answer,
            error=invocation.error,
            request_id=invocation.request_id,
            cold=False,
            seconds=time.perf_counter() - started,
            init_seconds=None,
            log=self._new_lines(),
        )

    def end(self) -> None:
        """Do nothing: it ends with its snapshot."""

    def _new_lines(self) -> tuple[str, ...]:
        content = self._log.read_bytes()[self._read :]
        self._read += len(content)
        return tuple(content.decode("utf-8", "replace").splitlines())


_CREDENTIALS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})


def _children(process: int) -> list[int]:
    """Return the process and those that it started."""
    started = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return [process, *(found for child in started for found in _children(int(child)))]
