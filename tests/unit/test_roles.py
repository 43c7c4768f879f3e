"""The names of roles, and how many of them fit."""

from dataclasses import replace

import pytest

from chalicelib.accounts.new_usernames import MAX_USERNAME_BYTES, new_username_error
from chalicelib.accounts.roles import ADMIN, MAX_ROLES, USER, role_error, roles_error
from chalicelib.errors import Forbidden
from chalicelib.tokens.gateway_context import principal_from_context, to_context
from chalicelib.tokens.issuer import TokenIssuer
from chalicelib.tokens.keys import generate_signing_jwk, parse_signing_keys, parse_verification_keys, public_jwks
from chalicelib.tokens.kinds import ACCESS_TOKEN
from chalicelib.tokens.verifier import TokenVerifier
from tests.support.samples import ALICE, ISSUER, NOW, SESSION

LONGEST = tuple(f"r{number:02d}{'x' * 29}" for number in range(MAX_ROLES))


@pytest.mark.parametrize("role", [USER, ADMIN, "a", "editor-in-chief", "level_2", "a" * 32])
def test_a_role_is_a_short_word(role):
    assert role_error(role) is None


@pytest.mark.parametrize("role", ["", " ", "a b", "A", "1a", "-a", "_a", "a" * 33, "é", "a\n", 'a"', "a\\", "a,b"])
def test_anything_else_is_none(role):
    assert role_error(role) == "Use 1 to 32 of a-z, 0-9, _ and -, the first of them a letter."


def test_a_user_has_at_least_one_and_not_more_than_fit():
    assert roles_error(()) == "Name at least one role. What everybody has is user."
    assert roles_error(LONGEST) is None
    assert roles_error((*LONGEST, USER)) == "Name at most 16 roles."
    assert roles_error((USER, "A")).startswith("'A' is no role. ")


def test_the_longest_roles_and_the_longest_name_fit_a_token_of_the_longest_signature_and_the_gateway():
    username = "\N{DESERET CAPITAL LETTER LONG I}" * (MAX_USERNAME_BYTES // 4)
    assert new_username_error(username) is None
    ring = {"keys": [generate_signing_jwk("RS256")]}
    issuer = TokenIssuer(issuer=ISSUER, audience=ISSUER, signing_keys=parse_signing_keys(ring), access_lifetime=600)
    verifier = TokenVerifier(
        issuer=ISSUER, audience=ISSUER, keys=parse_verification_keys(public_jwks(ring)), clock=lambda: NOW
    )
    user = replace(ALICE, username=username, roles=LONGEST)
    token = issuer.access_token(user, replace(SESSION, username=username), NOW)
    principal = verifier.verify(ACCESS_TOKEN, token)
    assert (principal.username, principal.roles) == (username, LONGEST)
    assert principal_from_context(to_context(principal)) == principal


def test_a_refusal_names_the_role_to_the_caller_and_to_the_operator():
    assert Forbidden("editor").message == "This needs the role editor, which your account does not have."
    assert Forbidden("editor").reason == "without the role editor"
    assert (Forbidden().message, Forbidden().reason) == ("Your role does not allow this.", None)
