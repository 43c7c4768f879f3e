"""Hashes of other systems: published vectors, what is refused before it is computed, and what a check costs."""

import base64
import hashlib
import unicodedata

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf import argon2

from chalicelib.credentials.foreign_hashes import ForeignHashRefused, parse
from chalicelib.credentials.passwords import IMPORTED, PasswordHasher
from chalicelib.credentials.peppers import Peppers
from infra.keys.users import of_password

PASSWORD = "correct horse battery staple"


def b64(octets):
    return base64.b64encode(octets).rstrip(b"=").decode()


def phc(scheme, salt, key_in_hex):
    return f"{scheme}${b64(salt)}${b64(bytes.fromhex(key_in_hex))}"


ARGON2_SALT = "c29tZXNhbHQ"
FIREBASE = (
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZ"
    "vpjeJ9WmXA==$42xEC+ixf3L2lw$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ"
)

VECTORS = {
    "bcrypt of Openwall, 3 bytes": ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    "bcrypt of Openwall, 4 bytes": ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    "bcrypt of Openwall, another salt": ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    "bcrypt of Openwall, no password": ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    "bcrypt of Openwall, more than 72 bytes": (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    "scrypt of RFC 7914 section 12, N 1024": (
        "password",
        phc(
            "$scrypt$ln=10,r=8,p=16",
            b"NaCl",
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee"
            "6d8360cbdfa2cc0640",
        ),
    ),
    "scrypt of RFC 7914 section 12, N 16384": (
        "pleaseletmein",
        phc(
            "$scrypt$ln=14,r=8,p=1",
            b"SodiumChloride",
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e"
            "40dfcf017b45575887",
        ),
    ),
    "PBKDF2 of RFC 7914 section 11": (
        "Password",
        phc(
            "$pbkdf2-sha256$i=80000",
            b"NaCl",
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d0"
            "78478f62b397f33c8d",
        ),
    ),
    "Argon2id of the reference implementation": (
        "password",
        f"$argon2id$v=19$m=256,t=2,p=1${ARGON2_SALT}$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ),
    "Argon2id of the reference implementation, 2 lanes": (
        "password",
        f"$argon2id$v=19$m=256,t=2,p=2${ARGON2_SALT}$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ),
    "Argon2i of the reference implementation": (
        "password",
        f"$argon2i$v=19$m=65536,t=2,p=1${ARGON2_SALT}$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
    ),
    "Firebase's README": ("user1password", FIREBASE),
}


@pytest.mark.parametrize(("password", "text"), VECTORS.values(), ids=VECTORS)
def test_a_published_hash_fits_its_password_and_no_other(password, text):
    stored = parse(text)
    assert stored.matches(password)
    assert not stored.matches("?" + password)


def test_the_library_for_argon2_computes_the_vector_of_rfc_9106():
    # Section 5.3. With a secret and associated data, which no PHC string names.
    made = argon2.Argon2id(
        salt=b"\2" * 16, length=32, iterations=3, lanes=4, memory_cost=32, ad=b"\4" * 12, secret=b"\3" * 8
    ).derive(b"\1" * 32)
    assert made.hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"


@pytest.mark.parametrize("version", "aby")
def test_bcrypt_of_each_version_that_is_right_is_checked(version):
    made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    assert parse(made.replace("$2b$", f"$2{version}$")).matches(PASSWORD)


def test_bcrypt_ignores_what_follows_72_bytes_as_the_system_before_did():
    made = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert parse(made).matches("x" * 73)
    assert not parse(made).matches("x" * 71)


def test_bcrypt_of_a_sha_256_tells_the_bytes_after_72_apart():
    long = "x" * 100
    made = bcrypt.hashpw(hashlib.sha256(long.encode()).hexdigest().encode(), bcrypt.gensalt(4)).decode()
    assert parse(f"$bcrypt-sha256-hex{made}").matches(long)
    assert not parse(f"$bcrypt-sha256-hex{made}").matches(long + "x")


def test_a_password_that_is_longer_than_any_is_not_brought_into_nfkc(monkeypatch):
    lengths = []
    monkeypatch.setattr(unicodedata, "normalize", lambda _form, text: lengths.append(len(text)) or text)
    imported = parse(f"$scrypt-nfkc$ln=1,r=8,p=1${b64(b'salt')}${b64(bytes(64))}")
    assert not imported.matches("\u0300" * 8_000)
    assert not imported.matches("\u0300" * 1_000)
    assert lengths == [1_000]


@pytest.mark.parametrize("prefix", ["", "bcrypt-sha256-hex"])
def test_a_hash_of_no_password_lets_nobody_in(prefix):
    prehashed = hashlib.sha256(b"").hexdigest().encode() if prefix else b""
    text = bcrypt.hashpw(prehashed, bcrypt.gensalt(4)).decode()
    assert not hasher(4).verify("", f"{IMPORTED}{f'${prefix}' if prefix else ''}{text}")


def test_only_the_form_that_says_so_is_of_the_password_in_nfkc():
    salt = b"00112233445566778899aabbccddeeff"
    key = hashlib.scrypt("fine ½".encode(), salt=salt, n=2, r=8, p=1, dklen=64)
    nfkc = hashlib.scrypt(b"fine 1\xe2\x81\x842", salt=salt, n=2, r=8, p=1, dklen=64)
    assert parse(f"$scrypt$ln=1,r=8,p=1${b64(salt)}${b64(key)}").matches("fine ½")
    assert parse(f"$scrypt-nfkc$ln=1,r=8,p=1${b64(salt)}${b64(nfkc)}").matches("fine ½")
    assert not parse(f"$scrypt$ln=1,r=8,p=1${b64(salt)}${b64(nfkc)}").matches("fine ½")


SALT, KEY = b64(bytes(16)), b64(bytes(32))
REFUSED = {
    "bcrypt of cost 31": "$2b$31$" + "x" * 53,
    "bcrypt of cost 15": "$2b$15$" + "x" * 53,
    "bcrypt of cost 3": "$2b$03$" + "x" * 53,
    "bcrypt of a library with a bug": "$2x$10$" + "x" * 53,
    "bcrypt with a line after it": "$2b$10$" + "x" * 53 + "\n",
    "bcrypt with bits after its salt": "$2y$10$" + "A" * 22 + "u" * 31,
    "bcrypt of a SHA-256 with bits after its salt": "$bcrypt-sha256-hex$2b$10$" + "A" * 22 + "u" * 31,
    "gigabytes of Argon2": f"$argon2id$v=19$m=4194304,t=3,p=4${SALT}${KEY}",
    "a number of a hundred digits": f"$argon2id$v=19$m={'9' * 100},t=3,p=4${SALT}${KEY}",
    "many passes of Argon2": f"$argon2id$v=19$m=65536,t=11,p=4${SALT}${KEY}",
    "many lanes of Argon2": f"$argon2id$v=19$m=65536,t=1,p=17${SALT}${KEY}",
    "the first version of Argon2": f"$argon2id$m=65536,t=3,p=4${SALT}${KEY}",
    "an older version of Argon2": f"$argon2id$v=16$m=65536,t=3,p=4${SALT}${KEY}",
    "Argon2 with associated data": f"$argon2id$v=19$m=65536,t=3,p=4,data=AAAA${SALT}${KEY}",
    "Argon2 with a parameter twice": f"$argon2id$v=19$m=65536,m=65536,t=3,p=4${SALT}${KEY}",
    "Argon2 with a short salt": f"$argon2id$v=19$m=65536,t=3,p=4${b64(bytes(7))}${KEY}",
    "Argon2 of another name": f"$argon2$v=19$m=65536,t=3,p=4${SALT}${KEY}",
    "no iterations": f"$pbkdf2-sha256$i=0${SALT}${KEY}",
    "negative iterations": f"$pbkdf2-sha256$i=-1${SALT}${KEY}",
    "iterations with a plus": f"$pbkdf2-sha256$i=+1${SALT}${KEY}",
    "iterations of other digits": f"$pbkdf2-sha256$i=١${SALT}${KEY}",
    "millions of iterations": f"$pbkdf2-sha256$i=2000001${SALT}${KEY}",
    "as many by several blocks": f"$pbkdf2-sha256$i=2000000${SALT}${b64(bytes(64))}",
    "a key of another form": f"$pbkdf2-sha256$i=1000${SALT}${'!' * 32}",
    "an empty key": f"$pbkdf2-sha256$i=1000${SALT}$",
    "a key of 15 bytes": f"$pbkdf2-sha256$i=1000${SALT}${b64(bytes(15))}",
    "a key of 129 bytes": f"$pbkdf2-sha256$i=1000${SALT}${b64(bytes(129))}",
    "base64 of a length that there is not": f"$pbkdf2-sha256$i=1000${SALT}${'A' * 41}",
    "SHA-1": f"$pbkdf2-sha1$i=1000${SALT}${KEY}",
    "scrypt of 128 MiB": f"$scrypt$ln=17,r=8,p=1${SALT}${KEY}",
    "scrypt of 2 to the power of 2 billion": f"$scrypt$ln=2000000000,r=8,p=1${SALT}${KEY}",
    "scrypt without r": f"$scrypt$ln=14,p=1${SALT}${KEY}",
    "scrypt of an N that is too large for r": f"$scrypt$ln=16,r=1,p=1${SALT}${KEY}",
    "Firebase's with a shorter signer key": f"$fbscrypt$v=1,n=14,r=8,p=1,ss=,sk={KEY}${SALT}${b64(bytes(64))}",
    "SHA-512-crypt": "$6$rounds=5000$" + "x" * 16 + "$" + "y" * 86,
    "MD5-crypt": "$1$salt$" + "x" * 22,
    "phpass": "$P$B" + "x" * 30,
    "a password": "hunter2",
    "nothing": "",
    "a dollar": "$",
    "a megabyte": "$2b$" * 250_000,
}


@pytest.fixture
def nothing_is_computed(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("computed")

    monkeypatch.setattr(hashlib, "scrypt", refuse)
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", refuse)
    for variant in ("Argon2id", "Argon2i", "Argon2d"):
        monkeypatch.setattr(argon2, variant, type(variant, (), {"verify_phc_encoded": refuse}))
    real = bcrypt.checkpw

    def only_dummies(password, stored):
        assert stored.startswith((b"$2b$04$", b"$2b$05$", b"$2b$06$"))
        return real(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", only_dummies)


@pytest.mark.usefixtures("nothing_is_computed")
@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_costs_too_much_or_has_no_known_form_is_refused_and_never_computed(text):
    with pytest.raises(ForeignHashRefused) as refused:
        parse(text)
    assert not text or text not in str(refused.value)
    reported = []
    hasher = PasswordHasher(peppers=Peppers.of(bytes(32)), cost=6, report=reported.append)
    assert not hasher.verify(PASSWORD, IMPORTED + text)
    assert reported == [f"is of another system and not checked: {refused.value}"]


@pytest.fixture
def rounds(monkeypatch):
    """The rounds of each use of bcrypt: two to the power of its cost."""
    done = []
    check = bcrypt.checkpw
    monkeypatch.setattr(
        bcrypt,
        "checkpw",
        lambda password, stored: done.append(2 ** int(stored.split(b"$")[2])) or check(password, stored),
    )
    return done


def hasher(cost):
    return PasswordHasher(peppers=Peppers.of(bytes(32)), cost=cost)


@pytest.mark.parametrize("cost", [4, 5, 7, 8])
@pytest.mark.parametrize("password", [PASSWORD, "wrong horse battery staple"])
def test_imported_bcrypt_of_any_lower_cost_takes_as_many_rounds_as_no_hash(rounds, cost, password):
    stored = IMPORTED + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()
    assert hasher(8).verify(password, stored) is (password == PASSWORD)
    assert sum(rounds) == 2**8


def test_a_cheaper_hash_of_another_kind_is_filled_up_to_the_rounds_of_an_unknown_user(rounds):
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), bytes(16), 9_000)
    stored = f"$pbkdf2-sha256$i=9000${SALT}${b64(key)}"
    assert parse(stored).rounds == 30
    assert hasher(7).verify(PASSWORD, IMPORTED + stored)
    # The 30 count as 16: bcrypt's least is 16, and better too many rounds than too few.
    assert sum(rounds) == 128 - 16


def test_a_hash_that_costs_more_than_ours_is_not_filled_up(rounds):
    made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(6)).decode()
    assert hasher(4).verify(PASSWORD, IMPORTED + made)
    assert rounds == [2**6]


def test_an_imported_hash_is_made_anew_even_if_it_looks_like_ours():
    ours = hasher(4).hash(PASSWORD)
    assert not hasher(4).needs_rehash(ours)
    assert hasher(4).needs_rehash(IMPORTED + ours)
    # Ours is of the peppered digest, and bcrypt of another system is of the password.
    assert not hasher(4).verify(PASSWORD, IMPORTED + ours)
    plain = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    assert hasher(4).verify(PASSWORD, IMPORTED + plain)
    assert not hasher(4).verify(PASSWORD, plain)


def test_an_imported_hash_needs_no_pepper_so_none_is_kept_for_it():
    plain = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    assert of_password({"password_hash": {"S": IMPORTED + plain}}) == set()
    assert of_password({"password_hash": {"S": hasher(4).hash(PASSWORD)}}) == {""}
