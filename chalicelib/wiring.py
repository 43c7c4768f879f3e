"""The composition root of the API Lambda: the only module that builds adapters and connects them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import dynamodb_client, ssm_client
from chalicelib.adapters.dynamodb.events import DynamoDBEventLog
from chalicelib.adapters.dynamodb.sessions import DynamoDBSessionStore
from chalicelib.adapters.dynamodb.throttle import DynamoDBLoginThrottle
from chalicelib.adapters.dynamodb.transactions import Database, pause_at_most
from chalicelib.adapters.dynamodb.users import DynamoDBUserStore
from chalicelib.adapters.parameter_store import read_secret
from chalicelib.adapters.pwned_passwords import PwnedPasswords
from chalicelib.clock import Clock, system_clock
from chalicelib.config.api import ApiSettings
from chalicelib.config.http import HttpSettings
from chalicelib.config.signing_secrets import SigningSecrets
from chalicelib.config.verifier import VerifierSettings
from chalicelib.credentials.password_policy import PasswordPolicy
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.errors import ConfigurationError
from chalicelib.telemetry.log import log_unusable_hash
from chalicelib.telemetry.requests import announce
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.verifier import TokenVerifier
from chalicelib.use_cases.account import Account
from chalicelib.use_cases.begin_session import BeginSession
from chalicelib.use_cases.devices import Devices
from chalicelib.use_cases.log_in import LogIn
from chalicelib.use_cases.notices import Notices
from chalicelib.use_cases.password_guard import PasswordGuard
from chalicelib.use_cases.ports import Announce, MailStores, Stores
from chalicelib.use_cases.refresh import RefreshTokens
from chalicelib.use_cases.registration import Registration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ssm import SSMClient

    from chalicelib.credentials.throttling import MailRules
    from chalicelib.tokens.keyring import SigningKeys
    from chalicelib.use_cases.address_registration import AddressRegistration
    from chalicelib.use_cases.addresses import Addresses
    from chalicelib.use_cases.code_log_in import CodeLogIn
    from chalicelib.use_cases.password_reset import PasswordReset


@dataclass(frozen=True, slots=True, eq=False)
class Clients:
    """How AWS is reached. The factory of a client is called when the client is first needed."""

    dynamodb: Callable[[], DynamoDBClient] = dynamodb_client
    ssm: Callable[[], SSMClient] = ssm_client
    pause: Callable[[float], None] = pause_at_most
    """Waits before a retry, at most so many seconds."""

    def made_once(self) -> Clients:
        """Return the same, with factories that return the client that they made before."""
        return Clients(functools.cache(self.dynamodb), functools.cache(self.ssm), self.pause)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What use cases are built from that are not built at the start."""

    settings: ApiSettings
    stores: Stores
    begin_session: BeginSession
    hasher: PasswordHasher
    policy: PasswordPolicy
    notices: Notices
    clock: Clock
    announce: Announce


@dataclass(frozen=True, eq=False)
class UseCases:
    """All use cases, over one set of stores. Those of mails are loaded and built when they are first needed."""

    registration: Registration
    log_in: LogIn
    refresh_tokens: RefreshTokens
    account: Account
    devices: Devices
    _parts: Parts

    @functools.cached_property
    def address_registration(self) -> AddressRegistration:
        """Creates accounts whose name is their address."""
        from chalicelib.use_cases.address_registration import AddressRegistration  # noqa: PLC0415

        parts = self._parts
        return AddressRegistration(
            stores=parts.stores,
            begin_session=parts.begin_session,
            hasher=parts.hasher,
            policy=parts.policy,
            is_open=parts.settings.registration_open,
            by_address=parts.settings.identifier == "email",
            clock=parts.clock,
            announce=parts.announce,
        )

    @functools.cached_property
    def addresses(self) -> Addresses:
        """The addresses of users."""
        from chalicelib.use_cases.addresses import Addresses  # noqa: PLC0415

        parts = self._parts
        return Addresses(
            stores=parts.stores,
            account=self.account,
            notices=parts.notices,
            settings=parts.settings,
            clock=parts.clock,
            announce=parts.announce,
        )

    @functools.cached_property
    def password_reset(self) -> PasswordReset:
        """New passwords by mail."""
        from chalicelib.use_cases.password_reset import PasswordReset  # noqa: PLC0415

        parts = self._parts
        return PasswordReset(
            stores=parts.stores,
            hasher=parts.hasher,
            policy=parts.policy,
            notices=parts.notices,
            clock=parts.clock,
            announce=parts.announce,
        )

    @functools.cached_property
    def code_log_in(self) -> CodeLogIn:
        """Log-in by a mailed code."""
        from chalicelib.use_cases.code_log_in import CodeLogIn  # noqa: PLC0415

        parts = self._parts
        return CodeLogIn(
            stores=parts.stores,
            begin_session=parts.begin_session,
            notices=parts.notices,
            clock=parts.clock,
            announce=parts.announce,
        )


def dynamodb_stores(clients: Clients, settings: ApiSettings) -> Stores:
    """Return the stores in DynamoDB."""
    database = Database(clients.dynamodb(), settings.tables, clients.pause)
    return Stores(
        users=DynamoDBUserStore(database),
        sessions=DynamoDBSessionStore(database, limit=settings.max_sessions),
        events=DynamoDBEventLog(database),
        throttle=DynamoDBLoginThrottle(database, settings.throttle),
        make_mail_stores=lambda: dynamodb_mail_stores(database, settings.mails),
    )


def dynamodb_mail_stores(database: Database, rules: MailRules) -> MailStores:
    """Return the stores in DynamoDB that only mails need."""
    # Most processes never need them.
    from chalicelib.adapters.dynamodb.addresses import DynamoDBAddressStore  # noqa: PLC0415
    from chalicelib.adapters.dynamodb.outbox import DynamoDBOutbox  # noqa: PLC0415

    return MailStores(addresses=DynamoDBAddressStore(database), outbox=DynamoDBOutbox(database, rules))


class Lychgate:
    """The settings, clock and use cases of one process of the API. Each is built once, at its first use.

    If building fails, it raises ConfigurationError, or ServiceUnavailable if a later attempt may succeed. The next use
    tries again.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clients: Clients | None = None,
        clock: Clock = system_clock,
        make_stores: Callable[[Clients, ApiSettings], Stores] = dynamodb_stores,
        make_hasher: Callable[..., PasswordHasher] = PasswordHasher,
        announce: Announce = announce,
    ) -> None:
        """Read settings from ``environment``. The other arguments replace the parts that reach outside."""
        self._environment = environment
        self._clients = (clients or Clients()).made_once()
        self.clock = clock
        self._make_stores = make_stores
        self._make_hasher = make_hasher
        self._announce = announce
        self._failure: Exception | None = None

    @functools.cached_property
    def http(self) -> HttpSettings:
        """The settings of the HTTP layer."""
        return HttpSettings.from_environment(self._environment)

    @functools.cached_property
    def verifying(self) -> VerifierSettings:
        """The settings for verifying tokens, with the public keys."""
        return VerifierSettings.from_environment(self._environment)

    @functools.cached_property
    def settings(self) -> ApiSettings:
        """The other settings, which the use cases are built from."""
        return ApiSettings.from_environment(self._environment)

    @functools.cached_property
    def use_cases(self) -> UseCases:
        """The use cases."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._build()

    def prepare(self) -> None:
        """Build the use cases before the first request. If that fails, the first use of them raises the error.

        Lambda gives a starting process a whole CPU, whatever its memory, and starts some processes before they are
        needed. An error must not escape here: Lambda would start process after process, and no request would get a
        problem document.
        """
        try:
            self.use_cases  # noqa: B018 - reading the property builds it
        except Exception as failure:  # noqa: BLE001 - the first request raises it again and answers it
            self._failure = failure

    def make_clients(self) -> None:
        """Read the settings and make the clients, without a call to AWS. Errors are left to ``prepare``."""
        with contextlib.suppress(Exception):
            self.http, self.verifying, self.settings  # noqa: B018 - reading a property builds it
            self._clients.dynamodb()
            self._clients.ssm()

    def _build(self) -> UseCases:
        # Settings first: what they lack can be said without a call to AWS.
        verifying = self.verifying
        settings = self.settings
        secrets = SigningSecrets.from_json(
            read_secret(
                self._clients.ssm(), settings.signing_keys_parameter, variable="LYCHGATE_SIGNING_KEYS_PARAMETER"
            ),
            source=settings.signing_keys_parameter,
        )
        stores = self._make_stores(self._clients, settings)
        issuer = TokenIssuer(
            issuer=verifying.issuer,
            audience=verifying.audience,
            signing_keys=self._known_signing_keys(secrets),
            access_lifetime=settings.access_token_lifetime,
        )
        verifier = TokenVerifier(
            issuer=verifying.issuer,
            audience=verifying.audience,
            keys=verifying.keys,
            clock=self.clock,
        )
        hasher = self._make_hasher(
            peppers=secrets.peppers, cost=settings.bcrypt_cost, clock=self.clock, report=log_unusable_hash
        )
        policy = PasswordPolicy(
            min_length=settings.password_min_length,
            context_words=settings.context_words,
            leaked=PwnedPasswords() if settings.check_pwned_passwords else None,
        )
        clock, announce, rules = self.clock, self._announce, settings.sessions
        guard = PasswordGuard(stores=stores, hasher=hasher, clock=clock, announce=announce)
        begin_session = BeginSession(stores=stores, issuer=issuer, rules=rules, clock=clock, announce=announce)
        notices = Notices(sends=settings.email != "off")
        return UseCases(
            registration=Registration(
                stores=stores,
                begin_session=begin_session,
                hasher=hasher,
                policy=policy,
                is_open=settings.registration_open,
                email=settings.email,
                clock=clock,
            ),
            log_in=LogIn(guard=guard, begin_session=begin_session),
            refresh_tokens=RefreshTokens(
                stores=stores,
                issuer=issuer,
                verifier=verifier,
                rules=rules,
                notices=notices,
                clock=clock,
                announce=announce,
            ),
            devices=Devices(issuer=issuer, verifier=verifier, clock=clock),
            account=Account(
                stores=stores,
                guard=guard,
                begin_session=begin_session,
                hasher=hasher,
                policy=policy,
                fresh_seconds=settings.fresh_seconds,
                notices=notices,
                clock=clock,
                announce=announce,
            ),
            _parts=Parts(settings, stores, begin_session, hasher, policy, notices, clock, announce),
        )

    def _known_signing_keys(self, secrets: SigningSecrets) -> SigningKeys:
        """Return the private keys whose public halves are configured. Raises ConfigurationError if none may sign."""
        known = secrets.signing_keys.known_to(self.verifying.keys)
        if not any(key.is_good(self.clock()) for key in known.keys):
            raise ConfigurationError(
                "LYCHGATE_PUBLIC_KEYS", "does not hold the key that signs: nobody could use its tokens"
            )
        return known
