"""The patterns in the document are those of the rules: what the API takes fits them, and what does not is refused.

JSON Schema has no classes of Unicode that every validator knows, so of other characters than ASCII's they allow all.
"""

import json
import re
import subprocess
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib.accounts.addresses import address_error
from chalicelib.accounts.mail import MailKind
from chalicelib.accounts.new_usernames import new_username_error
from chalicelib.accounts.roles import role_error
from chalicelib.api.factors import _label as kept_label
from chalicelib.credentials import totp
from chalicelib.credentials.mailed import MailedProof, code_digest, code_fits
from chalicelib.credentials.peppers import Peppers
from chalicelib.credentials.recovery_codes import RecoveryCodes
from chalicelib.errors import ValidationFailed
from tests.client.find_node import node_folder
from tests.support.openapi_document import whole_document
from tests.support.samples import NOW

DOCUMENT = whole_document()
SCHEMAS = DOCUMENT["components"]["schemas"]
ASCII = [chr(code_point) for code_point in range(128)]
# All scripts of two bytes and the marks of three, compatibility forms, and a letter, a digit and a mark of four bytes.
CHARACTERS = [*map(chr, (*range(0x3100), *range(0xFB00, 0x10000))), "\U00010400", "\U0001d7d8", "\U0001d165"]
MAIL_ID = "0" * 32
SPACES = [character for character in map(chr, range(0x10000)) if character.isspace()]

A_WRONG_ONE_IS_REFUSED_AS_ALL_ARE = "a wrong one is refused as all are, which tells nothing about the account"
UNKNOWN_IF_NOT_OURS = "only the API reads it: whatever is none of ours is unknown"
ANYTHING = {
    "CredentialsBody.username": A_WRONG_ONE_IS_REFUSED_AS_ALL_ARE,
    "CredentialsBody.password": A_WRONG_ONE_IS_REFUSED_AS_ALL_ARE,
    "NewPasswordBody.current_password": A_WRONG_ONE_IS_REFUSED_AS_ALL_ARE,
    "ReauthenticationBody.password": A_WRONG_ONE_IS_REFUSED_AS_ALL_ARE,
    "PasswordBody.password": A_WRONG_ONE_IS_REFUSED_AS_ALL_ARE,
    "NameBody.username": "the answer is the same if nobody has the name",
    "RefreshTokenBody.refresh_token": UNKNOWN_IF_NOT_OURS,
    "MailedTokenBody.token": UNKNOWN_IF_NOT_OURS,
    "ConfirmedAccountBody.token": UNKNOWN_IF_NOT_OURS,
    "ResetBody.token": UNKNOWN_IF_NOT_OURS,
    "CodeBody.challenge": UNKNOWN_IF_NOT_OURS,
    "SecondFactorBody.challenge": UNKNOWN_IF_NOT_OURS,
    "ReauthenticationBody.challenge": UNKNOWN_IF_NOT_OURS,
    "NewPasskeyBody.challenge": UNKNOWN_IF_NOT_OURS,
    "PasskeyLogInBody.challenge": UNKNOWN_IF_NOT_OURS,
    "NewTotpBody.pending": UNKNOWN_IF_NOT_OURS,
    "list_users?cursor": UNKNOWN_IF_NOT_OURS,
    "list_users?username": "no name may begin with it, and the page is empty then",
}
"""The strings in requests that may be anything, and why."""


def resolved(schema):
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def strings_in(name, schema):
    """Each string in a schema, at any depth, with a name."""
    schema = resolved(schema)
    for member, of_member in schema.get("properties", {}).items():
        yield from strings_in(f"{name}.{member}", of_member)
    if "items" in schema:
        yield from strings_in(f"{name}[]", schema["items"])
    if schema.get("type") == "string":
        yield name, schema


def strings_in_requests():
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                yield from strings_in(f"{operation['operationId']}?{parameter['name']}", parameter["schema"])
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]["schema"]
                for form in body.get("oneOf", [body]):
                    yield from strings_in(form["$ref"].rpartition("/")[2], form)


def fits(schema: dict[str, Any], value: str) -> bool:
    schema = resolved(schema)
    # Python's $ also stands before a line break at the end, that of ECMA-262 does not.
    exact = {**schema, "pattern": re.sub(r"\$$", r"\\Z", schema["pattern"])}
    return Draft202012Validator(exact).is_valid(value)


def form(name, member):
    return SCHEMAS[name]["properties"][member]


def test_each_string_in_a_request_has_a_form_or_may_be_anything_for_a_reason():
    kinds = {
        name: {"minLength", "maxLength", "pattern", "enum"} & set(schema) for name, schema in strings_in_requests()
    }
    assert {name for name, restricted in kinds.items() if not restricted} == set(ANYTHING)


def test_each_pattern_is_one_of_ecma_262_and_is_anchored():
    patterns = sorted({schema["pattern"] for _, schema in strings_in_requests() if "pattern" in schema})
    assert len(patterns) > 8
    assert [pattern for pattern in patterns if not re.fullmatch(r"\^.*\$", pattern)] == []
    program = f"for (const pattern of {json.dumps(patterns)}) new RegExp(pattern, 'u');"
    subprocess.run([node_folder() / "node", "--eval", program], check=True)


class TestUsernames:
    def test_every_name_that_is_taken_fits(self):
        names = [f"ab{character}" for character in CHARACTERS] + [character * 3 for character in CHARACTERS]
        taken = [name for name in names if new_username_error(name) is None]
        assert len(taken) > 3000
        assert [name for name in taken if not fits(SCHEMAS["NewUsername"], name)] == []

    @pytest.mark.parametrize("after", ["", "b", "\u0338", "\u0301"])
    def test_a_name_with_a_character_of_ascii_that_does_not_fit_is_refused(self, after):
        names = [f"ab{character}{after}" for character in ASCII]
        refused = [name for name in names if not fits(SCHEMAS["NewUsername"], name)]
        assert len(refused) == 128 - 26 * 2 - 10 - 5
        assert [name for name in refused if new_username_error(name) is None] == []

    def test_the_ascii_characters_that_fit_are_those_that_are_taken(self):
        taken = {character for character in ASCII if new_username_error(f"ab{character}") is None}
        assert {character for character in ASCII if fits(SCHEMAS["NewUsername"], f"ab{character}")} == taken

    def test_a_name_that_an_administrator_gives_is_a_username_or_an_address(self):
        taken = {
            character
            for character in ASCII
            if new_username_error(f"ab{character}") is None or address_error(f"ab{character}b@example.org") is None
        }
        assert {character for character in ASCII if fits(SCHEMAS["NewName"], f"ab{character}")} == taken
        names = [f"ab{character}" for character in CHARACTERS]
        assert not [n for n in names if new_username_error(n) is None and not fits(SCHEMAS["NewName"], n)]


class TestAddresses:
    @pytest.mark.parametrize(
        "around",
        ["{}", "{}@b.c", "a{}@b.c", "a{}a@b.c", "a@{}.c", "a@b{}.c", "a@b{}b.c", "a@b.{}", "a@b.1{}", "a@b.c{}d"],
    )
    def test_an_address_is_taken_exactly_if_it_fits(self, around):
        addresses = [around.format(character) for character in [*ASCII, "", "..", "--", "@", "1-1", "12", "é"]]
        judged = {address: fits(SCHEMAS["NewEmail"], address) for address in addresses}
        assert judged == {address: address_error(address) is None for address in judged}

    @pytest.mark.parametrize("label", ["b" * 63, "b" * 64])
    def test_the_length_of_a_label_counts(self, label):
        assert fits(SCHEMAS["NewEmail"], f"a@{label}.c") is (address_error(f"a@{label}.c") is None)

    @pytest.mark.parametrize(
        "address", ["a" * 64 + "@b.c", "a@b." + "c" * 63, "a@b." + "1" * 62 + "c", "a@b.1-" + "c" * 61]
    )
    def test_a_long_address_that_is_taken_fits(self, address):
        assert address_error(address) is None
        assert fits(SCHEMAS["NewEmail"], address)


class TestRoles:
    ROLES = form("UserChangesBody", "roles")

    @pytest.mark.parametrize("around", ["{}", "a{}", "a{}a", "{}a"])
    def test_the_name_of_a_role_is_taken_exactly_if_it_fits(self, around):
        names = [around.format(character) for character in [*ASCII, "", "é", "a" * 31, "a" * 32]]
        judged = {name: fits(self.ROLES["items"], name) for name in names}
        assert judged == {name: role_error(name) is None for name in judged}

    def test_one_to_sixteen_are_taken(self):
        assert (self.ROLES["minItems"], self.ROLES["maxItems"]) == (1, 16)
        assert form("NewUserBody", "roles") == self.ROLES


def is_label(label):
    try:
        kept_label(label)
    except ValidationFailed:
        return False
    return True


class TestLabels:
    @pytest.mark.parametrize("around", ["{}", "a{}a", " {} ", "{}{}"])
    def test_a_label_of_ascii_is_taken_exactly_if_it_fits(self, around):
        labels = [around.format(character, character) for character in ASCII]
        assert {label: fits(SCHEMAS["NewPasskeyLabel"], label) for label in labels} == {
            label: is_label(label) for label in labels
        }

    @pytest.mark.parametrize("around", ["{}", "a{}a", "{}a", "a{}"])
    def test_every_label_that_is_taken_fits(self, around):
        labels = [label for character in CHARACTERS if is_label(label := around.format(character))]
        assert len(labels) > 5000
        assert [label for label in labels if not fits(SCHEMAS["NewPasskeyLabel"], label)] == []

    @pytest.mark.parametrize("space", SPACES)
    def test_spaces_around_a_label_do_not_count(self, space):
        label = space * 40 + "a" * 64 + space * 40
        assert is_label(label)
        assert fits(SCHEMAS["NewPasskeyLabel"], label)

    @pytest.mark.parametrize("label", ["", " " * 3, "a" * 65, f"  {'a' * 65}  ", "a" + " " * 63 + "a"])
    def test_a_label_of_no_or_too_many_characters_neither_fits_nor_is_taken(self, label):
        assert not is_label(label)
        assert not fits(SCHEMAS["NewPasskeyLabel"], label)


class TestCodes:
    """A code of another form is answered as a wrong one is."""

    CODE = form("NewTotpBody", "code")
    RECOVERY_CODE = form("SecondFactorBody", "recovery_code")

    def test_the_codes_of_mails_and_of_apps_have_one_form(self):
        bodies = ("CodeBody", "SecondFactorBody", "ReauthenticationBody")
        assert {form(body, "code")["pattern"] for body in bodies} == {self.CODE["pattern"]}

    @pytest.mark.parametrize("space", [*SPACES, "".join(SPACES)])
    def test_a_code_with_spaces_anywhere_is_taken_and_fits(self, space):
        secret = totp.new_secret()
        code = space.join(["", *totp.hotp(secret, totp.step_at(NOW)), ""])
        assert totp.matching_step(secret, code, NOW) is not None
        assert fits(self.CODE, code)

    def test_a_mailed_code_with_spaces_anywhere_is_taken_and_fits(self):
        code = "".join(SPACES).join(["", *"042137", ""])
        proof = MailedProof(
            mail_id=MAIL_ID,
            kind=MailKind.LOGIN_CODE,
            expires_at=NOW,
            used=False,
            user_id=None,
            username=None,
            email=None,
            password_version=0,
            session_id=None,
            code_digest=code_digest("042137", MAIL_ID),
        )
        assert code_fits(code, proof)
        assert fits(self.CODE, code)

    @pytest.mark.parametrize("code", ["", "04213", "0421371", "04213x", "04213-7", "04213\u0667"])
    def test_what_is_not_six_digits_does_not_fit(self, code):
        assert not fits(self.CODE, code)

    def test_a_recovery_code_that_is_taken_fits(self):
        codes = RecoveryCodes(Peppers.of(b"p" * 32), lambda: NOW)
        (shown, *_), stored = codes.new("user")
        between = "".join(SPACES) + "-"
        for code in (shown, shown.upper(), between.join(["", *shown, ""])):
            assert codes.find("user", code, stored) is not None
            assert fits(self.RECOVERY_CODE, code)

    @pytest.mark.parametrize("code", ["", "a" * 25, "a" * 27, "a" * 25 + "1", "a" * 25 + "\u0131"])
    def test_what_is_no_recovery_code_does_not_fit(self, code):
        assert not fits(self.RECOVERY_CODE, code)
