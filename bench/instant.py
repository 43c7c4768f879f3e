"""The application in one process over stores that answer at once, to measure its own work only."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import jwt

from bench.protected import routes
from chalicelib.accounts.caller import Caller
from chalicelib.accounts.ended import Ended, digest_of
from chalicelib.accounts.session import Session
from chalicelib.accounts.user import User
from chalicelib.config.api import REFRESH_IDLE_LIFETIME, SESSION_LIFETIME
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.throttling import Admission, Attempt, Failures
from chalicelib.telemetry import log
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keyring import SigningKey, VerificationKey
from chalicelib.tokens.keys import (
    generate_signing_jwk,
    parse_signing_keys,
    parse_verification_keys,
    public_jwks,
    thumbprint,
)
from chalicelib.use_cases.administration_ports import AdministrationStore
from chalicelib.use_cases.factor_ports import FactorStore
from chalicelib.use_cases.mail_ports import MailStores
from chalicelib.use_cases.ports import (
    EventLog,
    LoginThrottle,
    Rotation,
    SessionStore,
    Stores,
    UserStore,
)
from tests.support.application import application, clients_of
from tests.support.scenarios import PASSWORD

if TYPE_CHECKING:
    from chalice.app import ChaliceAuthorizer

    from chalicelib.accounts.key_proof import KeyProof
    from chalicelib.api.application import Application
    from chalicelib.assembly import UseCases

ISSUER = "https://site.example/api"
USERNAME = "alice@example.org"
CALLER = Caller(ip="203.0.113.7", user_agent="bench")


class _Users:
    def __init__(self, user: User) -> None:
        self._user = user

    def find(self, _username: str) -> User:
        return self._user


class _Sessions:
    """Accepts every genuine refresh token and every proof as if it were used for the first time."""

    def __init__(self, session: Session, user: User) -> None:
        self._session = session
        self._user = user

    def with_user(self, _username: str, _user_id: str, _session_id: str) -> tuple[User, Session]:
        return self._user, self._session

    def begin(self, *_arguments: object, **_options: object) -> bool:
        return False

    def rotate(
        self,
        _user_id: str,
        _session_id: str,
        counter: int,
        *,
        now: int,
        idle_expires_at: int,
        used_from: str,
        key_proof: KeyProof | None,
        on_device: bool,  # noqa: ARG002
    ) -> Rotation:
        # A store reads the key's last proof with the session's other attributes, in one step.
        last = {} if key_proof is None else {"key_proof_at": key_proof.at, "key_proofs": (key_proof.id,)}
        rotated = replace(
            self._session,
            refresh_counter=counter + 1,
            last_used_at=now,
            idle_expires_at=idle_expires_at,
            last_used_from=used_from,
            **last,  # type: ignore[arg-type]
        )
        return Rotation(applied=True, session=rotated)


class _Throttle:
    def __init__(self, user: User) -> None:
        self._user = user

    def admit(self, attempt: Attempt, _now: int) -> Admission:
        return Admission(attempt, self._user, Failures())


@dataclass(frozen=True)
class Instant:
    """An application over stores with one user and one session, and its keys."""

    app: Application
    authorizer: ChaliceAuthorizer
    signing_key: SigningKey
    verification_key: VerificationKey
    user: User
    access_token: str
    refresh_token: str

    @property
    def use_cases(self) -> UseCases:
        """The use cases of the application."""
        return self.app.lychgate.use_cases


@contextmanager
def instant_application(hasher: PasswordHasher, *, alg: str = "ES256", client_key: str = "") -> Iterator[Instant]:
    """Return an application with both Lambdas, over such stores and with a new key.

    ``client_key`` is the thumbprint of the key that the session is bound to, empty for a plain session.
    Log lines are made as on Lambda, and discarded.
    """
    private = {"keys": [generate_signing_jwk(alg)], "pepper": "A" * 43}
    public = public_jwks(private)
    signing_keys = parse_signing_keys(private)
    now = int(time.time())
    user = User(id="u" * 22, username=USERNAME, password_hash=hasher.hash(PASSWORD), roles=("user",), created_at=now)
    session = Session(
        id="s" * 22,
        user_id=user.id,
        username=user.username,
        created_at=now,
        authenticated_at=now,
        last_used_at=now,
        idle_expires_at=now + REFRESH_IDLE_LIFETIME,
        expires_at=now + SESSION_LIFETIME,
        refresh_counter=0,
        epoch=0,
        caller=CALLER,
        key=client_key,
    )
    stores = Stores(
        users=cast("UserStore", _Users(user)),
        sessions=cast("SessionStore", _Sessions(session, user)),
        events=cast("EventLog", None),
        throttle=cast("LoginThrottle", _Throttle(user)),
        make_mail_stores=_no_mail_stores,
        make_factor_store=_no_factor_store,
        make_administration_store=_no_administration_store,
        make_ended_feed=_OthersEnded,
    )
    settings = {
        "LYCHGATE_ISSUER": ISSUER,
        "LYCHGATE_PUBLIC_KEYS": json.dumps(public),
        "LYCHGATE_SIGNING_KEYS_PARAMETER": "/bench",
        "LYCHGATE_ACCESS_TOKEN_LIFETIME": "3600",
        **{f"LYCHGATE_{name}_TABLE": "none" for name in ("USERS", "SESSIONS", "EVENTS", "THROTTLE", "MAIL")},
    }
    app = application(
        settings,
        clients=clients_of(ring=private),
        make_stores=lambda _clients, _settings: stores,
        make_hasher=lambda **_: hasher,
        routes=[routes],
    )
    issuer = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=signing_keys, access_lifetime=3600)
    with _log_lines_thrown_away():
        yield Instant(
            app=app,
            authorizer=cast("ChaliceAuthorizer", app.routes["/me"]["GET"].authorizer),
            signing_key=signing_keys.keys[0],
            verification_key=parse_verification_keys(public).keys[0],
            user=user,
            access_token=issuer.access_token(user, session, now),
            refresh_token=issuer.refresh_token(session, now),
        )


def key_with_proof(path: str) -> tuple[str, str]:
    """Return the thumbprint of a client's new key, and a proof by it for a POST request (RFC 9449 section 4.2)."""
    jwk = generate_signing_jwk()
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    claims = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": ISSUER + path, "iat": int(time.time())}
    return thumbprint(jwk), jwt.encode(claims, jwt.PyJWK(jwk), "ES256", {"typ": "dpop+jwt", "jwk": public})


class _OthersEnded:
    """A feed that names sessions and users of others: what ends by force in eleven minutes with a million users."""

    def since(self, at: int) -> list[Ended]:
        return [Ended(digest_of(str(number)), at, is_user=number % 2 == 0) for number in range(150)]


def _no_administration_store() -> AdministrationStore:
    raise NotImplementedError("nobody who is measured here administers accounts")


def _no_factor_store() -> FactorStore:
    raise NotImplementedError("nobody who is measured here has a second factor")


def _no_mail_stores() -> MailStores:
    raise NotImplementedError("nothing that is measured here sends mail")


@contextmanager
def _log_lines_thrown_away() -> Iterator[None]:
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        with contextlib.redirect_stdout(nowhere):
            log.configure({"AWS_LAMBDA_FUNCTION_NAME": "bench"})
        try:
            yield
        finally:
            log.configure({})
