"""Password hashes of other programs: each fits its password here and no other, in the form in which it was written."""

import json
import subprocess

import pytest
from werkzeug.security import generate_password_hash

from chalicelib.credentials.foreign_hashes import parse
from infra.operator.transfer.hashes import stored_hash
from tests.client.find_node import node_folder
from tests.support.oracles import found_in_oracles

with found_in_oracles():
    import argon2
    from django.conf import settings as django
    from django.contrib.auth import hashers
    from passlib.hash import bcrypt_sha256, pbkdf2_sha256, pbkdf2_sha512, scrypt

PASSWORD = "pässwörd ½ of a latch"

if not django.configured:
    django.configure()


def by_django(name, **options):
    hasher = getattr(hashers, name)()
    for option, value in options.items():
        setattr(hasher, option, value)
    return hasher.encode(PASSWORD, hasher.salt())


def by_node(script):
    """Run a program under Node.js, which prints a hash."""
    node = node_folder() / "node"
    return subprocess.run([node, "-e", script], capture_output=True, text=True, check=True).stdout.strip()


BETTER_AUTH = f"""
const {{ scryptSync, randomBytes }} = require("node:crypto");
const salt = randomBytes(16).toString("hex");
const options = {{ N: 16384, r: 16, p: 1, maxmem: 128 * 16384 * 16 * 2 }};
console.log(`${{salt}}:${{scryptSync({json.dumps(PASSWORD)}.normalize("NFKC"), salt, 64, options).toString("hex")}}`);
"""

MADE = {
    "Django's PBKDF2": lambda: by_django("PBKDF2PasswordHasher", iterations=5_000),
    "Django's scrypt": lambda: by_django("ScryptPasswordHasher", work_factor=2**6),
    "Django's Argon2": lambda: by_django("Argon2PasswordHasher", memory_cost=256, time_cost=1, parallelism=2),
    "Django's bcrypt": lambda: by_django("BCryptPasswordHasher", rounds=4),
    "Django's bcrypt of SHA-256": lambda: by_django("BCryptSHA256PasswordHasher", rounds=4),
    "Werkzeug's scrypt": lambda: generate_password_hash(PASSWORD, "scrypt:1024:8:2"),
    "Werkzeug's PBKDF2 with SHA-256": lambda: generate_password_hash(PASSWORD, "pbkdf2:sha256:1000"),
    "Werkzeug's PBKDF2 with SHA-512": lambda: generate_password_hash(PASSWORD, "pbkdf2:sha512:1000"),
    "passlib's PBKDF2 with SHA-256": lambda: pbkdf2_sha256.using(rounds=1000).hash(PASSWORD),
    "passlib's PBKDF2 with SHA-512": lambda: pbkdf2_sha512.using(rounds=1000).hash(PASSWORD),
    "passlib's scrypt": lambda: scrypt.using(rounds=6).hash(PASSWORD),
    "better-auth's scrypt": lambda: by_node(BETTER_AUTH),
    **{
        f"argon2-cffi's {kind.name}, {lanes} lanes": lambda kind=kind, lanes=lanes: argon2.PasswordHasher(
            time_cost=2, memory_cost=512, parallelism=lanes, type=kind
        ).hash(PASSWORD)
        for kind in argon2.Type
        for lanes in (1, 4)
    },
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_another_program_has_hashed_fits_here(make):
    stored = parse(stored_hash(make()).removeprefix("imported:"))
    assert stored.matches(PASSWORD)
    assert not stored.matches(PASSWORD + "!")


def test_a_scheme_of_passlib_that_mixes_in_more_is_refused_and_not_taken_for_another():
    # It is an HMAC with the salt for its key, not the SHA-256 that Django's is.
    with pytest.raises(ValueError, match="not supported"):
        stored_hash(bcrypt_sha256.using(rounds=4).hash(PASSWORD))
