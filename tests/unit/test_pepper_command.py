"""`python -m infra.keys pepper`: a pepper is added, used, and removed when nobody needs it any more."""

import hashlib
import json
from contextlib import closing
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.accounts.user import NO_PASSWORD
from chalicelib.config.signing_secrets import parse_peppers
from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import FIRST
from chalicelib.credentials.recovery_codes import RecoveryCodes
from chalicelib.credentials.sealing import Sealer
from infra.keys import __main__ as command
from infra.local import item_store
from infra.local.environment import stage_environment
from infra.local.item_store import Address, ItemStore, create
from infra.tables import create_tables
from tests.support.samples import NOW

PARAMETER = "/lychgate/prod/signing-keys"
TABLE = "lychgate-prod-users"
DAY = 24 * 3600
PASSWORD = "correct horse battery staple"
OF_THE_FIRST = "$2b$04$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK"


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".chalice").mkdir()
    variables = stage_environment() | {
        "LYCHGATE_SIGNING_KEYS_PARAMETER": PARAMETER,
        "LYCHGATE_USERS_TABLE": TABLE,
    }
    stages = {stage: {"environment_variables": dict(variables)} for stage in ("dev", "prod")}
    config = {"version": "2.0", "app_name": "lychgate", "stages": stages}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return tmp_path


@pytest.fixture
def aws(atomic_moto, aws_clients):
    dynamodb, ssm = aws_clients
    create_tables(dynamodb, "prod")
    return SimpleNamespace(dynamodb=dynamodb, ssm=ssm)


@pytest.fixture
def keys(project, capsys, aws_clients):
    """Run the command and return its exit code and everything that it printed."""

    def run(*arguments, now=NOW, stage="prod"):
        places = ["--stage", stage, "--project", str(project), "--data-dir", str(project / "data")]
        code = command.main(
            [*arguments, *places],
            now=now,
            make_ssm=lambda: aws_clients[1],
            make_dynamodb=lambda: aws_clients[0],
        )
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


@pytest.fixture
def stored(aws):
    return lambda: json.loads(aws.ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"])


def user_item(name, password_hash):
    return {"username_key": {"S": name}, "password_hash": {"S": password_hash}}


def with_factors(name, ring, *, sealed=NOW, codes=NOW):
    """A user whose hash is new, and whose TOTP app and recovery codes are of these times."""
    peppers = parse_peppers(ring)
    _, digests = RecoveryCodes(peppers, lambda: codes).new(name)
    secret = Sealer(peppers, lambda: sealed).seal(b"secret", purpose="TOTP secret", about=name)
    of_now = user_item(name, hash_now(ring, NOW + 30 * DAY))
    return of_now | {"totp": {"S": secret}, "recovery": {"SS": list(digests)}}


def hash_now(ring, now):
    hasher = PasswordHasher(peppers=parse_peppers(ring), cost=4, clock=lambda: now)
    return hasher.hash(PASSWORD)


class TestInParameterStore:
    def test_a_rotation_from_beginning_to_end(self, keys, aws, stored, project):
        keys("create")
        configuration = (project / ".chalice" / "config.json").read_text()
        before = hash_now(stored(), NOW)
        for name in ("alice", "bob"):
            aws.dynamodb.put_item(TableName=TABLE, Item=user_item(name, before))
        code, printed = keys("pepper", "add")
        (new,) = stored()["peppers"]
        assert code == 0
        assert f"New pepper {new['id']}" in printed
        listed = keys("list", now=NOW + DAY - 1)[1]
        assert "  first  in use for new hashes\n" in listed
        assert f"  {new['id']}  in use from 20" in listed
        listed = keys("list", now=NOW + DAY)[1]
        assert "  first  verifies; to be retired when no user needs it\n" in listed
        assert f"  {new['id']}  in use for new hashes\n" in listed

        later = NOW + 30 * DAY
        after = hash_now(stored(), later)
        assert after.startswith(new["id"])
        aws.dynamodb.put_item(TableName=TABLE, Item=user_item("alice", after))
        ring = stored()
        code, printed = keys("pepper", "retire", now=later)
        assert code == 1
        assert "2 users in all" in printed
        assert "first: 1 user" in printed
        assert "each of them needs a new one, by mail where an address is verified" in printed
        assert stored() == ring

        aws.dynamodb.put_item(TableName=TABLE, Item=user_item("bob", after))
        code, printed = keys("pepper", "retire", now=later)
        assert (code, "Nobody loses a password" in printed) == (0, True)
        assert "pepper" not in stored()
        assert stored()["peppers"] == [new]
        assert stored()["keys"] == ring["keys"]
        assert (project / ".chalice" / "config.json").read_text() == configuration
        verifying = PasswordHasher(peppers=parse_peppers(stored()), cost=4)
        assert verifying.verify(PASSWORD, after)

    def test_a_pepper_that_users_need_goes_only_with_what_it_costs_said(self, keys, aws, stored):
        keys("create")
        aws.dynamodb.put_item(TableName=TABLE, Item=user_item("alice", hash_now(stored(), NOW)))
        keys("pepper", "add")
        code, printed = keys("pepper", "retire", "first", "--losing-users", now=NOW + 2 * DAY)
        assert code == 0
        assert "1 user can no longer log in" in printed
        assert "pepper" not in stored()

    def test_a_pepper_that_an_authenticator_app_needs_stays_until_its_secret_is_sealed_anew(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        later = NOW + 30 * DAY
        aws.dynamodb.put_item(TableName=TABLE, Item=with_factors("alice", stored(), codes=later))
        for losing in ((), ("--losing-recovery-codes",)):
            code, printed = keys("pepper", "retire", *losing, now=later)
            assert (code, "authenticator apps need what would be removed (first: 1 user)" in printed) == (1, True)
            assert "pepper" in stored()
        code, printed = keys("pepper", "retire", "--losing-users", "--dry-run", now=later)
        assert (code, "1 user can no longer use an authenticator app" in printed) == (0, True)

        aws.dynamodb.put_item(TableName=TABLE, Item=with_factors("alice", stored(), sealed=later, codes=later))
        code, printed = keys("pepper", "retire", now=later)
        assert (code, "Nobody loses a password" in printed, "authenticator" in printed) == (0, True, False)
        assert "pepper" not in stored()

    def test_a_pepper_that_recovery_codes_need_goes_only_if_that_is_said(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        later = NOW + 30 * DAY
        aws.dynamodb.put_item(TableName=TABLE, Item=with_factors("alice", stored(), sealed=later))
        code, printed = keys("pepper", "retire", now=later)
        assert (code, "recovery codes need what would be removed (first: 1 user)" in printed) == (1, True)
        assert "--losing-recovery-codes" in printed
        code, printed = keys("pepper", "retire", "--losing-recovery-codes", now=later)
        assert (code, "1 user can no longer use recovery codes made before" in printed) == (0, True)
        assert "Nobody loses a password" in printed
        assert "pepper" not in stored()

    def test_passwords_are_not_lost_with_recovery_codes(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        item = with_factors("alice", stored(), sealed=NOW + 30 * DAY)
        aws.dynamodb.put_item(TableName=TABLE, Item=item | user_item("alice", hash_now(stored(), NOW)))
        code, printed = keys("pepper", "retire", "--losing-recovery-codes", now=NOW + 30 * DAY)
        assert (code, "passwords need what would be removed (first: 1 user)" in printed) == (1, True)

    def test_a_user_without_a_password_needs_no_pepper(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        aws.dynamodb.put_item(TableName=TABLE, Item=user_item("alice", NO_PASSWORD))
        code, printed = keys("pepper", "retire", now=NOW + 30 * DAY)
        assert (code, "1 users in all" in printed, "Nobody loses a password" in printed) == (0, True, True)

    def test_a_dry_run_counts_and_changes_nothing(self, keys, aws, stored):
        keys("create")
        ring = stored()
        code, printed = keys("pepper", "add", "--dry-run")
        assert (code, "dry run" in printed, stored()) == (0, True, ring)
        keys("pepper", "add")
        ring = stored()
        code, printed = keys("pepper", "retire", "--dry-run", now=NOW + 2 * DAY)
        assert (code, "0 users had it" in printed, stored()) == (0, True, ring)

    def test_what_hashes_use_now_or_will_use_is_never_removed(self, keys, aws, stored):
        keys("create")
        for pepper in ((), ("first",)):
            code, printed = keys("pepper", "retire", *pepper, "--losing-users")
            assert code == 1
            assert "no newer pepper" in printed
        keys("pepper", "add")
        new = stored()["peppers"][0]["id"]
        for now in (NOW + DAY - 1, NOW + DAY + 299):
            assert keys("pepper", "retire", "--losing-users", now=now)[0] == 1
            assert keys("pepper", "retire", "first", "--losing-users", now=now)[0] == 1
        for now in (NOW, NOW + 2 * DAY):
            assert keys("pepper", "retire", new, "--losing-users", now=now)[0] == 1
        assert keys("pepper", "retire", now=NOW + DAY + 300)[0] == 0

    def test_an_id_that_fits_no_pepper_or_several_is_refused(self, keys, aws):
        keys("create")
        code, printed = keys("pepper", "retire", "unknown")
        assert (code, "0 peppers of the ring" in printed) == (1, True)

    def test_one_that_waits_is_moved_and_no_second_one_is_made(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        assert "Unchanged" in keys("pepper", "add", now=NOW + 60)[1]
        assert "will now use it" in keys("pepper", "add", "--in", "48h", now=NOW + 60)[1]
        (waiting,) = stored()["peppers"]
        assert waiting["nbf"] == NOW + 60 + 2 * DAY

    def test_a_start_before_every_process_can_know_it_is_refused(self, keys, aws, stored):
        keys("create")
        code, printed = keys("pepper", "add", "--in", "5h")
        assert (code, "a process that runs now does not know it" in printed) == (1, True)
        assert "peppers" not in stored()

    def test_keys_rotate_beside_peppers(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        keys("add")
        assert len(stored()["peppers"]) == 1
        keys("pepper", "add", "--in", "72h")
        assert len(stored()["keys"]) == 2

    def test_without_the_table_nothing_is_removed(self, keys, aws, stored):
        keys("create")
        keys("pepper", "add")
        aws.dynamodb.delete_table(TableName=TABLE)
        code, printed = keys("pepper", "retire", now=NOW + 2 * DAY)
        assert (code, f"the table {TABLE}" in printed) == (1, True)
        assert stored()["pepper"]

    def test_a_database_that_does_not_answer_is_one_line(self, keys, aws, project, capsys):
        keys("create")
        keys("pepper", "add")

        def unreachable():
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        arguments = ["pepper", "retire", "--stage", "prod", "--project", str(project)]
        code = command.main(arguments, now=NOW + 2 * DAY, make_ssm=lambda: aws.ssm, make_dynamodb=unreachable)
        assert (code, "AWS did not answer" in capsys.readouterr().err) == (1, True)

    def test_nothing_that_it_prints_is_secret(self, keys, aws, stored):
        keys("create")
        secrets = [stored()["pepper"]]
        printed = keys("pepper", "add")[1] + keys("list")[1]
        secrets.append(stored()["peppers"][0]["pepper"])
        printed += keys("pepper", "retire", now=NOW + 2 * DAY)[1]
        assert not any(secret in printed for secret in secrets)

    def test_a_damaged_pepper_is_neither_quoted_nor_replaced(self, keys, aws, stored):
        keys("create")
        ring = stored() | {"peppers": [{"id": "x", "pepper": "hunter2", "nbf": 1}]}
        aws.ssm.put_parameter(Name=PARAMETER, Value=json.dumps(ring), Type="SecureString", Overwrite=True)
        code, printed = keys("pepper", "add")
        assert code == 1
        assert "a pepper of at least 32 bytes" in printed
        assert "hunter2" not in printed


class TestOnALaptop:
    @pytest.fixture
    def data(self, keys, project):
        keys("create", stage="dev")
        keys("pepper", "add", "--in", "0s", stage="dev")
        return project / "data"

    @pytest.fixture
    def keep(self, data):
        """Keep alice, with a hash that is made now, as `make dev` does."""

        def keep():
            ring = json.loads((data / "signing-keys.json").read_text())
            create(
                data / item_store.FILE, [(Address(TABLE, "alice"), json.dumps(user_item("alice", hash_now(ring, NOW))))]
            )

        return keep

    def test_an_added_pepper_takes_a_restart(self, keys, data):
        code, printed = keys("pepper", "add", "--in", "5m", stage="dev")
        assert (code, "restart `make dev`" in printed) == (0, True)

    def test_what_is_kept_says_who_needs_a_pepper(self, keys, data, keep):
        create(data / item_store.FILE, [(Address(TABLE, "alice"), json.dumps(user_item("alice", OF_THE_FIRST)))])
        code, printed = keys("pepper", "retire", stage="dev", now=NOW + 300)
        assert (code, "first: 1 user" in printed) == (1, True)
        keep()
        assert keys("pepper", "retire", stage="dev", now=NOW + 300)[0] == 0
        later = parse_peppers(json.loads((data / "signing-keys.json").read_text()))
        assert [pepper.id == FIRST for pepper in later.peppers] == [False]

    def test_what_is_kept_says_whose_app_and_codes_need_a_pepper(self, keys, data):
        ring = json.loads((data / "signing-keys.json").read_text())
        old = OF_THE_FIRST.replace("$2b", f"{ring['peppers'][0]['id']}$2b", 1)
        item = user_item("alice", old) | {"totp": {"S": ".AAAA"}, "recovery": {"SS": [".AAAA", ".BBBB"]}}
        create(data / item_store.FILE, [(Address(TABLE, "alice"), json.dumps(item))])
        code, printed = keys("pepper", "retire", stage="dev", now=NOW + 300)
        assert (code, "authenticator apps need what would be removed (first: 1 user)" in printed) == (1, True)

    def test_what_is_kept_is_read_while_make_dev_writes_it(self, keys, data, keep):
        keep()
        with closing(ItemStore(data / item_store.FILE)) as running:
            running.change({Address(TABLE, "bob"): json.dumps(user_item("bob", OF_THE_FIRST))})
            code, printed = keys("pepper", "retire", stage="dev", now=NOW + 300)
        assert (code, "2 users in all" in printed, "first: 1 user" in printed) == (1, True, True)

    def test_what_an_earlier_version_kept_says_it_too(self, keys, data):
        tables = {TABLE: [user_item("alice", OF_THE_FIRST)]}
        checksum = hashlib.sha256(json.dumps(tables, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        (data / "snapshot.json").write_text(json.dumps({"version": 1, "sha256": checksum, "tables": tables}))
        code, printed = keys("pepper", "retire", stage="dev", now=NOW + 300)
        assert (code, "first: 1 user" in printed) == (1, True)

    @pytest.mark.parametrize("file", ["snapshot.json", item_store.FILE])
    def test_a_damaged_file_is_one_line(self, keys, data, file):
        (data / file).write_text("{")
        code, printed = keys("pepper", "retire", stage="dev", now=NOW + 300)
        assert (code, f"{data / file} cannot be read" in printed) == (1, True)
