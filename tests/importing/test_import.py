"""`python -m infra.operator import`: what is added, what is refused with its line, and what a second run does."""

import json
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.dynamodb.items import user_key
from chalicelib.credentials.passwords import IMPORTED
from infra.operator.transfer import reading
from tests.importing.passkeys import PASSKEY

PASSWORD = "correct horse battery staple"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

KIM = {
    "id": "8d3c0c5e-4c0e-4b9e-9a55-0f4f5f0f7f11",
    "username": "Kim",
    "email": "kim@example.org",
    "email_verified": True,
    "language": "de",
    "roles": ["user", "editor"],
    "created_at": "2021-03-04T05:06:07Z",
    "password_hash": HASH,
}


SURE = ("--yes", "--with-administrators")


def lines_of(result):
    """The lines that a run with --json has printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def numbered(count, **members):
    return [{"username": f"user{number}", **members} for number in range(count)]


def stored(dynamodb, username):
    return dynamodb.get_item(TableName="lychgate-test-users", Key=user_key(username)).get("Item")


def test_an_imported_user_logs_in_with_the_old_password_and_then_has_a_hash_of_ours(run, write, api, dynamodb):
    result = run("import", write(KIM), "--yes")
    assert (result.exit_code, "1 user was added to the stage test." in result.stdout) == (0, True)
    assert stored(dynamodb, "kim")["password_hash"]["S"] == IMPORTED + HASH
    api.login("Kim", "wrong horse battery staple").assert_problem(401, "invalid_credentials")
    assert stored(dynamodb, "kim")["password_hash"]["S"] == IMPORTED + HASH
    user = api.login("kim", PASSWORD).json["user"]
    assert (user["id"], user["roles"], user["created_at"]) == (KIM["id"], ["editor", "user"], KIM["created_at"])
    assert (user["email"], user["email_verified"]) == ("kim@example.org", True)
    assert stored(dynamodb, "kim")["password_hash"]["S"].startswith("$2b$10$")
    assert api.login("kim", PASSWORD).status == 200


def test_an_imported_address_belongs_to_its_user_and_finds_the_user(run, write, api, dynamodb):
    run("import", write(KIM), "--yes")
    result = run("import", write({"username": "other", "email": "KIM@example.org", "email_verified": True}), "--yes")
    assert (result.exit_code, "line 1: other: the address is another user's" in result.stderr) == (1, True)
    assert stored(dynamodb, "other") is None


def test_an_imported_administrator_is_counted_so_that_the_last_one_stays(run, write, dynamodb):
    run("import", write(*({"id": each, "username": each, "roles": ["admin"]} for each in ("anna", "bert"))), *SURE)
    run("import", write({"id": "carl", "username": "carl", "roles": ["admin"], "disabled": True}), "--yes")
    item = dynamodb.get_item(TableName="lychgate-test-users", Key={"username_key": {"S": "administrators"}})["Item"]
    assert sorted(item["members"]["SS"]) == ["anna", "bert"]


def test_imported_users_are_listed_in_the_order_of_their_names(run, write, accounts_of):
    run("import", write(*numbered(30)), "--yes")

    class Test:
        name = "test"

    with accounts_of(Test) as accounts:
        page = accounts.stores.administration.page("user1", None, 50)
    assert [user.username for user in page.users] == ["user1", *(f"user1{number}" for number in range(10))]


def test_a_dry_run_says_the_same_and_changes_nothing(run, write, users_in):
    path = write(KIM, {"username": "a"}, *numbered(3))
    dry = run("import", path, "--dry-run", "--json")
    assert users_in() == []
    assert run("import", path, "--yes", "--json").exit_code == dry.exit_code == 1
    *problems, summary = lines_of(dry)
    assert [each["line"] for each in problems] == [2]
    assert summary == {
        "stage": "test",
        "created": 4,
        "same": 0,
        "different": 0,
        "refused": 1,
        "administrators": 0,
        "first_administrators": [],
        "without_password": 3,
        "dry_run": True,
    }
    assert "4 are there already and the same" in run("import", path, "--dry-run").stdout


def test_a_second_run_changes_nothing_and_says_who_is_the_same_and_who_differs(run, write, users_in):
    run("import", write(KIM, *numbered(30)), "--yes")
    before = users_in()
    result = run(
        "import",
        write({**KIM, "roles": ["admin"], "language": "en"}, *numbered(31)),
        "--yes",
        "--with-administrators",
        "--json",
    )
    assert lines_of(result) == [
        {
            "line": 1,
            "username": "Kim",
            "fate": "different",
            "problem": "is there already, with another language, roles",
        },
        {
            "stage": "test",
            "created": 1,
            "same": 30,
            "different": 1,
            "refused": 0,
            "administrators": 1,
            "first_administrators": ["Kim"],
            "without_password": 31,
            "dry_run": False,
        },
    ]
    assert result.exit_code == 1
    assert [each for each in users_in() if each in before] == before


def test_who_has_logged_in_since_does_not_differ_but_another_hash_does(run, write, api):
    path = write(KIM)
    run("import", path, "--yes")
    other = bcrypt.hashpw(b"another password", bcrypt.gensalt(4)).decode()
    assert "with another password_hash" in run("import", write({**KIM, "password_hash": other}), "--yes").stderr
    api.login("kim", PASSWORD)
    assert run("import", write(KIM), "--yes").exit_code == 0


@pytest.fixture
def during(dynamodb):
    """Do something before or after each call of an operation of DynamoDB."""
    registered = []

    def during(when, operation, do):
        registered.append((f"{when}-call.dynamodb.{operation}", do))
        dynamodb.meta.events.register(*registered[-1])

    yield during
    for each in registered:
        dynamodb.meta.events.unregister(*each)


def test_nothing_is_ever_overwritten_not_even_by_a_run_beside_a_registration(run, write, api, dynamodb, during):
    registered = []

    def register(**_):
        if not registered:
            registered.append(None)
            registered[0] = api.register("user7").json["user"]["id"]

    # When the import has seen that nobody has the name.
    during("after", "BatchGetItem", register)
    result = run("import", write(*numbered(10, password_hash=HASH)), "--yes", "--json")
    assert stored(dynamodb, "user7")["user_id"]["S"] == registered[0]
    problem, summary = lines_of(result)
    assert (problem["line"], problem["fate"]) == (8, "different")
    assert (summary["created"], summary["different"]) == (9, 1)


def test_failed_log_ins_before_the_import_are_no_user(run, write, api):
    api.login("Kim", PASSWORD)
    assert run("import", write(KIM), "--yes").exit_code == 0
    assert api.login("Kim", PASSWORD).status == 200


def test_an_id_of_another_user_is_refused(run, write):
    run("import", write(KIM), "--yes")
    result = run("import", write({**KIM, "username": "Ann", "email": "ann@example.org"}), "--yes")
    assert "line 1: Ann: the id is another user's" in result.stderr


def test_a_run_that_was_ended_goes_on_where_it_was(run, write, users_in, during):
    ends = iter([False, False, *[True] * 20])

    def end(**_):
        if next(ends, False):
            raise KeyboardInterrupt

    path = write(*numbered(100))
    during("before", "TransactWriteItems", end)
    assert run("import", path, "--yes").exit_code == 1
    assert len(users_in()) == 50
    list(ends)
    result = run("import", path, "--yes", "--json")
    assert (lines_of(result)[-1]["created"], lines_of(result)[-1]["same"]) == (50, 50)
    assert len(users_in()) == 100


def test_a_table_that_refuses_is_asked_again_later_and_later(run, write, users_in, pauses, during):
    refusals = iter([True] * 6)

    def refuse(**_):
        if next(refusals, False):
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "TransactWriteItems")

    during("before", "TransactWriteItems", refuse)
    assert run("import", write(*numbered(5)), "--yes").exit_code == 0
    assert len(users_in()) == 5
    assert pauses == [0.1 * 2**attempt for attempt in range(6)]


def test_it_asks_before_it_writes_and_a_no_leaves_all_as_it_was(run, write, users_in):
    result = run("import", write(KIM, {"username": "a"}), typed="n\n")
    assert "1 line cannot be imported. Import 1 user, 0 of them active administrators, into the stage test?" in (
        result.stderr
    )
    assert (result.exit_code, users_in()) == (1, [])


def test_where_nobody_can_be_asked_it_refuses_without_a_yes_before_it_reads(run, write, users_in):
    for more in ([], ["--json"], ["--with-administrators"]):
        result = run("import", write(KIM), *more)
        assert (result.exit_code, "Give --yes" in result.stderr, users_in()) == (2, True, [])


SEVEN = [{"username": f"root{number}", "roles": ["admin"]} for number in range(7)]
TOLD = "The file has 7 active administrators: root0, root1, root2, root3, root4 and 2 others."


def test_a_yes_alone_imports_no_administrator_and_says_what_to_do(run, write, users_in):
    path = write(KIM, *SEVEN)
    result = run("import", path, "--yes")
    assert (result.exit_code, TOLD in result.stderr, users_in()) == (2, True, [])
    assert "--with-administrators" in result.stderr
    dry = run("import", path, "--dry-run")
    assert (dry.exit_code, TOLD in dry.stdout, "--with-administrators" in dry.stdout) == (0, True, True)
    disabled = write({"username": "old", "roles": ["admin"], "disabled": True})
    assert run("import", disabled, "--yes").exit_code == 0
    assert run("import", path, *SURE).exit_code == 0


@pytest.mark.parametrize("yes", [[], ["--yes"]])
def test_at_a_terminal_the_question_names_the_administrators(run, write, users_in, yes):
    path = write(*SEVEN)
    no = run("import", path, *yes, typed="n\n")
    assert (no.exit_code, TOLD in no.stderr, users_in()) == (1, True, [])
    assert run("import", path, *yes, typed="y\n").exit_code == 0
    assert "root6" in {item["username"]["S"] for item in users_in() if "username" in item}


OWN = {"username": "Ann"}
WRONG = {
    "no JSON": ("{", "this is no JSON"),
    "no object": ("[]", "no JSON object"),
    "a member twice": ('{"username": "Ann", "username": "Bob"}', "a member stands there twice"),
    "a member twice, further in": ('{"username": "Ann", "totp": {"secret": "A", "secret": "B"}}', "twice"),
    "a number that is none": ('{"username": NaN}', "NaN is no JSON"),
    "nested too deeply": ('{"username":' + "[" * 30_000 + "}", "nested too deeply"),
    "a number of thousands of digits": ('{"username":' + "9" * 20_000 + "}", "no JSON that is read"),
    "no UTF-8": (b'{"username": "\xff\xfe"}', "not in UTF-8"),
    "UTF-8 of a surrogate": (b'{"username": "\xed\xa0\x80abc"}', "not in UTF-8"),
    "half a surrogate pair": ('{"username": "ab\\ud800cd"}', "the username is not allowed"),
    "a line of megabytes": ('{"username": "' + "a" * 3_000_000 + '"}', "longer than 65536 bytes"),
    "an unknown member": ({**OWN, "admin": True, "isAdmin": 1}, "unknown members: 'admin', 'isAdmin'"),
    "no name": ({"roles": ["user"]}, "a username or an email is needed"),
    "a short name": ({"username": "al"}, "the username is not allowed: Use 3 to 254 characters."),
    "a name that fits no token": ({"username": "𠀀" * 254}, "has 1016 bytes in UTF-8, and 512 are allowed"),
    "a name with a space": ({"username": "Ann Bee"}, "the username is not allowed"),
    "a name that is a number": ({"username": 12345}, "username must be a string"),
    "no address": ({**OWN, "email": "ann"}, "the e-mail address is not allowed"),
    "a verified address that is none": ({**OWN, "email_verified": True}, "need an email"),
    "a verification that is a word": ({**OWN, "email": "a@b.cd", "email_verified": "yes"}, "must be true or false"),
    "no role": ({**OWN, "roles": []}, "the roles are not allowed: Name at least one role."),
    "a role that is none": ({**OWN, "roles": ["user", "All Powers"]}, "is no role"),
    "too many roles": ({**OWN, "roles": [f"role{number}" for number in range(17)]}, "at most 16 roles"),
    "a role that is a number": ({**OWN, "roles": [1]}, "roles must be a list of strings"),
    "a time that is none": ({**OWN, "created_at": "2023-02-30T00:00:00Z"}, "no time that there is"),
    "a time without a zone": ({**OWN, "created_at": "2023-02-20T00:00:00"}, "must be a timestamp"),
    "a time before computers": ({**OWN, "created_at": "0001-01-01T00:00:00+14:00"}, "created_at"),
    "a language that we lack": ({**OWN, "language": "tlh"}, "language must be one of en, de"),
    "an id with a line break": ({**OWN, "id": "a\nb"}, "id must be 1 to 64"),
    "an id that is a list": ({**OWN, "id": ["a"]}, "id must be"),
    "a state that is a number": ({**OWN, "disabled": 0}, "disabled must be true or false"),
    "bcrypt of cost 31": ({**OWN, "password_hash": "$2b$31$" + "x" * 53}, "its cost is 31"),
    "gigabytes of Argon2": (
        {**OWN, "password_hash": "$argon2id$v=19$m=4194304,t=3,p=4$c29tZXNhbHQ$" + "A" * 43},
        "its parameter m must be 32 to 131072",
    ),
    "negative iterations": (
        {**OWN, "password_hash": "pbkdf2_sha256$-1000$salt$" + "A" * 43 + "="},
        "its parameter i must be 1 to 2000000",
    ),
    "SHA-512-crypt": ({**OWN, "password_hash": "$6$salt$" + "x" * 86}, "it is SHA-512-crypt, which is not supported"),
    "a password in plain": ({**OWN, "password_hash": "hunter2"}, "it has no form that is known"),
    "a hash of ours that is none": ({**OWN, "password_hash": "lychgate:$2b$99$x"}, "no hash of Lychgate's"),
    "a hash of ours with bits after its salt": (
        {**OWN, "password_hash": "lychgate:$2b$04$" + "x" * 53},
        "no hash of Lychgate's",
    ),
    "a hash with a pepper that is not here": (
        {**OWN, "password_hash": "lychgate:gone0001$2b$12$" + "u" * 53},
        "needs the pepper gone0001",
    ),
    "a TOTP secret of another stage": ({**OWN, "totp": {"sealed": "." + "A" * 80}}, "sealed with another pepper"),
    "a TOTP secret in two ways": ({**OWN, "totp": {"sealed": "." + "A" * 80, "secret": "A"}}, "either a secret or"),
    "a short TOTP secret": ({**OWN, "totp": {"secret": "AAAA"}}, "10 to 128 bytes"),
    "recovery codes without an app": ({**OWN, "recovery_codes": []}, "recovery_codes need a totp"),
    "half a passkey": ({**OWN, "passkeys": [{"id": "abc"}]}, "a passkey lacks algorithm"),
    "a passkey with a broken key": ({**OWN, "passkeys": [{**PASSKEY, "public_key": "AAAA"}]}, "has no key in DER"),
    "a passkey with a key of another algorithm": (
        {**OWN, "passkeys": [{**PASSKEY, "algorithm": -8}]},
        "has a key of another algorithm",
    ),
}


def test_every_wrong_line_is_refused_with_its_number_and_the_right_ones_are_imported(run, write, users_in):
    lines = [each for wrong in WRONG.values() for each in (wrong[0], *numbered(1))]
    lines = [{"username": f"good{number}"} if number % 2 else line for number, line in enumerate(lines)]
    result = run("import", write(*lines), "--yes", "--json")
    *problems, summary = lines_of(result)
    assert [each["line"] for each in problems] == list(range(1, len(lines), 2))
    for (case, (_, expected)), found in zip(WRONG.items(), problems, strict=True):
        assert expected in found["problem"], case
    assert (result.exit_code, summary["created"], summary["refused"]) == (1, len(WRONG), len(WRONG))
    assert len(users_in()) == len(WRONG)
    assert "hunter2" not in result.output


def test_names_addresses_ids_and_passkeys_are_once_in_a_file_also_after_folding(run, write):
    result = run(
        "import",
        write(
            {"username": "Straße", "id": "one", "email": "one@example.org", "email_verified": True},
            {"username": "STRASSE"},
            {"username": "ｓｔｒａｓｓｅ"},
            {"username": "two", "email": "ONE@example.org", "email_verified": True},
            {"username": "three", "email": "ONE@example.org"},
            {"username": "four", "id": "one"},
        ),
        "--yes",
    )
    assert result.stderr.splitlines()[:4] == [
        "line 2: STRASSE: line 1 has the same username",
        "line 3: ｓｔｒａｓｓｅ: line 1 has the same username",
        "line 4: two: line 1 has the same verified address",
        "line 6: four: line 1 has the same id",
    ]
    assert "2 users were added" in result.stdout


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_refused_as_a_whole(run, write, users_in, encoding):
    result = run("import", write(json.dumps(KIM).encode(encoding)), "--yes")
    assert (result.exit_code, users_in()) == (1, [])
    assert "UTF-16 or UTF-32. Save it in UTF-8" in result.stderr


def test_a_byte_order_mark_empty_lines_and_windows_line_ends_do_not_matter(run, write, api):
    octets = b"\xef\xbb\xbf" + json.dumps(KIM).encode() + b"\r\n\r\n   \r\n" + json.dumps({"username": "Ann"}).encode()
    assert "2 users were added" in run("import", write(octets), "--yes").stdout
    assert api.login("Kim", PASSWORD).status == 200


def test_a_name_cannot_steer_the_terminal(run, write):
    result = run("import", write({"username": "\x1b[2Jann"}), "--yes")
    assert "\x1b" not in result.stderr
    assert "line 1: \\x1b[2Jann: the username is not allowed" in result.stderr


def test_where_the_address_is_the_username_nobody_has_another(run, write, settings, users_in):
    settings["LYCHGATE_IDENTIFIER"] = "email"
    settings["LYCHGATE_EMAIL"] = "required"
    lines = ({"username": "Kim", "email": "kim@example.org"}, {"username": "Ann"}, {"email": "ann@example.org"})
    result = run("import", write(*lines), "--yes")
    assert "line 1: Kim: on this site the address is the username" in result.stderr
    assert "line 2: Ann: an email is needed" in result.stderr
    assert [each["username"]["S"] for each in users_in()] == ["ann@example.org"]


def test_two_imports_of_one_file_at_once_add_each_user_once(run, write, users_in, atomic_moto):
    path = write(*numbered(60, password_hash=HASH, email_verified=False))
    with ThreadPoolExecutor(1) as other:
        beside = other.submit(importing_alone, run, path)
        result = run("import", path, "--yes")
        assert (result.exit_code, beside.result()) == (0, 0)
    assert len(users_in()) == 60


def importing_alone(run, path):
    return run("import", path, "--yes").exit_code


def test_a_list_longer_than_what_is_read_at_once_is_read_whole(write):
    many = [{"n": number, "text": "é" * (number % 70)} for number in range(4000)]
    path = write("[", *(json.dumps(each, ensure_ascii=False) + "," for each in many[:-1]), many[-1], "]")
    assert path.stat().st_size > 4 * reading.LONGEST
    rows = list(reading.json_array(path))
    assert [row.members for row in rows] == many
    assert [row.line for row in rows] == list(range(2, 4002))
