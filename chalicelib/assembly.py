"""The use cases of one process, and what they are built from.

Those that few requests need are loaded and built when one does. ``wiring`` builds the others.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from chalicelib.clock import Clock
    from chalicelib.config.api import ApiSettings
    from chalicelib.config.http import HttpSettings
    from chalicelib.credentials.password_policy import PasswordPolicy
    from chalicelib.credentials.passwords import PasswordHasher
    from chalicelib.credentials.peppers import Peppers
    from chalicelib.credentials.recovery_codes import RecoveryCodes
    from chalicelib.credentials.sealing import Sealer
    from chalicelib.credentials.webauthn import RelyingParty
    from chalicelib.tokens.issuer import TokenIssuer
    from chalicelib.tokens.verifier import TokenVerifier
    from chalicelib.use_cases.account import Account
    from chalicelib.use_cases.address_registration import AddressRegistration
    from chalicelib.use_cases.addresses import Addresses
    from chalicelib.use_cases.administration import Administration
    from chalicelib.use_cases.begin_session import BeginSession
    from chalicelib.use_cases.code_log_in import CodeLogIn
    from chalicelib.use_cases.device_binding import DeviceBinding
    from chalicelib.use_cases.devices import Devices
    from chalicelib.use_cases.ended_sessions import EndedSessions
    from chalicelib.use_cases.factors import FactorManagement
    from chalicelib.use_cases.hooked import Hooked
    from chalicelib.use_cases.log_in import LogIn
    from chalicelib.use_cases.notices import Notices
    from chalicelib.use_cases.passkeys import Passkeys
    from chalicelib.use_cases.password_guard import PasswordGuard
    from chalicelib.use_cases.password_reset import PasswordReset
    from chalicelib.use_cases.ports import Announce, Stores
    from chalicelib.use_cases.published_ends import PublishedEnds
    from chalicelib.use_cases.reauthentication import Reauthentication
    from chalicelib.use_cases.refresh import RefreshTokens
    from chalicelib.use_cases.registration import Registration
    from chalicelib.use_cases.second_factor_log_in import SecondFactorLogIn
    from chalicelib.use_cases.second_factors import SecondFactors

Part = TypeVar("Part")


class Unhooked:
    """Leaves every part as it is: the site has no hooks. ``Hooked`` is for those that have."""

    def __call__(self, part: Part) -> Part:
        """Return the part."""
        return part

    announcing = __call__


class Parts:
    """What use cases are built from that are not built at the start."""

    settings: ApiSettings
    http: HttpSettings
    stores: Stores
    issuer: TokenIssuer
    """Without the site's own claims."""
    begin_session: BeginSession
    guard: PasswordGuard
    hasher: PasswordHasher
    policy: PasswordPolicy
    peppers: Peppers
    verifier: TokenVerifier
    notices: Notices
    clock: Clock
    announce: Announce
    hooked: Unhooked | Hooked

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - each is annotated above
        # A dataclass would be compiled at each cold start.
        vars(self).update(parts)

    @functools.cached_property
    def sealer(self) -> Sealer:
        """Seals what is kept by others."""
        from chalicelib.credentials.sealing import Sealer  # noqa: PLC0415

        return Sealer(self.peppers, self.clock)

    @functools.cached_property
    def recovery_codes(self) -> RecoveryCodes:
        """Makes and finds recovery codes."""
        from chalicelib.credentials.recovery_codes import RecoveryCodes  # noqa: PLC0415

        return RecoveryCodes(self.peppers, self.clock)

    @functools.cached_property
    def relying_party(self) -> RelyingParty:
        """For whom passkeys are made."""
        from chalicelib.config.passkeys import relying_party  # noqa: PLC0415

        return relying_party(self.settings, self.http)

    @functools.cached_property
    def second_factors(self) -> SecondFactors:
        """The step that asks for second factors and checks them."""
        from chalicelib.use_cases.second_factors import SecondFactors  # noqa: PLC0415

        return SecondFactors(
            stores=self.stores,
            sealer=self.sealer,
            recovery_codes=self.recovery_codes,
            relying_party=self.relying_party,
            notices=self.notices,
            clock=self.clock,
            announce=self.announce,
        )


@dataclass(frozen=True, eq=False)
class UseCases:
    """All use cases, over one set of stores. Those that few requests need are loaded and built when one does."""

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
        return parts.hooked(
            AddressRegistration(
                stores=parts.stores,
                begin_session=parts.begin_session,
                hasher=parts.hasher,
                policy=parts.policy,
                is_open=parts.settings.registration_open,
                by_address=parts.settings.identifier == "email",
                clock=parts.clock,
                announce=parts.announce,
            )
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

    @functools.cached_property
    def reauthentication(self) -> Reauthentication:
        """Authenticating again inside a session."""
        from chalicelib.use_cases.reauthentication import Reauthentication  # noqa: PLC0415

        parts = self._parts
        return Reauthentication(
            account=self.account,
            guard=parts.guard,
            begin_session=parts.begin_session,
            second_factors=lambda: parts.second_factors,
        )

    @functools.cached_property
    def device_binding(self) -> DeviceBinding:
        """Sessions that are bound to a device."""
        from chalicelib.use_cases.device_binding import DeviceBinding  # noqa: PLC0415

        parts = self._parts
        return DeviceBinding(
            stores=parts.stores,
            issuer=parts.issuer,
            verifier=parts.verifier,
            rules=parts.settings.sessions,
            sealer=parts.sealer,
            access_lifetime=parts.settings.access_token_lifetime,
            clock=parts.clock,
        )

    @functools.cached_property
    def second_factor(self) -> SecondFactorLogIn:
        """The second step of a log-in."""
        from chalicelib.use_cases.second_factor_log_in import SecondFactorLogIn  # noqa: PLC0415

        parts = self._parts
        return SecondFactorLogIn(
            stores=parts.stores, second_factors=parts.second_factors, begin_session=parts.begin_session
        )

    @functools.cached_property
    def factors(self) -> FactorManagement:
        """TOTP apps and recovery codes."""
        from chalicelib.use_cases.factors import FactorManagement  # noqa: PLC0415

        parts = self._parts
        return FactorManagement(
            stores=parts.stores,
            account=self.account,
            second_factors=parts.second_factors,
            sealer=parts.sealer,
            recovery_codes=parts.recovery_codes,
            notices=parts.notices,
            site_name=parts.settings.site_name,
            clock=parts.clock,
            announce=parts.announce,
        )

    @functools.cached_property
    def passkeys(self) -> Passkeys:
        """Passkeys."""
        from chalicelib.use_cases.passkeys import Passkeys  # noqa: PLC0415

        parts = self._parts
        return Passkeys(
            stores=parts.stores,
            account=self.account,
            begin_session=parts.begin_session,
            second_factors=parts.second_factors,
            relying_party=parts.relying_party,
            notices=parts.notices,
            sends_mail=parts.settings.email != "off",
            clock=parts.clock,
            announce=parts.announce,
        )

    @functools.cached_property
    def administration(self) -> Administration:
        """What administrators do."""
        from chalicelib.use_cases.administration import Administration  # noqa: PLC0415

        parts = self._parts
        return Administration(
            stores=parts.stores,
            make_sealer=lambda: parts.sealer,
            notices=parts.notices,
            settings=parts.settings,
            site_url=parts.http.own_origin,
            clock=parts.clock,
            announce=parts.announce,
        )

    @functools.cached_property
    def ended_sessions(self) -> EndedSessions:
        """What this process remembers of the feed of ended sessions."""
        from chalicelib.telemetry.log import log_unreadable_feed  # noqa: PLC0415
        from chalicelib.use_cases.ended_sessions import EndedSessions  # noqa: PLC0415

        parts = self._parts
        return EndedSessions(
            parts.stores.ended,
            access_lifetime=parts.settings.access_token_lifetime,
            clock=parts.clock,
            report=log_unreadable_feed,
        )

    @functools.cached_property
    def published_ends(self) -> PublishedEnds:
        """The feed of ended sessions, for everybody."""
        from chalicelib.use_cases.published_ends import PublishedEnds  # noqa: PLC0415

        return PublishedEnds(self.ended_sessions, self._parts.issuer)
