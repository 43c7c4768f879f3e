"""A Lambda function on this machine: processes of AWS's runtime client on the unpacked package, and nothing of ours.

Owns the execution environment: what a process gets and what it can see, according to "Lambda runtime environment
variables" and "Lambda execution environment" in the AWS Lambda Developer Guide.
"""

import collections
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.runtime import interpreter_of
from tests.support.packaged.errors import PackageError
from tests.support.packaged.package import CACHE, Package
from tests.support.packaged.runtime_api import Invocation, RuntimeApi
from tests.support.packaged.runtime_folder import runtime_folder
from tests.support.packaged.template import FunctionDefinition

REGION = "us-east-1"
ACCOUNT = "123456789012"

INIT_SECONDS = 10.0
"""Lambda's time limit for an initialisation ("Lambda execution environment", Init phase)."""

_RECENT_LINES = 1000
_PATIENCE = 3.0
"""The factor by which time limits are longer than on Lambda, for busy machines."""


@dataclass(frozen=True)
class Credentials:
    """The temporary credentials of the function's role."""

    access_key_id: str
    secret_access_key: str
    session_token: str


NO_CREDENTIALS = Credentials("ASIAXXXXXXXXXXXXXXXX", "not-a-secret", "not-a-token")
"""Good for a database that checks none."""


@dataclass(frozen=True)
class Result:
    """The result of one invocation."""

    answer: Any
    """What the handler returned; None if it failed."""
    error: Mapping[str, Any] | None
    """`errorType` and `errorMessage`, as AWS's runtime or Lambda itself words them; None if it succeeded."""
    request_id: str
    cold: bool
    """Whether a process was started for it."""
    seconds: float
    """From the call to the answer, the start of a process included."""
    init_seconds: float | None
    """From the start of the process to its first request for an event. None if it was warm, or failed before that."""
    log: tuple[str, ...]
    """The lines written meanwhile, to standard output and standard error."""


class ExecutionEnvironment:
    """One process, from its start until `end`. It answers one invocation at a time."""

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self._api = RuntimeApi()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._read = 0
        self._initialised = False
        self.started_at = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
        except BaseException:
            self._api.stop()
            self._log.close()
            raise

    @property
    def process_id(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def init_seconds(self) -> float | None:
        """From the start of the process to its first request for an event. None before that."""
        return None if self._api.initialized_at is None else self._api.initialized_at - self.started_at

    def invoke(self, event: object, *, arn: str, timeout: float) -> Invocation:
        """Pass the event to the process and return the result. Afterwards `alive` tells whether it still runs."""
        invocation = Invocation(event, arn, deadline=time.time() + timeout)
        self._api.hand_over(invocation)
        # A cold start has its own limit, on top of the invocation's.
        patience = _PATIENCE * (timeout + (0 if self._initialised else INIT_SECONDS))
        deadline = time.monotonic() + patience
        while not invocation.done.wait(0.02 if self._process.poll() is None else 0):
            if self._process.poll() is not None:
                # Its last output may have arrived at the same moment.
                if not invocation.done.wait(0.1):
                    invocation.error = self._api.init_error or _exited(invocation, self._process.returncode)
                break
            if time.monotonic() > deadline:
                self.end()
                message = f"{invocation.request_id} Task timed out after {timeout:.2f} seconds"
                invocation.error = {"errorType": "Sandbox.Timedout", "errorMessage": message}
                break
        self._initialised = True
        return invocation

    @property
    def alive(self) -> bool:
        """Whether the process can take another invocation."""
        return self._process.poll() is None

    def new_log_lines(self) -> tuple[str, ...]:
        """Return the lines that were written since the last call."""
        if self._log.closed:
            return ()
        content = os.pread(self._log.fileno(), 1 << 26, self._read)
        self._read += len(content)
        return tuple(content.decode("utf-8", "replace").splitlines())

    def end(self) -> None:
        """End the process. Lambda gives a function without extensions no time to say anything."""
        self._process.kill()
        self._process.wait()
        self._api.stop()

    def close(self) -> None:
        """End the process and forget its log."""
        self.end()
        self._log.close()


class LambdaFunction:
    """A function of the package: environments are started when they are needed and kept for the next invocation.

    A context manager, which leaves no process behind. Raises PackageError if this machine cannot run the package.
    """

    def __init__(
        self,
        package: Package,
        name: str,
        environment_overrides: Mapping[str, str] | None = None,
        *,
        credentials: Credentials = NO_CREDENTIALS,
        concurrency: int = 1,
        bootstrap: Path | None = None,
        cache: Path = CACHE,
    ) -> None:
        """Take one of the package's functions by Chalice's name.

        ``environment_overrides`` are set beside the template's variables: an endpoint on this machine, say.
        ``concurrency`` is how many environments there may be at once; further calls wait. ``bootstrap`` is the file of
        a module to run in the place of ``awslambdaric``, which must end by running that; the process sees its folder.
        """
        self.definition = package.functions[name]
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.definition.name}"
        python = _interpreter(self.definition)
        runtime = runtime_folder(cache, self.definition.runtime, python, with_sdk=not (package.code / "boto3").exists())
        module = "awslambdaric" if bootstrap is None else bootstrap.stem
        self.command = _command(python, module, self.definition.handler)
        self.code = package.code
        search_path = [runtime] if bootstrap is None else [runtime, bootstrap.parent]
        self.environment = {
            **_lambda_environment(self.definition, credentials),
            "LAMBDA_RUNTIME_DIR": str(runtime),
            "LAMBDA_TASK_ROOT": str(package.code),
            "PYTHONPATH": os.pathsep.join(map(str, search_path)),
            **self.definition.environment,
            **(environment_overrides or {}),
        }
        self._slots = threading.Semaphore(concurrency)
        self._changing = threading.Lock()
        self._idle: list[ExecutionEnvironment] = []
        self._environments: set[ExecutionEnvironment] = set()
        self.cold_starts = 0
        """How many processes were started so far."""
        self.invocations = 0
        """How many invocations there were so far."""
        self.recent_log: collections.deque[str] = collections.deque(maxlen=_RECENT_LINES)
        """The newest lines of all invocations."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def invoke(self, event: object, *, timeout: float | None = None) -> Result:
        """Invoke the function as RequestResponse does. ``timeout`` is in seconds, by default the template's."""
        started = time.perf_counter()
        with self._slots:
            environment, cold = self._take()
            try:
                invocation = environment.invoke(event, arn=self.arn, timeout=timeout or self.definition.timeout)
                seconds = time.perf_counter() - started
                log = environment.new_log_lines()
            except BaseException:
                self._discard(environment)
                raise
            with self._changing:
                self.invocations += 1
                self.recent_log.extend(log)
            if environment.alive:
                with self._changing:
                    self._idle.append(environment)
            else:
                self._discard(environment)
        return Result(
            answer=invocation.answer,
            error=invocation.error,
            request_id=invocation.request_id,
            cold=cold,
            seconds=seconds,
            init_seconds=environment.init_seconds if cold else None,
            log=log,
        )

    def process_ids(self) -> list[int]:
        """Return the ids of the running processes."""
        with self._changing:
            return [environment.process_id for environment in self._environments]

    def end(self) -> None:
        """End every process, so that the next invocation is a cold start."""
        with self._changing:
            environments, self._environments = self._environments, set()
            self._idle.clear()
        for environment in environments:
            environment.close()

    def _take(self) -> tuple[ExecutionEnvironment, bool]:
        with self._changing:
            if self._idle:
                return self._idle.pop(), False
        environment = ExecutionEnvironment(self.command, self.environment, self.code)
        with self._changing:
            self._environments.add(environment)
            self.cold_starts += 1
        return environment, True

    def _discard(self, environment: ExecutionEnvironment) -> None:
        with self._changing:
            self._environments.discard(environment)
        environment.close()


def _interpreter(definition: FunctionDefinition) -> Path:
    found = interpreter_of(definition.runtime)
    if found is None:
        raise PackageError(f"the package is for {definition.runtime}, which is not on this machine")
    return found


def _command(python: Path, module: str, handler: str) -> list[str]:
    # Not the virtual environment's Python, which would see its packages, and without `site`, for the same reason. With
    # `-m` the working folder, which is the task root, comes first in `sys.path`, as on Lambda.
    command = [str(python), "-S", "-s", "-m", module, handler]
    # Root can write to every folder. On Lambda nobody can write to this one.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise PackageError("as root, running the package needs setpriv (util-linux), or else another user")
        command = [setpriv, "--inh-caps=-dac_override", "--bounding-set=-dac_override", "--", *command]
    return command


def _lambda_environment(definition: FunctionDefinition, credentials: Credentials) -> dict[str, str]:
    return {
        "_HANDLER": definition.handler,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{definition.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(definition.memory),
        "AWS_LAMBDA_FUNCTION_NAME": definition.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{definition.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]00000000000000000000000000000000",
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin",
        "TZ": ":UTC",
    }


def _exited(invocation: Invocation, code: int) -> Mapping[str, Any]:
    message = f"RequestId: {invocation.request_id} Error: Runtime exited with error: exit status {code}"
    return {"errorType": "Runtime.ExitError", "errorMessage": message}
