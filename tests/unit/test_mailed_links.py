"""The checks that each mailed token has to pass, one at a time."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from chalicelib.accounts.caller import Caller
from chalicelib.accounts.mail import HandedOver, Mail, MailKind
from chalicelib.accounts.user import Contact
from chalicelib.credentials.mailed import MailedProof, new_mail_id, new_token, token_digest
from chalicelib.errors import LinkExpired, ValidationFailed
from chalicelib.use_cases.mailed_links import user_of
from tests.support.fake_mails import deliver
from tests.support.samples import ALICE, NOW

ADDRESS = "alice@example.org"
CONFIRMED = replace(ALICE, contact=Contact(ADDRESS, verified=True))
PROOF = MailedProof(
    mail_id="m1",
    kind=MailKind.RESET,
    expires_at=NOW + 60,
    used=False,
    user_id=ALICE.id,
    username=ALICE.username,
    email=ADDRESS,
    password_version=0,
    session_id=None,
)


def users(found):
    return SimpleNamespace(find=lambda _: found)


def test_the_user_of_a_proof_is_who_it_was_mailed_to():
    assert user_of(users(CONFIRMED), PROOF) is CONFIRMED


@pytest.mark.parametrize(
    "found",
    [
        None,
        replace(CONFIRMED, id="somebody who has the name and the address by now"),
        replace(CONFIRMED, disabled=True),
    ],
)
def test_a_proof_is_void_for_anybody_else(found):
    with pytest.raises(LinkExpired):
        user_of(users(found), PROOF)


@pytest.mark.usefixtures("hashes_are_cheap")
def test_a_new_password_by_a_link_may_not_contain_the_username(use_cases, memory):
    caller = Caller(ip="203.0.113.7", user_agent="test")
    name, first = "margarethe", "correct horse battery staple"
    use_cases.registration.register(name, first, caller, email=ADDRESS, language="en")
    use_cases.addresses.confirm(deliver(memory)[-1].secret, caller)
    use_cases.password_reset.ask(name, caller, device=None, language="en")
    token = deliver(memory)[-1].secret
    with pytest.raises(ValidationFailed) as refused:
        use_cases.password_reset.reset(token, f"{name} and eight old boards", caller)
    assert [error.field for error in refused.value.errors] == ["new_password"]
    use_cases.password_reset.reset(token, "nine old oak boards and a latch", caller)


@pytest.mark.usefixtures("hashes_are_cheap")
def test_a_link_that_was_made_for_an_account_without_an_address_is_void_as_soon_as_it_has_one(use_cases, memory):
    caller, password = Caller(ip="203.0.113.7", user_agent="test"), "nine old oak boards and a latch"
    mail_id = new_mail_id()
    token = new_token(mail_id)
    link = HandedOver(token_digest(token), ALICE.username, None, 0, is_mailed=False)
    memory.mails.put(Mail(mail_id, MailKind.RESET, NOW, "", user_id=ALICE.id, handed_over=link))
    for contact in (Contact(ADDRESS), Contact(ADDRESS, verified=True)):
        memory.users["alice"] = replace(ALICE, contact=contact)
        with pytest.raises(LinkExpired):
            use_cases.password_reset.reset(token, password, caller)
    memory.users["alice"] = ALICE
    use_cases.password_reset.reset(token, password, caller)
