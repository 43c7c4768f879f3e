"""A program over the client that openapi-python-client makes of the document. It takes the API's URL.

Every answer is asserted by its generated type.
"""

import sys
from http import HTTPStatus

from lychgate_client import AuthenticatedClient, Client
from lychgate_client.api.account import change_password, get_me
from lychgate_client.api.authentication import get_options, log_in, log_out, refresh, register
from lychgate_client.api.factors import (
    add_passkey,
    begin_log_in_with_passkey,
    begin_passkey,
    begin_totp,
    confirm_totp,
    get_factors,
    log_in_with_passkey,
    log_in_with_second_factor,
)
from lychgate_client.api.mails import ask_for_code, ask_for_new_password, change_email, log_in_with_code
from lychgate_client.api.sessions import list_sessions
from lychgate_client.models import (
    AuthenticationResponseJSON,
    ChallengeBody,
    CodeBody,
    CreationOptionsBody,
    CredentialsBody,
    EmailBody,
    FactorsBody,
    NameBody,
    NewAccountBody,
    NewPasskeyBody,
    NewPasswordBody,
    NewTotpBody,
    PasskeyLogInBody,
    PendingTotpBody,
    Problem,
    ProblemError,
    ProfileBody,
    RefreshTokenBody,
    RegistrationResponseJSON,
    RequestOptionsBody,
    SecondFactorBody,
    SessionsBody,
    TokenBody,
    TokenDelivery,
)

PASSWORD = "correct horse battery staple"
root = sys.argv[1]
# What the document does not name is an error here.
client = Client(root, raise_on_unexpected_status=True)

options = get_options.sync(client=client)
assert options.registration == "open"
assert options.password.min_length <= len(PASSWORD) <= options.password.max_length

registered = register.sync(client=client, body=NewAccountBody("Alice", PASSWORD))
assert isinstance(registered, TokenBody), registered

refused = log_in.sync_detailed(client=client, body=CredentialsBody("alice", "wrong horse battery staple"))
assert refused.status_code == HTTPStatus.UNAUTHORIZED
assert isinstance(refused.parsed, Problem)
assert refused.parsed.error is ProblemError.INVALID_CREDENTIALS

logged_in = log_in.sync(client=client, body=CredentialsBody("alice", PASSWORD))
assert isinstance(logged_in, TokenBody), logged_in
assert logged_in.user.username == "Alice"

alice = AuthenticatedClient(root, logged_in.access_token, raise_on_unexpected_status=True)
me = get_me.sync(client=alice)
assert isinstance(me, ProfileBody), me
assert me.user == logged_in.user
listed = list_sessions.sync(client=alice)
assert isinstance(listed, SessionsBody), listed
assert [session.current for session in listed.sessions].count(True) == 1

assert me.user.email is None
assert change_email.sync_detailed(client=alice, body=EmailBody("alice@example.org")).status_code == 202
assert get_me.sync(client=alice).user.email == "alice@example.org"
assert ask_for_new_password.sync_detailed(client=client, body=NameBody("alice")).status_code == 202
asked = ask_for_code.sync(client=client, body=NameBody("alice"))
assert isinstance(asked, ChallengeBody), asked
guessed = log_in_with_code.sync(client=client, body=CodeBody(asked.challenge, "no code"))
assert isinstance(guessed, Problem), guessed
assert guessed.error is ProblemError.INVALID_CODE

factors = get_factors.sync(client=alice)
assert isinstance(factors, FactorsBody), factors
assert (factors.password, factors.totp, factors.passkeys) == (True, None, [])
begun = begin_totp.sync(client=alice)
assert isinstance(begun, PendingTotpBody), begun
no_code = confirm_totp.sync(client=alice, body=NewTotpBody(begun.pending, "no code"))
assert isinstance(no_code, Problem), no_code
assert no_code.error is ProblemError.INVALID_CODE
no_challenge = log_in_with_second_factor.sync(client=client, body=SecondFactorBody(begun.pending, code="no code"))
assert isinstance(no_challenge, Problem), no_challenge
assert no_challenge.error is ProblemError.INVALID_CHALLENGE
creation = begin_passkey.sync(client=alice)
assert isinstance(creation, CreationOptionsBody), creation
assert creation.public_key["user"]["name"] == "Alice"
no_passkey = add_passkey.sync(client=alice, body=NewPasskeyBody(creation.challenge, RegistrationResponseJSON()))
assert isinstance(no_passkey, Problem), no_passkey
assert no_passkey.error is ProblemError.VALIDATION_FAILED
asked_for_any = begin_log_in_with_passkey.sync(client=client)
assert isinstance(asked_for_any, RequestOptionsBody), asked_for_any
nobodys = log_in_with_passkey.sync(
    client=client, body=PasskeyLogInBody(asked_for_any.challenge, AuthenticationResponseJSON())
)
assert isinstance(nobodys, Problem), nobodys
assert nobodys.error is ProblemError.VALIDATION_FAILED

refreshed = refresh.sync(client=alice, body=RefreshTokenBody(logged_in.refresh_token))
assert isinstance(refreshed, TokenBody), refreshed

same = change_password.sync(client=alice, body=NewPasswordBody(PASSWORD, PASSWORD))
assert isinstance(same, Problem), same
assert same.error is ProblemError.VALIDATION_FAILED
assert [error.field for error in same.errors] == ["new_password"]
changed = change_password.sync(client=alice, body=NewPasswordBody(PASSWORD, PASSWORD + "!", TokenDelivery.BODY))
assert isinstance(changed, TokenBody), changed

ended = get_me.sync(client=alice)
assert isinstance(ended, Problem), ended
assert ended.error is ProblemError.INVALID_TOKEN
assert log_out.sync_detailed(client=alice, body=RefreshTokenBody(changed.refresh_token)).status_code == 204
