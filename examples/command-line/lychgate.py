#!/usr/bin/env python3
"""A command line that logs in to a Lychgate API and makes calls: an example of a native client, in one file.

It runs under Python 3.11 or newer, on Linux and macOS, and needs no package. If the package ``keyring`` is there and
finds the system's keyring, tokens are kept in that, otherwise in a file of mode 0600.

Copy it, rename it, and take out what you do not need: README.md beside it says what has to stay, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import getpass
import http.client
import importlib
import json
import os
import re
import stat
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]

# Never put a version of Python or of this program into it: a repeated refresh has to come with the User-Agent of the
# first, also after an update.
USER_AGENT = "lychgate-command-line"
# The API gives a used refresh token the same successor for 20 seconds. Repeated later, it ends the session.
RETRY_SECONDS = 17.0
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
# An access token that is about to expire may do so on its way.
MARGIN_SECONDS = 30.0
UNAUTHORIZED = 401
NO_CONTENT = 204
UNSUPPORTED_MEDIA_TYPE = 415
SERVER_ERRORS = range(500, 600)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Failure(Exception):
    """What the user is told in one line, with what to do about it."""

    exit_code = 1


class NotLoggedIn(Failure):
    """There is no session, or none any more."""

    exit_code = 3


class NoAnswer(Failure):
    """The API gave no usable answer, so that it is not known what was done."""


class Refused(Failure):
    """The API answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Json, retry_after: float) -> None:
        self.status = status
        self.problem = problem
        self.error = str(problem.get("error", ""))
        self.retry_after = retry_after
        errors = [f"{each.get('field')}: {each.get('message')}" for each in problem.get("errors", [])]
        fields = "".join(f"\n  {printable(each)}" for each in errors)
        wait = f" Wait {retry_after:.0f} seconds." if retry_after else ""
        super().__init__(printable(f"{status} {self.error}: {problem.get('detail', '')}{wait}") + fields)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """By itself urllib would follow a redirect with the token, to whichever host it names."""

    def redirect_request(self, *_: object) -> None:
        return None


class Api:
    """The API at a root such as ``https://example.org/api``, which has so many seconds to answer.

    Raises Failure if the root is not one to which a password may be sent.
    """

    def __init__(self, root: str, timeout: float) -> None:
        parts = urllib.parse.urlsplit(root)
        is_here = parts.hostname in LOOPBACK
        if not parts.hostname or parts.scheme not in {"http", "https"} or parts.query or parts.fragment or "@" in root:
            raise Failure(f"{root} is no root of an API. It looks like https://example.org/api")
        if parts.scheme == "http" and not is_here:
            raise Failure(f"{root} has no https, so everybody on the way could read the password.")
        self.root = root.rstrip("/")
        self.timeout = timeout
        # A proxy of the environment cannot reach this machine.
        proxies = [urllib.request.ProxyHandler({})] if is_here else []
        self._opener = urllib.request.build_opener(_NoRedirects, *proxies)

    def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        token: str | None = None,
        timeout: float | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Make one request and return the answer's JSON, None if it has no body. Raises Refused and NoAnswer."""
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, headers, method=method)  # noqa: S310 - see __init__
        try:
            with self._opener.open(request, timeout=timeout or self.timeout) as answer:
                return self._json(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise NoAnswer(f"{self.root} cannot be reached ({reason}). Is the API running? Try again.") from None

    def _json(self, status: int, body: bytes) -> Any:  # noqa: ANN401 - see above
        if status == NO_CONTENT:
            return None
        try:
            return json.loads(body)
        except ValueError:
            raise NoAnswer(f"{self.root} answered, but not as a Lychgate API does. Is the address right?") from None

    def _refusal(self, error: urllib.error.HTTPError) -> Failure:
        try:
            problem = json.loads(error.read())
        except (OSError, http.client.HTTPException, ValueError):
            problem = None
        if not isinstance(problem, dict) or "error" not in problem:
            return NoAnswer(f"{self.root} answered {error.code}, but not as a Lychgate API does. Is the address right?")
        said = error.headers.get("Retry-After", "")
        return Refused(error.code, problem, float(said) if said.isdigit() else 0.0)


@dataclasses.dataclass(frozen=True)
class Session:
    """What is kept between two runs. All of it is secret."""

    api: str
    username: str
    refresh_token: str
    access_token: str
    obtained_at: float
    """When the access token was asked for, by this machine's clock."""
    lifetime: float
    """Seconds, as the API said. The times inside the token are by its clock, which may differ from this one."""

    def is_good(self, now: float) -> bool:
        """Tell whether the access token is worth a try: not if it is old, or if the clock was put back."""
        age = now - self.obtained_at
        return 0 <= age < self.lifetime - min(MARGIN_SECONDS, self.lifetime / 2)


def session_of(api: Api, answer: Json, asked_at: float) -> Session:
    """Return the session that a token response (RFC 6749 section 5.1) begins or continues."""
    return Session(
        api=api.root,
        username=answer["user"]["username"],
        refresh_token=answer["refresh_token"],
        access_token=answer["access_token"],
        obtained_at=asked_at,
        lifetime=answer["expires_in"],
    )


class Store(Protocol):
    """A place where a session is kept."""

    name: str

    def read(self) -> str | None:
        """Return what is kept, None if nothing is."""

    def write(self, text: str) -> None:
        """Keep this. When it returns, a crash loses nothing."""

    def delete(self) -> None:
        """Keep nothing."""


class FileStore:
    """A file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def read(self) -> str | None:
        """Return the file's text, None if there is none. Raises Failure if others could have read or written it."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
                raise Failure(
                    f"{self._path} can be read by others, who may know the session now. "
                    f"chmod 600 '{self._path}', then log out and in again."
                )
            return file.read()

    def write(self, text: str) -> None:
        """Replace the file as a whole: whoever reads it meanwhile sees the old one or the new one."""
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)


class KeyringStore:
    """The system's keyring: Keychain, Secret Service or KWallet."""

    name = "the system's keyring"

    def __init__(self, keyring: Any, api: str) -> None:  # noqa: ANN401 - a module that may not be there
        self._keyring = keyring
        self._api = api

    def read(self) -> str | None:
        """Return the entry. Raises Failure if the keyring stays locked."""
        with self._told():
            found: str | None = self._keyring.get_password("lychgate", self._api)
            return found

    def write(self, text: str) -> None:
        """Write the entry. Raises Failure."""
        with self._told():
            self._keyring.set_password("lychgate", self._api, text)

    def delete(self) -> None:
        """Delete the entry, if there is one. Raises Failure."""
        with self._told():
            if self._keyring.get_password("lychgate", self._api) is not None:
                self._keyring.delete_password("lychgate", self._api)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._keyring.errors.KeyringError as error:
            raise Failure(f"{self.name} refuses: {error}. Unlock it and try again.") from None


def stores_for(api: Api, folder: Path) -> list[Store]:
    """Return where the session of an API may be, the best place first."""
    file = FileStore(folder / (re.sub(r"[^\w.-]", "_", api.root) + ".json"))
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        return [file]
    # Below 1 are those that keep nothing, and those that keep it in plain text.
    return [KeyringStore(keyring, api.root), file] if keyring.get_keyring().priority >= 1 else [file]


class Client:
    """A session with an API, for one process of many."""

    def __init__(self, api: Api, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.api = api
        self._stores = stores_for(api, folder)
        self._lock = folder / "lock"
        self._clock = clock

    @property
    def keeps_in(self) -> str:
        """Where a session is kept."""
        return self._stores[0].name

    def call(self, method: str, path: str, body: Json | None = None) -> Any:  # noqa: ANN401 - see above
        """Make a call as the user and return its JSON. Raises Failure.

        A call that was lost is not repeated: the API may have done what it said.
        """
        session = self.good_session()
        try:
            return self.api.ask(method, path, body, token=session.access_token)
        except Refused as refused:
            if (refused.status, refused.error) == (UNAUTHORIZED, "invalid_token"):
                session = self.good_session(but_not=session.access_token)
            elif refused.error == "insufficient_user_authentication":
                session = self._reauthenticated(session, refused.problem)
            else:
                raise
        return self.api.ask(method, path, body, token=session.access_token)

    def good_session(self, but_not: str | None = None) -> Session:
        """Return the session with an access token that is worth a try; ``but_not`` is one that was refused.

        Raises Failure.
        """
        session = self._read()
        if self._is_good(session, but_not):
            return session
        with self.alone():
            # Another process may have refreshed while this one waited. Then its token is as good.
            session = self._read()
            if not self._is_good(session, but_not):
                session = self._refreshed(session)
            return session

    def begin(self, log_in: Callable[[], Json]) -> Session:
        """Log in and keep the session, in place of one that was there. Raises Failure."""
        asked_at = self._clock()
        session = session_of(self.api, log_in(), asked_at)
        with self.alone():
            earlier = None
            with contextlib.suppress(NotLoggedIn):
                earlier = self._read()
            try:
                self._write(session)
            except BaseException:
                self._end_at_the_api(session)
                raise
        if earlier is not None:
            self._end_at_the_api(earlier)
        return session

    def end(self) -> None:
        """End the session at the API, then forget it. Raises Failure, and forgets nothing that it could not end."""
        with self.alone():
            session = self._read()
            try:
                self.api.ask("POST", "/auth/logout", {"refresh_token": session.refresh_token})
            except Failure as failure:
                raise Failure(f"The session has not ended: {failure} Then log out again.") from None
            self._forget()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process of this user refresh, log in or log out until the block ends."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _end_at_the_api(self, session: Session) -> None:
        """End a session that nobody could end from here any more, if the API can be reached."""
        with contextlib.suppress(Failure):
            self.api.ask("POST", "/auth/logout", {"refresh_token": session.refresh_token})

    def _is_good(self, session: Session, but_not: str | None) -> bool:
        return session.access_token != but_not and session.is_good(self._clock())

    def _refreshed(self, session: Session) -> Session:
        """Exchange the refresh token. The new one is kept before anything else is done with it."""
        asked_at = self._clock()
        try:
            answer = self._ask_for_tokens(session.refresh_token)
        except Refused as refused:
            if refused.error != "invalid_grant":
                raise
            # Of all answers only this one means that the session is over.
            self._forget()
            raise NotLoggedIn("The session has ended. Log in again with: lychgate.py login") from None
        session = session_of(self.api, answer, asked_at)
        self._write(session)
        return session

    def _ask_for_tokens(self, refresh_token: str) -> Json:
        """Refresh, and after a lost answer send the same refresh token again, as long as that is safe."""
        started = time.monotonic()
        for pause in PAUSES:
            try:
                return self._refresh(refresh_token)
            except NoAnswer:
                wait = pause
            except Refused as refused:
                if refused.status not in SERVER_ERRORS:
                    raise
                wait = max(pause, refused.retry_after)
            if time.monotonic() - started + wait > RETRY_SECONDS:
                break
            time.sleep(wait)
        raise NoAnswer(f"{self.api.root} cannot be reached. You are still logged in: try again later.")

    def _refresh(self, refresh_token: str) -> Json:
        body = {"refresh_token": refresh_token}
        answer: Json = self.api.ask("POST", "/auth/refresh", body, timeout=self.api.timeout / 2)
        return answer

    def _reauthenticated(self, session: Session, problem: Json) -> Session:
        """Show that the user is still there (RFC 9470), and return the session with the token for that."""
        sys.stderr.write("This needs your password again.\n")
        proof = {"password": secret(f"Password of {printable(session.username)}: ")}
        if problem.get("acr_values") == "aal2":
            proof["code"] = secret("Code of your app: ")
        asked_at = self._clock()
        answer = self.api.ask("POST", "/auth/reauthenticate", proof, token=session.access_token)
        with self.alone():
            # Its refresh token may have been exchanged meanwhile, by another process.
            session = dataclasses.replace(
                self._read(),
                access_token=answer["access_token"],
                obtained_at=asked_at,
                lifetime=answer["expires_in"],
            )
            self._write(session)
        return session

    def _read(self) -> Session:
        for store in self._stores:
            text = store.read()
            if text is None:
                continue
            try:
                session = Session(**json.loads(text))
            except (ValueError, TypeError):
                raise NotLoggedIn(
                    f"{store.name} has no session that this program could read. Log in again with: lychgate.py login"
                ) from None
            if session.api == self.api.root:
                return session
        raise NotLoggedIn(f"You are not logged in to {self.api.root}. Log in with: lychgate.py login")

    def _write(self, session: Session) -> None:
        best, *others = self._stores
        best.write(json.dumps(dataclasses.asdict(session)))
        for store in others:
            store.delete()

    def _forget(self) -> None:
        for store in self._stores:
            store.delete()


def secret(prompt: str) -> str:
    """Ask for what must not be seen. Raises Failure if it would be."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except (getpass.GetPassWarning, EOFError):
            raise Failure("A password is typed at a terminal, and this program has none.") from None


def printable(text: str) -> str:
    """Return a text from elsewhere without characters that would steer the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def log_in(api: Api, username: str) -> Json:
    """Ask for the password, and for a second factor if one is due; return the token response. Raises Failure."""
    password = secret(f"Password of {printable(username)} at {api.root}: ")
    try:
        answer: Json = api.ask("POST", "/auth/login", {"username": username, "password": password})
    except Refused as refused:
        if refused.error == "invalid_credentials":
            raise Failure("The username or the password is wrong.") from None
        if refused.error != "second_factor_required":
            raise
        return second_factor(api, refused.problem)
    return answer


def second_factor(api: Api, due: Json) -> Json:
    """Ask for a code, as often as the API lets one try; return the token response. Raises Failure."""
    methods = due.get("methods", [])
    asked_for = [
        said for method, said in (("totp", "code of your app"), ("recovery_code", "recovery code")) if method in methods
    ]
    if not asked_for:
        raise Failure(f"The second factor of this account ({', '.join(methods)}) needs a browser.")
    while True:
        typed = "".join(secret(f"{' or '.join(asked_for).capitalize()}: ").split())
        proof = {"code": typed} if re.fullmatch("[0-9]{6}", typed) else {"recovery_code": typed}
        try:
            answer: Json = api.ask("POST", "/auth/login/second-factor", {"challenge": due["challenge"], **proof})
        except Refused as refused:
            if refused.error not in {"invalid_code", "validation_failed"}:
                raise
            sys.stderr.write("This is not the code, or it was used already.\n")
        else:
            return answer


def command_login(client: Client, options: argparse.Namespace) -> None:
    """Log in and keep the session."""
    username = options.username or input("Username: ")
    session = client.begin(lambda: log_in(client.api, username))
    show(f"Logged in as {printable(session.username)}. The session is kept in {client.keeps_in}.")


def command_whoami(client: Client, _: argparse.Namespace) -> None:
    """Show who is logged in, as the API knows it now."""
    user = client.call("GET", "/me")["user"]
    show(f"{printable(user['username'])} ({', '.join(map(printable, user['roles']))})")


def command_call(client: Client, options: argparse.Namespace) -> None:
    """Make a call and print its answer."""
    path = f"/{options.path.removeprefix('/')}"
    # The token is for this API alone, whatever somebody has pasted.
    if not re.fullmatch(r"/(?!/)[!-~]+", path) or "://" in path.partition("?")[0]:
        raise Failure(f"{options.path} is no path below {client.api.root}, such as /dashboard")
    method = options.method.upper()
    try:
        answer = client.call(method, path, options.data)
    except Refused as refused:
        if refused.status != UNSUPPORTED_MEDIA_TYPE or options.data is not None:
            raise
        raise Failure(f"""{method} {path} needs a body. Give it with: --data '{{"member": "value"}}'""") from None
    if answer is not None:
        show(json.dumps(answer, indent=2))


def command_sessions(client: Client, _: argparse.Namespace) -> None:
    """List the sessions of the user. ``call DELETE /auth/sessions/ID`` ends one."""
    for session in client.call("GET", "/auth/sessions")["sessions"]:
        used = session["last_used_at"]
        mark = "*" if session["current"] else " "
        line = f"{session['id']}  last used {used}  {session['ip']}  {session['user_agent']}"
        show(f"{mark} {printable(line)}")


def command_logout(client: Client, _: argparse.Namespace) -> None:
    """End the session, here and at the API."""
    client.end()
    show("Logged out. The session has ended.")


def show(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def a_body(text: str) -> Json:
    """Return the body of a call, a JSON object."""
    body = None
    with contextlib.suppress(ValueError):
        body = json.loads(text)
    if not isinstance(body, dict):
        raise argparse.ArgumentTypeError('a JSON object is needed, such as \'{"text": "Hello"}\'')
    return body


def a_duration(text: str) -> float:
    """Return seconds."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) or not float(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return float(text)


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return the command line's parser."""
    usual = Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lychgate"
    result = argparse.ArgumentParser(prog="lychgate.py", description="Log in to a Lychgate API and make calls.")
    result.add_argument(
        "--api",
        default=environ.get("LYCHGATE_API", "http://127.0.0.1:8000/api"),
        help="root of the API (LYCHGATE_API, http://127.0.0.1:8000/api)",
    )
    result.add_argument(
        "--state",
        type=Path,
        default=Path(environ.get("LYCHGATE_STATE") or usual),
        help=f"folder of the session (LYCHGATE_STATE, {usual})",
    )
    result.add_argument(
        "--timeout",
        type=a_duration,
        default=environ.get("LYCHGATE_TIMEOUT", "10"),
        help="seconds to wait for an answer (LYCHGATE_TIMEOUT, 10); half of it for a refresh, which is repeated",
    )
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    login = commands.add_parser("login", help="log in, with a password and a second factor")
    login.add_argument("username", nargs="?")
    call = commands.add_parser("call", help="make a call, such as: call GET /dashboard")
    call.add_argument("method")
    call.add_argument("path")
    call.add_argument("--data", type=a_body, metavar="JSON", help="the body, a JSON object")
    whoami = commands.add_parser("whoami", help="show who is logged in")
    sessions = commands.add_parser("sessions", help="list the sessions of the user; * is this one")
    logout = commands.add_parser("logout", help="end the session")
    for command, run in (
        (login, command_login),
        (whoami, command_whoami),
        (call, command_call),
        (sessions, command_sessions),
        (logout, command_logout),
    ):
        command.set_defaults(run=run)
    return result


def main() -> int:
    """Run a command and return the exit code: 0, 1 for a failure, 2 for wrong usage, 3 if nobody is logged in."""
    options = parser(os.environ).parse_args()
    try:
        options.run(Client(Api(options.api, options.timeout), options.state), options)
    except Failure as failure:
        sys.stderr.write(f"lychgate: {failure}\n")
        return failure.exit_code
    except OSError as error:
        sys.stderr.write(f"lychgate: {error.filename or options.state}: {error.strerror}\n")
        return 1
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
