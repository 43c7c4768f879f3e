"""What each route needs and what it gives, as data. The search for ways to take over an account goes over this.

A test holds it to the application: each route that answers with a token or changes what an account can be entered with
is a step here, with the credential that it is declared with.
"""

from __future__ import annotations

from collections.abc import Mapping

from infra.doctor.model import (
    ADMIN,
    ADMIN_FRESH,
    FIRST_STEP,
    FRESH,
    HANDED_OVER,
    RENEWABLE,
    SESSION,
    Step,
)

MAIL = frozenset({"mail"})
BY_ADDRESS = frozenset({"the address is the name"})
_BY_NAME = frozenset({"the username is the name"})
_ADDRESS_MAY_GO = frozenset({"mail", "no address is needed"})

_WAYS_IN = (
    Step("POST /auth/login", "log in with the password", ("password",), ("first factor",), event="login_succeeded"),
    Step(
        "POST /auth/login/code",
        "ask for a code by mail",
        ("mailbox",),
        ("mailed code", "challenge of the code"),
        where=MAIL,
    ),
    Step(
        "POST /auth/login/code/verify",
        "log in with the mailed code",
        ("mailed code", "challenge of the code", "account with an address"),
        ("first factor",),
        event="login_succeeded",
        where=MAIL,
    ),
    Step(
        "POST /auth/login/second-factor",
        "give a TOTP code",
        (FIRST_STEP, "TOTP code"),
        ("log-in",),
        event="login_succeeded",
    ),
    Step(
        "POST /auth/login/second-factor",
        "give a recovery code",
        (FIRST_STEP, "recovery code"),
        ("log-in",),
        event="recovery_code_used",
        mail="recovery_code_used",
    ),
    Step(
        "POST /auth/login/second-factor",
        "use a passkey as the second factor",
        (FIRST_STEP, "passkey"),
        ("log-in",),
        event="login_succeeded",
    ),
    Step(
        "POST /auth/login/passkey",
        "log in with the passkey",
        ("passkey",),
        ("log-in",),
        event="login_succeeded",
        asked="POST /auth/login/passkey/options",
    ),
    Step("POST /auth/refresh", "get an access token", (RENEWABLE, "account"), (SESSION,)),
    Step(
        "POST /auth/register/confirm",
        "create the account of a registration",
        ("registration link", "no account"),
        ("account", "log-in"),
        event="registered",
        where=BY_ADDRESS,
    ),
    Step(
        "POST /auth/register/confirm",
        "create the account of a registration, and choose its password",
        ("registration link", "no account"),
        ("own password", "account", "log-in"),
        event="registered",
        where=BY_ADDRESS,
    ),
)

_PASSWORD = (
    Step("POST /auth/password/forgot", "ask for a link by mail", ("mailbox",), ("reset link",), where=MAIL),
    Step(
        "POST /auth/password/reset",
        "choose a new password",
        ("reset link", "account with an address"),
        ("own password", "ends all"),
        event="password_reset",
        mail="password_reset",
        where=MAIL,
    ),
    Step(
        "POST /auth/password/reset",
        "choose a new password with an administrator's link",
        (HANDED_OVER, "account"),
        ("own password", "ends all"),
        event="password_reset",
        mail="password_reset",
    ),
    Step(
        "PUT /auth/password",
        "change the password",
        (SESSION, "password", "account without TOTP"),
        ("own password", "ends others", "log-in"),
        event="password_changed",
        mail="password_changed",
    ),
    Step(
        "PUT /auth/password",
        "change the password",
        (SESSION, FRESH, "password", "account with TOTP"),
        ("own password", "ends others", "log-in"),
        event="password_changed",
        mail="password_changed",
    ),
)

_FRESHNESS = (
    Step(
        "POST /auth/reauthenticate",
        "give the password again",
        (SESSION, "password", "account without TOTP"),
        (FRESH,),
        event="reauthenticated",
    ),
    Step(
        "POST /auth/reauthenticate",
        "give password and TOTP code again",
        (SESSION, "password", "TOTP code"),
        (FRESH,),
        event="reauthenticated",
    ),
    Step(
        "POST /auth/reauthenticate",
        "use a passkey again",
        (SESSION, "passkey"),
        (FRESH,),
        event="reauthenticated",
        asked="POST /auth/login/passkey/options",
    ),
)

_ADDRESS = (
    Step(
        "PUT /auth/email",
        "give an address of one's own",
        (SESSION, FRESH),
        ("address link",),
        where=MAIL,
    ),
    Step(
        "POST /auth/email/confirm",
        "confirm it",
        ("address link", "account"),
        ("own address",),
        event="email_changed",
        mail="email_changed",
        where=MAIL | _BY_NAME,
    ),
    Step(
        "POST /auth/email/confirm",
        "confirm it",
        ("address link", "account"),
        ("own address as the name",),
        event="email_changed",
        mail="email_changed",
        where=BY_ADDRESS,
    ),
    Step(
        "DELETE /auth/email",
        "remove the address",
        (SESSION, FRESH, "account with an address"),
        ("no address",),
        event="email_changed",
        mail="email_changed",
        where=_ADDRESS_MAY_GO,
    ),
)

_FACTORS = (
    Step(
        "POST /auth/totp/confirm",
        "enrol a TOTP app of one's own, in place of any other",
        (SESSION, FRESH),
        ("own TOTP", "ends others"),
        event="second_factor_added",
        mail="second_factor_added",
        asked="POST /auth/totp",
    ),
    Step(
        "DELETE /auth/totp",
        "remove the TOTP app",
        (SESSION, FRESH, "account with TOTP"),
        ("no TOTP",),
        event="second_factor_removed",
        mail="second_factor_removed",
    ),
    Step(
        "POST /auth/recovery-codes",
        "get new recovery codes",
        (SESSION, FRESH, "account with TOTP"),
        ("own codes",),
        event="second_factor_added",
        mail="recovery_codes_replaced",
    ),
    Step(
        "POST /auth/passkeys",
        "add a passkey of one's own",
        (SESSION, FRESH),
        ("own passkey",),
        event="passkey_added",
        mail="passkey_added",
        asked="POST /auth/passkeys/options",
    ),
    Step(
        "DELETE /auth/passkeys/{passkey_id}",
        "remove the other's passkeys",
        (SESSION, FRESH, "account with a passkey", "another way in"),
        ("no other passkeys",),
        event="passkey_removed",
        mail="passkey_removed",
    ),
)

_ENDS = (
    Step(
        "DELETE /auth/sessions/{session_id}",
        "end the other sessions",
        (SESSION, FRESH),
        ("ends others",),
        event="session_revoked",
    ),
    Step("POST /auth/logout-all", "end all sessions", (SESSION, FRESH), ("ends all",), event="logged_out"),
    Step(
        "POST /auth/delete-account",
        "delete the account",
        (SESSION, "password", "account without TOTP"),
        ("deletion",),
    ),
    Step(
        "POST /auth/delete-account",
        "delete the account",
        (SESSION, FRESH, "password", "account with TOTP"),
        ("deletion",),
    ),
    Step(
        "POST /auth/delete-account",
        "delete the account",
        (SESSION, FRESH, "account without a password"),
        ("deletion",),
    ),
)

_OF_ADMINISTRATORS = (
    Step(
        "POST /admin/users/{user_id}/reset-password",
        "be shown a link that sets a new password",
        (ADMIN, ADMIN_FRESH, "account"),
        (HANDED_OVER,),
        event="password_link_made",
        mail="reset",
    ),
    Step(
        "DELETE /admin/users/{user_id}/second-factor",
        "remove somebody's TOTP app",
        (ADMIN, ADMIN_FRESH, "account with TOTP"),
        ("no TOTP",),
        event="second_factor_removed",
        mail="second_factor_removed",
    ),
    Step(
        "POST /admin/users/{user_id}/logout-all",
        "end all sessions of somebody",
        (ADMIN, "account"),
        ("ends all",),
        event="logged_out",
    ),
    Step(
        "DELETE /admin/users/{user_id}",
        "delete somebody's account",
        (ADMIN, ADMIN_FRESH, "account"),
        ("deletion",),
    ),
)

WITHOUT_THE_API = (
    Step(
        "with a copy: decrypt",
        "read the secrets of TOTP apps",
        ("tables", "peppers", "account with TOTP"),
        ("secret of the TOTP app",),
    ),
    Step(
        "with the peppers: seal",
        "make a challenge that says the first factor was right",
        ("tables", "peppers", "account with TOTP"),
        (FIRST_STEP,),
    ),
    Step(
        "with the keys: sign",
        "make tokens of a session of the owner's, which may be fresh",
        ("tables", "signing keys", "account"),
        (SESSION, RENEWABLE, FRESH),
    ),
    Step(
        "with DynamoDB: write",
        "put one's own password, address and nothing else into the account",
        ("tables to write", "account"),
        ("own password", "own address", "no TOTP", "no other passkeys", "ends others"),
    ),
)
"""What needs no request: the work of somebody who has more than users can have."""

STEPS = (
    *_WAYS_IN,
    *_PASSWORD,
    *_FRESHNESS,
    *_ADDRESS,
    *_FACTORS,
    *_ENDS,
    *_OF_ADMINISTRATORS,
    *WITHOUT_THE_API,
)

NO_STEPS: Mapping[str, str] = {
    "GET /me": "reads",
    "GET /dashboard": "reads",
    "GET /auth/sessions": "reads",
    "GET /auth/factors": "reads",
    "GET /auth/options": "reads, and is for everybody",
    "GET /.well-known/jwks.json": "reads, and is for everybody",
    "GET /.well-known/revoked.json": "reads, and is for everybody",
    "GET /.well-known/revoked.jwt": "reads, and is for everybody",
    "GET /.well-known/openid-configuration": "reads, and is for everybody",
    "GET /openapi.json": "reads, and is for everybody",
    "GET /health": "reads, and is for everybody",
    "POST /auth/register": "begins another account, or keeps a registration until its address is confirmed",
    "POST /auth/device-bound/start": "needs the challenge of a log-in's answer, and gives no access",
    "POST /auth/device-bound/refresh": "needs a key that is on the owner's device, and gives no access",
    "POST /auth/logout": "ends the session of whoever asks",
    "POST /auth/email/resend": "sends a mail to the address that waits, and no other",
    "PATCH /auth/passkeys/{passkey_id}": "names a passkey",
    "GET /admin/users": "reads",
    "GET /admin/users/{user_id}": "reads",
    "POST /admin/users": "begins another account",
    "PATCH /admin/users/{user_id}": "gives an account roles, or closes it to everybody: nobody gets in by that",
}
"""Routes that are no step, and why."""
