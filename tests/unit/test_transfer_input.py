"""Whatever a file says, an import has an answer: a user, or what is wrong, and nothing else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials.foreign_hashes import parse
from infra.operator.transfer.hashes import HashError, exported_hash, normal_form, stored_hash
from infra.operator.transfer.reading import Row, UnreadableFileError, csv_rows, json_array, json_lines
from infra.operator.transfer.records import RecordError, parse_record, to_members
from infra.operator.transfer.systems import Options, names, source

NOW = 1_800_000_000

PIECES = [
    "$",
    "$2b$",
    "10$",
    "$argon2id$v=19$",
    "m=65536,t=3,p=4",
    "$scrypt$ln=14,r=8,p=1",
    "$pbkdf2-sha256$i=1000",
    "salt",
    "pbkdf2_sha256$1000",
    "scrypt:32768:8:1",
    "bcrypt_sha256$",
    "argon2$",
    ":",
    "=",
    ",",
    "lychgate:",
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=",
    "-1",
    "é",
    "imported:",
    "!",
]
pieces = st.sampled_from([*PIECES, "A" * 43, "x" * 53, "f" * 32, "9" * 30, "\n", "\ud800"])
texts = st.lists(pieces, max_size=8).map("".join) | st.text(max_size=60)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["secret", "id", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
OURS = ["id", "username", "email", "email_verified", "new_email", "language", "roles", "created_at", "disabled"]
OURS += ["password_hash", "totp", "recovery_codes", "passkeys"]
THEIRS = [
    "encrypted_password",
    "banned_until",
    "identifiers",
    "_id",
    "passwordHash",
    "localId",
    "createdAt",
    "fields",
    "pk",
]
THEIRS += ["Attributes", "Username", "hashed_password", "password", "role", "primary_email_address", "password_digest"]


@given(texts)
def test_a_hash_is_stored_in_a_form_that_is_read_and_comes_back_or_is_refused(text):
    try:
        stored = stored_hash(text)
    except HashError as refused:
        assert len(text) < 4 or text not in str(refused)
        return
    told = exported_hash(stored)
    assert stored_hash(told) == stored
    if not told.startswith("lychgate:"):
        assert normal_form(told) == told
        assert parse(told).rounds >= 0


@given(st.fixed_dictionaries({"username": st.just("kim") | values}, optional=dict.fromkeys(OURS[2:], values)))
def test_a_line_of_ours_is_a_user_that_is_written_the_same_or_is_refused(members):
    try:
        record = parse_record(members, now=NOW)
    except RecordError as refused:
        assert str(refused)
        return
    again = parse_record(to_members(record.user, record.passkeys, record.totp_secret), now=NOW)
    assert (again.user, again.passkeys, again.totp_secret) == (record.user, record.passkeys, record.totp_secret)


@given(st.sampled_from(names()[1:]), st.dictionaries(st.sampled_from(OURS + THEIRS), values, max_size=6), st.data())
def test_a_row_of_another_system_is_converted_or_refused(tmp_path_factory, system, row, data):
    if system == "clerk":
        row = {name: data.draw(texts) for name in row}
    convert = source(system, tmp_path_factory.getbasetemp(), Options(by_address=data.draw(st.booleans()))).convert
    try:
        parse_record(convert(row), now=NOW)
    except RecordError as refused:
        assert str(refused)


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(["{", "}", "[", "]", ",", '"a"', ":", "1", "\n", '{"users": [', '"'])).map(
        lambda each: "".join(each).encode()
    )
)
def test_any_file_is_read_or_refused(tmp_path_factory, octets):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(octets)
    for read in (json_lines, json_array, lambda path: json_array(path, "users"), csv_rows):
        try:
            rows = list(read(path))
        except UnreadableFileError as refused:
            assert str(refused)
        else:
            assert all((row.members is None) != (row.problem is None) for row in rows)
            assert all(
                isinstance(row, Row) and 1 <= row.line <= octets.count(b"\n") + octets.count(b"\r") + 1 for row in rows
            )


@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.text(max_size=20) | st.integers() | st.none(), max_size=3), max_size=6
    )
)
def test_what_a_json_writer_writes_is_read_as_it_was(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert [row.members for row in json_lines(path)] == rows
    path.write_text(json.dumps({"users": rows}, indent=2, ensure_ascii=False), "utf-8", errors="surrogatepass")
    if "\\ud" not in json.dumps(rows):
        assert [row.members for row in json_array(path, "users")] == rows
