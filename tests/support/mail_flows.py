"""What the tests of mails share: an account with an address, and how it got that far."""

ADDRESS = "Alice+lychgate@Example.org"
OTHER_ADDRESS = "alice@example.com"
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "a quite different passphrase"
MINUTE = 60
"""Seconds after which an address gets another mail."""

NO_ADDRESSES = {
    "empty": "",
    "no at": "alice.example.org",
    "only an at": "@",
    "nobody": "@example.org",
    "nowhere": "alice@",
    "two ats": "alice@bob@example.org",
    "no top": "alice@localhost",
    "an address of the network": "alice@[127.0.0.1]",
    "digits only": "alice@127.0.0.1",
    "hexadecimal digits": "alice@127.0.0.0x1",
    "hexadecimal digits alone": "alice@example.0XfF",
    "no hexadecimal digits": "alice@example.0x",
    "255 characters": "a" * 64 + "@" + ".".join(["b" * 47] * 3 + ["b" * 42, "org"]),
    "a long name": "a" * 65 + "@example.org",
    "line break": "alice@example.org\r\nBcc: bob@example.org",
    "line feed at the end": "alice@example.org\n",
    "carriage return": "alice\r@example.org",
    "null": "alice\0@example.org",
    "space": "alice @example.org",
    "two addresses": "alice@example.org,bob@example.org",
    "with a name": "Alice <alice@example.org>",
    "quoted": '"alice bob"@example.org',
    "comment": "alice(bob)@example.org",
    "Cyrillic letter": "\u0430lice@example.org",
    "Cyrillic domain": "alice@ex\u0430mple.org",
    "full-width at": "alice\uff20example.org",
    "invisible": "alice\u200b@example.org",
    "right to left": "alice\u202e@example.org",
    "dot first": ".alice@example.org",
    "two dots": "alice..bob@example.org",
    "hyphen first": "alice@-example.org",
}
"""Texts that are no address, or none that we take."""


def confirm(api, token):
    """Confirm an address, and return the answer."""
    return api.post("/auth/email/confirm", {"token": token})


def with_address(api, mailbox, clock, username="Alice", address=ADDRESS, **members):
    """Return the tokens of somebody new whose address is confirmed, a minute after that."""
    registered = api.register(username, PASSWORD, email=address, **members)
    assert registered.status == 201, registered.body
    assert confirm(api, mailbox.token(address, "email")).status == 204
    clock.advance(MINUTE)
    return registered.json


def forgot(api, username, **headers):
    """Ask for a link to choose a new password, and return the answer."""
    return api.post("/auth/password/forgot", {"username": username}, headers=headers)


def reset(api, token, new_password=NEW_PASSWORD):
    """Choose a new password, and return the answer."""
    return api.post("/auth/password/reset", {"token": token, "new_password": new_password})


def ask_for_code(api, username, **headers):
    """Ask for a code to log in with, and return the answer."""
    return api.post("/auth/login/code", {"username": username}, headers=headers)


def verify(api, challenge, code, *, headers=None, **members):
    """Log in with a code, and return the answer."""
    return api.post("/auth/login/code/verify", {"challenge": challenge, "code": code, **members}, headers=headers)


def spoilt(token):
    """What is not the token, by what was done to it."""
    return {
        "cut": token[:-1],
        "cut in front": token[1:],
        "doubled": token * 2,
        "with a character more": token + "A",
        "with another character": token[:-1] + ("B" if token[-1] == "A" else "A"),
        "of another mail": "A" * 22 + token[22:],
        "in upper case": token.upper(),
        "with a space": f" {token}",
        "with a line break": f"{token}\n",
        "empty": "",
        "long": "A" * 10_000,
        "beyond ASCII": "\u00fc" * 65,
        "a path": "../../etc/passwd",
    }
