"""`python -m infra.operator export`: all that is needed to leave, and an import of it is what was there."""

import itertools
import json
import stat
from functools import cache
from pathlib import Path

import bcrypt
import jsonschema
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.accounts.factors import Factors, Passkey
from chalicelib.accounts.user import NO_PASSWORD, Contact, User
from chalicelib.adapters.dynamodb.administrators import is_active, joins
from chalicelib.adapters.dynamodb.attributes import to_item
from chalicelib.adapters.dynamodb.factors import passkey_to_item
from chalicelib.adapters.dynamodb.items import new_user_to_item, put_address
from chalicelib.config.api import Tables
from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.credentials import base64url
from chalicelib.credentials.passwords import IMPORTED, PasswordHasher
from chalicelib.credentials.recovery_codes import RecoveryCodes
from chalicelib.credentials.sealing import Sealer
from chalicelib.credentials.totp import as_base32
from chalicelib.use_cases.second_factors import TOTP_SECRET
from tests.support.authenticator import new_key, spki

PASSWORD = "correct horse battery staple"
SECRET = bytes(range(20))
SURE = ("--yes", "--with-administrators")
SCHEMA = Path(__file__).parents[2] / "docs" / "import" / "user.schema.json"

STAGES = (f"stage{number}" for number in itertools.count())


def tables_of(stage):
    return Tables(*(f"lychgate-{stage}-{name}" for name in ("users", "sessions", "events", "throttle", "mail")))


def put_user(dynamodb, tables, user, passkeys):
    """Store a user as the application does."""
    item = new_user_to_item(user, sessions=0)
    factors = user.factors
    if factors is not None and factors.totp is not None:
        item |= to_item({"totp": factors.totp, "totp_added_at": factors.totp_added_at, "totp_step": factors.totp_step})
        item |= to_item({"recovery": factors.recovery_codes}) if factors.recovery_codes else {}
    if passkeys:
        item |= to_item({"passkeys": factors.passkeys})
    dynamodb.put_item(TableName=tables.users, Item=item)
    for passkey in passkeys:
        dynamodb.put_item(TableName=tables.users, Item=passkey_to_item(passkey))
    actions = [put_address(tables, user.verified_email, user)] if user.verified_email is not None else []
    actions += [joins(tables, user.id)] if is_active(user) else []
    if actions:
        dynamodb.transact_write_items(TransactItems=actions)


ids = st.text("ABCabc012_-", min_size=22, max_size=22)
usernames = st.text("abcdefgäöüß ΣςЖ09._@+-".replace(" ", ""), min_size=3, max_size=20)
times = st.integers(0, 4_000_000_000)
hashes = st.sampled_from(
    [
        NO_PASSWORD,
        PasswordHasher(peppers=parse_peppers({"pepper": base64url.encode(bytes(range(32)))}), cost=4).hash(PASSWORD),
        IMPORTED + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        IMPORTED + "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        IMPORTED + "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=" + "A" * 86 + "==$AAAA$" + "A" * 86,
    ]
)
roles = st.sets(st.sampled_from(["user", "admin", "editor"]), min_size=1).map(lambda names: tuple(sorted(names)))


@cache
def private_key(algorithm):
    return new_key(algorithm)


@st.composite
def users(draw, sealer, number):
    """A user and the passkeys, as the stores make them."""
    user_id = f"{draw(ids)}{number}"
    username = f"{draw(usernames)}{number}"
    contact = None
    if draw(st.booleans()):
        verified = draw(st.booleans())
        waits = f"new{number}@example.org" if verified and draw(st.booleans()) else None
        contact = Contact(f"Mail{number}@example.org", verified, waits, draw(st.sampled_from(["", "en", "de"])))
    passkeys = [
        Passkey(
            id=base64url.encode(f"{user_id} {each}".encode()),
            user_id=user_id,
            username=username,
            public_key=base64url.encode(spki(private_key(algorithm := draw(st.sampled_from([-7, -257, -8]))))),
            algorithm=algorithm,
            sign_count=draw(st.integers(0, 2**32 - 1)),
            backup_eligible=draw(st.booleans()),
            backed_up=draw(st.booleans()),
            transports=draw(st.sampled_from([(), ("internal",), ("hybrid", "usb")])),
            rp_id="site.example",
            label=draw(st.sampled_from(["Phone", "ключ", "🔑 key"])),
            created_at=draw(times),
            last_used_at=draw(st.none() | times),
        )
        for each in range(draw(st.integers(0, 2)))
    ]
    has_totp = draw(st.booleans())
    factors = None
    if has_totp or passkeys:
        codes = RecoveryCodes(sealer._peppers, lambda: 0).new(user_id)[1][: draw(st.integers(0, 10))]
        factors = Factors(
            totp=sealer.seal(SECRET, purpose=TOTP_SECRET, about=user_id) if has_totp else None,
            totp_added_at=draw(times) if has_totp else 0,
            totp_step=draw(st.integers(-1, 10**8)) if has_totp else -1,
            recovery_codes=codes if has_totp else (),
            passkeys=tuple(sorted(passkey.id for passkey in passkeys)),
        )
    return (
        User(
            id=user_id,
            username=username,
            password_hash=draw(hashes),
            roles=draw(roles),
            created_at=draw(times),
            disabled=draw(st.booleans()),
            contact=contact,
            factors=factors,
        ),
        passkeys,
    )


@pytest.fixture
def sealer(ring, clock):
    return Sealer(parse_peppers(ring), clock)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_an_import_of_an_export_is_what_was_there_to_the_last_attribute(
    data, dynamodb, run, users_in, sealer, tmp_path, accounts_of
):
    one, two = next(STAGES), next(STAGES)
    for stage in (one, two):
        reach(accounts_of, stage)
    for number in range(data.draw(st.integers(0, 5))):
        put_user(dynamodb, tables_of(one), *data.draw(users(sealer, number)))
    first, second = tmp_path / f"{one}.jsonl", tmp_path / f"{two}.jsonl"
    assert run("export", first, stage=one).exit_code == 0
    result = run("import", first, *SURE, stage=two)
    assert (result.exit_code, result.stderr) == (0, "")
    assert users_in(two) == users_in(one)
    # And once more, which changes nothing, and says the same.
    assert run("import", first, *SURE, stage=one).exit_code == 0
    assert run("export", second, stage=two).exit_code == 0
    assert sorted(lines_of(first)[1:], key=str) == sorted(lines_of(second)[1:], key=str)
    for line in lines_of(first)[1:]:
        jsonschema.validate(line, json.loads(SCHEMA.read_text("utf-8")))


def reach(accounts_of, name):
    """Make the tables of a stage."""
    stage = type("Stage", (), {"name": name})
    with accounts_of(stage):
        pass


def lines_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def kim(sealer, dynamodb, aws):
    """A user of the stage `test` with an authenticator app."""
    factors = Factors(sealer.seal(SECRET, purpose=TOTP_SECRET, about="kims-id"), 1_700_000_000, 5, (), ())
    user = User("kims-id", "Kim", IMPORTED + "$2b$04$" + "e" * 53, ("user",), 1_600_000_000, factors=factors)
    put_user(dynamodb, tables_of("test"), user, [])
    return user


@pytest.mark.usefixtures("kim")
def test_only_its_owner_can_read_an_export_and_none_is_overwritten(run, tmp_path):
    path = tmp_path / "users.jsonl"
    result = run("export", path)
    assert (result.exit_code, "1 user of the stage test is" in result.stdout) == (0, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    result = run("export", path)
    assert (result.exit_code, "exists already" in result.stderr) == (1, True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("kim")
def test_no_file_that_others_have_put_there_gets_the_export(run, tmp_path):
    path, theirs = tmp_path / "users.jsonl", tmp_path / "theirs"
    theirs.touch(0o644)
    (tmp_path / ".users.jsonl.partial").symlink_to(theirs)
    assert run("export", path).exit_code == 0
    assert (theirs.read_bytes(), path.is_symlink()) == (b"", False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("kim")
def test_of_two_exports_at_once_to_one_file_one_is_refused_and_the_other_is_whole(run, tmp_path, dynamodb):
    path = tmp_path / "users.jsonl"
    inner = []

    def meanwhile(**_):
        dynamodb.meta.events.unregister("before-call.dynamodb.Scan", meanwhile)
        inner.append(run("export", path))
        inner.append(path.read_bytes())

    dynamodb.meta.events.register("before-call.dynamodb.Scan", meanwhile)
    result = run("export", path)
    assert (inner[0].exit_code, result.exit_code, "exists already" in result.stderr) == (0, 1, True)
    assert path.read_bytes() == inner[1]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("kim")
def test_an_export_that_fails_leaves_no_file(run, tmp_path, dynamodb):
    def fail(**_):
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, "Scan")

    dynamodb.meta.events.register("before-call.dynamodb.Scan", fail)
    try:
        result = run("export", tmp_path / "users.jsonl")
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb.Scan", fail)
    assert (result.exit_code, "AWS refuses this" in result.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("kim")
def test_the_first_line_says_how_hashes_are_made_and_tells_peppers_apart_without_naming_them(run, tmp_path, ring):
    run("export", tmp_path / "users.jsonl")
    head = lines_of(tmp_path / "users.jsonl")[0]["lychgate_export"]
    assert (
        "bcrypt (modular crypt format) of base64(HMAC-SHA-384(pepper, NFC(password) in UTF-8))"
        in head["password_hashes"]
    )
    assert list(head["peppers"]) == [""]
    assert len(head["peppers"][""]) == 16
    assert ring["pepper"] not in (tmp_path / "users.jsonl").read_text("utf-8")


def test_hashes_of_another_first_pepper_are_refused_and_the_others_are_imported(
    run, tmp_path, ring, dynamodb, accounts_of, users_in, kim
):
    ours = PasswordHasher(peppers=parse_peppers(ring), cost=4).hash(PASSWORD)
    put_user(dynamodb, tables_of("test"), User("anns-id", "Ann", ours, ("user",), 1_600_000_000), [])
    put_user(
        dynamodb,
        tables_of("test"),
        User("bobs-id", "Bob", IMPORTED + "$2b$04$" + "e" * 53, ("user",), 1_600_000_000),
        [],
    )
    run("export", tmp_path / "users.jsonl")
    ring["pepper"] = base64url.encode(bytes(32))
    result = run("import", tmp_path / "users.jsonl", *SURE, stage="other")
    assert result.exit_code == 1
    problems = "\n".join(sorted(line.partition(": ")[2] for line in result.stderr.splitlines()))
    assert problems == (
        "Ann: the password hash needs the pepper without an id of the stage that it comes from\n"
        "Kim: the TOTP secret was sealed with another pepper, or for another id: export it in plain"
    )
    assert [item["username"]["S"] for item in users_in("other")] == ["Bob"]


def test_a_plain_totp_secret_is_sealed_with_the_pepper_of_the_stage_that_it_comes_to(
    run, tmp_path, ring, users_in, kim, clock
):
    assert run("export", tmp_path / "no.jsonl", "--plain-totp", typed="n\n").exit_code == 1
    unasked = run("export", tmp_path / "no.jsonl", "--plain-totp")
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (2, True)
    assert not (tmp_path / "no.jsonl").exists()
    run("export", tmp_path / "users.jsonl", "--plain-totp", "--yes")
    assert lines_of(tmp_path / "users.jsonl")[1]["totp"] == {
        "secret": as_base32(SECRET),
        "added_at": "2023-11-14T22:13:20Z",
        "last_step": 5,
    }
    ring["pepper"] = base64url.encode(bytes(32))
    assert run("import", tmp_path / "users.jsonl", *SURE, stage="other").exit_code == 0
    (item,) = users_in("other")
    assert item["totp"]["S"] != kim.factors.totp
    opened = Sealer(parse_peppers(ring), clock).open(item["totp"]["S"], purpose=TOTP_SECRET, about="kims-id")
    assert opened == SECRET
    assert (item["totp_step"], item["totp_added_at"]) == ({"N": "5"}, {"N": "1700000000"})


def test_registrations_addresses_and_counters_are_no_users(run, tmp_path, api):
    api.register("Ann")
    api.login("nobody", PASSWORD)
    run("export", tmp_path / "users.jsonl")
    assert [line["username"] for line in lines_of(tmp_path / "users.jsonl")[1:]] == ["Ann"]


def test_a_user_of_an_export_logs_in_where_it_is_imported(run, tmp_path, api, dynamodb):
    api.register("Ann", PASSWORD)
    run("export", tmp_path / "users.jsonl")
    for item in dynamodb.scan(TableName="lychgate-test-users")["Items"]:
        dynamodb.delete_item(TableName="lychgate-test-users", Key={"username_key": item["username_key"]})
    api.login("Ann", PASSWORD).assert_problem(401, "invalid_credentials")
    assert run("import", tmp_path / "users.jsonl", "--yes").exit_code == 0
    assert api.login("Ann", PASSWORD).status == 200
