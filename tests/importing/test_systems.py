"""The pages of docs/import/: what each tells to run is run with its sample, and a user of it logs in."""

import json
import re
import shlex
from pathlib import Path

import pytest

from infra.operator.transfer.hashes import stored_hash
from infra.operator.transfer.systems import Options, names, source

DOCS = Path(__file__).parents[2] / "docs" / "import"
SAMPLES = DOCS / "samples"
PASSWORD = "seven old oak boards"

EXPECTED = {
    "supabase": {
        "kim@example.org": ("5b1f0a0e-7c1d-4f5e-9a39-1a3f0f4d2c11", "2023-05-04T10:10:00Z", "verified"),
        "lee@example.org": ("0c4f9b1a-2f0f-4a51-8b0a-6f4f2f0f9a22", "2024-01-02T03:04:00Z", "verified", "no password"),
        "max@example.org": ("d2b1a7a4-96a0-44f4-8e0f-3b7d5e1c7d33", "2024-02-03T04:05:06Z", "disabled"),
    },
    "auth0": {
        "kim@example.org": ("auth0|5dea9f9c82dd7c0e76e4ec93", None, "verified"),
        "lee": ("auth0|lee-1", None),
    },
    "firebase": {
        "kim@example.org": ("3mUmBSYVdXaOFoXN3VQnCyfGJj12", "2023-07-22T04:26:40Z", "verified"),
        "lee@example.org": ("9kTq0WbXyZ3aBcDeFgHiJkLmNo45", "2023-08-02T18:13:20Z", "no password"),
    },
    "cognito": {
        "kim@example.org": ("2f6c1b9a-0d5e-4f1c-8a7b-5c4d3e2f1a01", "2022-03-04T04:06:07Z", "verified", "no password"),
        "lee": ("7b1e5c3d-1a2b-4c3d-9e8f-0a1b2c3d4e02", "2022-04-04T03:06:07Z", "disabled", "no password"),
    },
    "django": {
        "kim": ("1", "2020-02-03T10:00:00Z", "admin"),
        "lee": ("2", "2020-02-03T10:00:00Z"),
        "max": ("3", "2020-02-03T10:00:00Z", "disabled", "no password"),
    },
    "fastapi-users": {
        "kim@example.org": ("9a1c1a52-39d5-4d4a-b6b9-4f7c7b1d2e10", None, "admin", "verified"),
        "lee@example.org": ("4c6d2b0f-5a1d-4c3b-8e7f-2a9b8c7d6e11", None, "disabled"),
    },
    "better-auth": {
        "kim": ("k3Jx9mQpVb2Lr8TzYw5NcA7EhUfSdG1o", "2025-01-02T03:04:05Z", "verified"),
        "lee@example.org": ("Zp4Wn6RtHs8DfGj1KlXcVbQmY2UeAoI9", "2025-02-02T03:04:05Z", "admin", "no password"),
    },
    "clerk": {
        "kim": ("user_2hQk4vJ8xWm1Yz6RtBn3LsPc9Df", None, "verified"),
        "lee@example.org": ("user_2hQk5aB1cDe2fGh3iJk4lMn5oPq", None, "no password", "totp"),
    },
}


def commands_of(page):
    """The commands of ours that a page tells to run, as words, with its samples for the files that it names."""
    text = (DOCS / page).read_text("utf-8")
    found = re.findall(r"^ *python -m infra\.operator (.*)$", text, re.MULTILINE)
    return [
        [str(SAMPLES / word) if (SAMPLES / word).exists() else word for word in shlex.split(line)] for line in found
    ]


def said_of(line):
    """What is remarkable of a user of an export."""
    marks = {
        "verified": line.get("email_verified"),
        "disabled": line.get("disabled"),
        "admin": "admin" in line["roles"],
        "no password": "password_hash" not in line,
        "totp": "totp" in line,
    }
    return {mark for mark, holds in marks.items() if holds}


@pytest.mark.parametrize("system", EXPECTED)
def test_what_a_page_tells_to_run_imports_its_sample_and_a_user_of_it_logs_in(
    system, run, api, users_in, tmp_path, clock
):
    dry, real = commands_of(f"{system}.md")
    assert dry == [*real, "--dry-run"]
    for words in (dry, real):
        words[words.index("--stage") + 1] = "test"
        result = run(*words, typed="y\n")
        assert (result.exit_code, f"{len(EXPECTED[system])} users w" in result.stdout) == (0, True), result.output
        assert (users_in() == []) is (words is dry)
    run("export", tmp_path / "exported.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "exported.jsonl").read_text("utf-8").splitlines()[1:]]
    now = "2027-01-15T08:00:00Z"
    assert {line["username"]: (line["id"], line["created_at"], said_of(line)) for line in lines} == {
        name: (user_id, created_at or now, set(marks))
        for name, (user_id, created_at, *marks) in EXPECTED[system].items()
    }
    (password, name) = ("user1password" if system == "firebase" else PASSWORD, next(iter(EXPECTED[system])))
    if system != "cognito":
        api.login(name, password + "!").assert_problem(401, "invalid_credentials")
        assert api.login(name, password).json["user"]["id"] == EXPECTED[system][name][0]


@pytest.mark.parametrize(
    ("system", "row"),
    [
        ("fastapi-users", {"email": "kim@example.org", "is_active": "f"}),
        ("fastapi-users", {"email": "kim@example.org", "is_verified": "false"}),
        ("auth0", {"email": "kim@example.org", "email_verified": "false"}),
        ("auth0", {"email": "kim@example.org", "blocked": "no"}),
        ("better-auth", {"email": "kim@example.org", "emailVerified": "2025-01-01T00:00:00Z"}),
        ("django", {"fields": {"username": "kim", "password": "!", "is_active": "False"}}),
    ],
)
def test_what_is_neither_true_nor_false_is_refused_and_never_taken_for_one_of_them(system, row, run, write, users_in):
    result = run("import", write(row), "--format", system, "--yes")
    assert (result.exit_code, users_in()) == (1, [])
    assert "must be true or false" in result.stderr


def test_who_is_not_active_in_a_database_that_writes_numbers_is_disabled(run, write, users_in):
    row = {"email": "kim@example.org", "is_active": 0, "is_superuser": 0, "is_verified": 0}
    assert run("import", write(row), "--format", "fastapi-users", "--yes").exit_code == 0
    (kim,) = users_in()
    assert (kim["disabled"]["BOOL"], kim["roles"]["SS"], kim["email_verified"]["BOOL"]) == (True, ["user"], False)


def test_every_form_has_a_page_that_the_overview_names():
    overview = (DOCS / "README.md").read_text("utf-8")
    assert sorted(EXPECTED) == sorted(set(names()) - {"lychgate"})
    for name in EXPECTED:
        assert f"({name}.md)" in overview


def test_the_limits_that_the_overview_tells_are_those_that_are_kept(run, write):
    limits = {
        "$2b$14$" + "u" * 53: "$2b$15$" + "u" * 53,
        "$argon2id$v=19$m=131072,t=10,p=16$c29tZXNhbHQ$" + "A" * 43: None,
        "$pbkdf2-sha256$i=2000000$c29tZXNhbHQ$" + "A" * 43: "$pbkdf2-sha256$i=2000001$c29tZXNhbHQ$" + "A" * 43,
        "$scrypt$ln=16,r=8,p=1$c29tZXNhbHQ$" + "A" * 43: "$scrypt$ln=17,r=8,p=1$c29tZXNhbHQ$" + "A" * 43,
        "$scrypt$ln=14,r=8,p=16$c29tZXNhbHQ$" + "A" * 43: "$scrypt$ln=16,r=8,p=5$c29tZXNhbHQ$" + "A" * 43,
    }
    for allowed, refused in limits.items():
        assert stored_hash(allowed).endswith(allowed)
        if refused is not None:
            with pytest.raises(ValueError, match="not supported"):
                stored_hash(refused)


def test_the_program_of_the_overview_verifies_a_hash_of_ours(api, run, tmp_path):
    api.register("Ann", "pässwörd of old oak boards")
    run("export", tmp_path / "users.jsonl")
    line = json.loads((tmp_path / "users.jsonl").read_text("utf-8").splitlines()[1])
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / "README.md").read_text("utf-8"), re.DOTALL)
    names = {}
    exec(program, names)
    peppers = {"": bytes(range(32))}
    assert names["verify"]("pässwörd of old oak boards", line["password_hash"], peppers)
    assert not names["verify"]("another one of old oak boards", line["password_hash"], peppers)


BROKEN = {
    "firebase": (
        '{"users": [{"localId": "one", "email": "one@example.org"},\n{"localId": }]}',
        1,
        "line 2: this is no JSON",
    ),
    "cognito": ('{"Users": [{"Username": "one"},', 1, "line 2: the file ends within the list"),
    "clerk": ('id,username,primary_email_address\nu1,one,\nu2,two\nu3,"thr', 1, "line 3: the row has 2 cells"),
    "django": ('{"model": "auth.user", "pk": 1, "fields": {}}\n[1]', 0, "line 1: this is no user of Django's dumpdata"),
    "supabase": ('{"email": {"a": 1}}\n{"email": "one@example.org"}', 1, "line 1: an e-mail address must be a string"),
    "auth0": ('{"_id": 5, "identifiers": [1, {}]}\n{"email": "one@example.org"}', 1, "line 1: a username or an email"),
    "better-auth": (
        '{"email": "one@example.org", "role": "Big Boss"}',
        0,
        "line 1: one@example.org: the roles are not",
    ),
    "fastapi-users": ('{"email": "one@example.org", "id": 5}', 0, "line 1: one@example.org: id must be"),
}


@pytest.mark.parametrize("system", BROKEN)
def test_a_broken_export_is_refused_with_the_line_and_what_is_whole_before_it_is_imported(run, write, users_in, system):
    content, good, expected = BROKEN[system]
    result = run("import", write(content, name="broken"), "--format", system, "--yes")
    assert result.exit_code == 1
    assert expected in result.stderr
    assert len(users_in()) == good


@pytest.mark.parametrize("form", ["firebase", "cognito", "clerk"])
def test_a_file_of_another_system_is_refused_as_a_whole(run, write, form):
    result = run("import", write("", name="other"), "--format", form, "--yes")
    assert (result.exit_code, "cannot be read: the f" in result.stderr) == (1, True)


def test_a_hash_of_firebase_without_the_projects_parameters_is_refused(run, write):
    result = run("import", SAMPLES / "firebase.json", "--format", "firebase", "--yes")
    assert "line 2: kim@example.org: the hash needs the project's parameters: --firebase-config FILE" in result.stderr
    incomplete = write("hash_config {", "rounds: 8", name="config")
    words = ("import", SAMPLES / "firebase.json", "--format", "firebase", "--firebase-config", incomplete, "--yes")
    assert "lacks base64_signer_key, base64_salt_separator, mem_cost of" in run(*words).stderr


def test_where_the_address_is_the_username_names_of_other_systems_give_way(tmp_path):
    read = source("django", SAMPLES / "django.jsonl", Options(by_address=True))
    rows = [read.convert(row.members) for row in read.read(read.path)]
    assert [row.get("username") for row in rows] == ["kim@example.org", "lee@example.org", "max"]
