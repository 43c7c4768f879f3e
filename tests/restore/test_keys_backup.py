"""`python -m infra.keys backup` and `restore`: an encrypted file, and a parameter that nothing newer is taken from."""

import copy
import json
import stat

import pytest

from chalicelib.tokens.keys import public_jwks
from infra.keys import __main__ as command
from infra.keys import backup as backups
from infra.keys.places import PlaceError
from infra.keys.ring import RefusedError
from infra.local.environment import stage_environment
from tests.deployment.operator_here import raising, refusal
from tests.support.samples import NOW

PARAMETER = "/lychgate/prod/signing-keys"
PASSPHRASE = "five words that nobody guesses"
DAY = 24 * 3600


@pytest.fixture
def project(tmp_path):
    project = tmp_path / "project"
    (project / ".chalice").mkdir(parents=True)
    variables = stage_environment() | {"LYCHGATE_SIGNING_KEYS_PARAMETER": PARAMETER}
    del variables["LYCHGATE_PUBLIC_KEYS"]
    stages = {stage: {"environment_variables": dict(variables)} for stage in ("dev", "prod", "other")}
    config = {"version": "2.0", "app_name": "lychgate", "stages": stages}
    (project / ".chalice" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return project


@pytest.fixture
def ssm(atomic_moto, aws_clients):
    return aws_clients[1]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys-prod"


@pytest.fixture
def keys(project, capsys, aws_clients):
    """Run the command and return its exit code and everything that it printed. ``answers`` are what is typed."""

    def run(*arguments, now=NOW, stage="prod", answers=(PASSPHRASE, PASSPHRASE)):
        left = list(answers)

        def ask(_question):
            if not left:
                raise EOFError
            return left.pop(0)

        places = ["--stage", stage, "--project", str(project), "--data-dir", str(project / "data")]
        code = command.main([*map(str, arguments), *places], now=now, make_ssm=lambda: aws_clients[1], ask=ask)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def stored(ssm):
    return json.loads(ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"])


def secrets_of(ring):
    return [ring["pepper"], *(key["d"] for key in ring["keys"]), *(each["pepper"] for each in ring.get("peppers", []))]


def configured(project):
    config = json.loads((project / ".chalice" / "config.json").read_text())
    return json.loads(config["stages"]["prod"]["environment_variables"]["LYCHGATE_PUBLIC_KEYS"])


class TestBackup:
    def test_only_the_passphrase_opens_the_file_and_only_its_owner_reads_it(self, full_work, keys, ssm, file):
        keys("create")
        keys("pepper", "add")
        ring = stored(ssm)

        code, printed = keys("backup", file)

        assert code == 0, printed
        assert ring["keys"][0]["kid"] in printed
        assert f"Peppers: first, {ring['peppers'][0]['id']}." in printed
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not any(secret in file.read_text() + printed for secret in [*secrets_of(ring), PASSPHRASE])
        assert backups.opened(file.read_bytes(), PASSPHRASE, "it") == backups.Backup("prod", NOW, ring)
        with pytest.raises(PlaceError, match="the passphrase is wrong"):
            backups.opened(file.read_bytes(), PASSPHRASE + "x", "it")

    def test_two_backups_of_one_ring_have_nothing_in_common_but_the_header(self, keys, ssm, file):
        keys("create")
        one, other = (
            json.loads(backups.sealed(backups.Backup("prod", NOW, stored(ssm)), PASSPHRASE)) for _ in range(2)
        )
        assert one["encrypted"] != other["encrypted"]
        assert one["nonce"] != other["nonce"]
        assert one["scrypt"]["salt"] != other["scrypt"]["salt"]

    def test_no_file_is_overwritten(self, keys, ssm, file):
        keys("create")
        file.write_text("precious")
        code, printed = keys("backup", file)
        assert (code, file.read_text()) == (1, "precious")
        assert "exists already" in printed
        file.unlink()
        file.symlink_to(file.with_name("elsewhere"))
        assert keys("backup", file)[0] == 1
        assert not file.with_name("elsewhere").exists()

    def test_no_backup_is_written_into_a_repository(self, keys, ssm, project, tmp_path):
        keys("create")
        (tmp_path / "another" / ".git").mkdir(parents=True)
        (tmp_path / "another" / "below").mkdir()
        (tmp_path / "link").symlink_to(project)
        for folder in (project, project / ".chalice", tmp_path / "another" / "below", tmp_path / "link"):
            code, printed = keys("backup", folder / "keys-prod")
            assert (code, "would be in the repository" in printed) == (1, True), folder
            assert not (folder / "keys-prod").exists()

    @pytest.mark.parametrize(
        ("answers", "message"),
        [
            (("short", "short"), "16 characters or more"),
            ((PASSPHRASE, "another passphrase"), "the passphrases differ"),
            ((), "--passphrase-file"),
        ],
    )
    def test_a_passphrase_that_is_none_leaves_no_file(self, keys, ssm, file, answers, message):
        keys("create")
        code, printed = keys("backup", file, answers=answers)
        assert (code, message in printed) == (1, True), printed
        assert not file.exists()

    def test_a_passphrase_can_come_from_a_file(self, keys, ssm, file, tmp_path):
        keys("create")
        (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
        assert keys("backup", file, "--passphrase-file", tmp_path / "passphrase", answers=())[0] == 0
        assert backups.opened(file.read_bytes(), PASSPHRASE, "it").ring == stored(ssm)

    def test_a_place_that_cannot_be_written_is_a_sentence(self, keys, ssm, tmp_path):
        keys("create")
        code, printed = keys("backup", tmp_path / "missing" / "keys")
        assert (code, "cannot be written" in printed, "Traceback" in printed) == (1, True, False)

    def test_there_is_nothing_to_back_up_before_there_are_keys(self, keys, ssm, file):
        code, printed = keys("backup", file)
        assert (code, "does not exist" in printed, file.exists()) == (1, True, False)

    def test_a_refusal_of_aws_is_a_sentence(self, keys, ssm, file, monkeypatch):
        with raising(monkeypatch, "GetParameter", refusal("GetParameter", "AccessDeniedException")):
            code, printed = keys("backup", file)
        assert (code, "Traceback" in printed, file.exists()) == (1, False, False)
        assert "keys: " in printed

    def test_the_keys_of_a_laptop_can_be_backed_up_too(self, keys, ssm, file):
        keys("create", stage="dev")
        assert keys("backup", file, stage="dev")[0] == 0
        assert backups.opened(file.read_bytes(), PASSPHRASE, "it").stage == "dev"


def test_keys_that_were_lost_are_not_made_anew_while_accounts_need_them(keys, ssm, aws_clients, project, atomic_moto):
    dynamodb = aws_clients[0]
    table = stage_environment(project, "prod")["LYCHGATE_USERS_TABLE"]
    assert keys("create")[0] == 0  # before there is a table
    ssm.delete_parameter(Name=PARAMETER)
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "username_key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "username_key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(
        TableName=table, Item={"username_key": {"S": "a"}, "user_id": {"S": "u"}, "password_hash": {"S": "$2b$12$x"}}
    )

    code, printed = keys("create")

    assert (code, "python -m infra.keys restore FILE --stage prod" in printed) == (1, True), printed
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        stored(ssm)
    dynamodb.delete_item(TableName=table, Key={"username_key": {"S": "a"}})
    assert keys("create")[0] == 0


class TestRestore:
    @pytest.fixture
    def saved(self, keys, ssm, file):
        """A backup of a ring with a key and two peppers. Returns the ring."""
        keys("create")
        keys("pepper", "add")
        assert keys("backup", file)[0] == 0
        return stored(ssm)

    def test_a_parameter_that_was_lost_comes_back(self, keys, ssm, file, saved, project):
        ssm.delete_parameter(Name=PARAMETER)

        code, printed = keys("restore", file, "--dry-run")
        assert (code, "dry run" in printed) == (0, True), printed
        with pytest.raises(ssm.exceptions.ParameterNotFound):
            stored(ssm)

        code, printed = keys("restore", file)
        assert code == 0, printed
        assert stored(ssm) == saved
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Type"] == "SecureString"
        assert configured(project) == public_jwks(saved)
        assert f"The key {saved['keys'][0]['kid']} comes back." in printed
        assert "make deploy STAGE=prod" in printed
        assert not any(secret in printed for secret in secrets_of(saved))

    def test_a_key_that_is_published_and_not_in_the_backup_is_named(self, keys, ssm, file, saved):
        keys("add")
        newer = stored(ssm)["keys"][1]["kid"]
        ssm.delete_parameter(Name=PARAMETER)
        assert f"The key {newer}, which is published, is not in the backup" in keys("restore", file)[1]

    def test_a_ring_that_is_the_same_is_not_written(self, keys, ssm, file, saved):
        code, printed = keys("restore", file)
        assert (code, "nothing is missing" in printed) == (0, True)
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Version"] == 2

    def test_newer_keys_are_replaced_only_on_request(self, keys, ssm, file, saved):
        keys("add")
        newer = stored(ssm)

        code, printed = keys("restore", file)
        assert code == 1
        assert f"The key {newer['keys'][1]['kid']} is lost" in printed
        assert "--replace" in printed
        assert stored(ssm) == newer

        assert keys("restore", file, "--replace")[0] == 0
        assert stored(ssm) == saved

    def test_a_key_that_was_revoked_since_stays_revoked(self, keys, ssm, file, saved):
        kid = saved["keys"][0]["kid"]
        keys("revoke", kid)
        code, printed = keys("restore", file, "--replace")
        assert (code, "no key of the backup could sign" in printed) == (1, True)
        assert stored(ssm) != saved

        assert keys("add", now=NOW - DAY)[0] == 0
        assert keys("backup", file.with_name("later"))[0] == 0
        ring = stored(ssm)
        ring["keys"] = [key if key["kid"] != kid else saved["keys"][0] for key in ring["keys"]]
        change = backups.restored(stored(ssm), backups.Backup("prod", NOW, ring), stage="prod", replace=True)
        assert "revoked" in next(key for key in change.ring["keys"] if key["kid"] == kid)

    def test_peppers_that_are_missing_are_added_and_nothing_else_changes(self, keys, ssm, file, saved):
        keys("add")
        without = {name: value for name, value in stored(ssm).items() if name != "pepper"}
        without["peppers"] = [*without["peppers"]]
        ssm.put_parameter(Name=PARAMETER, Value=json.dumps(without), Type="SecureString", Overwrite=True)

        code, printed = keys("restore", file, "--add-peppers", now=NOW + 2 * DAY)
        assert code == 0, printed
        assert "The pepper first comes back." in printed
        assert stored(ssm) == {**without, "pepper": saved["pepper"]}
        assert "No pepper is missing." in keys("restore", file, "--add-peppers")[1]

    def test_a_retired_later_pepper_comes_back_before_the_one_in_use(self, keys, ssm, file, saved):
        keys("pepper", "add", now=NOW + 2 * DAY)
        ring = stored(ssm)
        retired, current = ring["peppers"]
        ssm.put_parameter(
            Name=PARAMETER, Value=json.dumps({**ring, "peppers": [current]}), Type="SecureString", Overwrite=True
        )

        assert keys("restore", file, "--add-peppers")[0] == 0

        assert stored(ssm)["peppers"] == [retired, current]
        assert f"{current['id']}  in use for new hashes" in keys("list", now=NOW + 4 * DAY)[1]

    def test_another_pepper_of_the_same_id_is_never_overwritten(self, saved):
        other = copy.deepcopy(saved)
        other["pepper"] = saved["pepper"][::-1]
        with pytest.raises(RefusedError, match="another pepper of the same id: first"):
            backups.restored(other, backups.Backup("prod", NOW, saved), stage="prod", add_peppers=True)

    def test_a_backup_of_another_stage_is_refused(self, keys, ssm, file, saved):
        code, printed = keys("restore", file, "--replace", stage="other")
        assert (code, "a backup of the stage prod, and not of other" in printed) == (1, True)

    def test_a_damaged_parameter_is_replaced_on_request(self, keys, ssm, file, saved):
        ssm.put_parameter(Name=PARAMETER, Value="{", Type="SecureString", Overwrite=True)
        code, printed = keys("restore", file)
        assert (code, "With --replace the backup takes its place" in printed) == (1, True)
        assert keys("restore", file, "--replace")[0] == 0
        assert stored(ssm) == saved

    def test_a_run_that_was_cut_off_is_repeated(self, keys, ssm, file, saved, monkeypatch):
        ssm.delete_parameter(Name=PARAMETER)
        with raising(monkeypatch, "PutParameter", refusal("PutParameter", "ExpiredTokenException")):
            code, printed = keys("restore", file)
        assert (code, "Traceback" in printed) == (1, False)
        assert keys("restore", file)[0] == 0
        assert stored(ssm) == saved

    @pytest.mark.parametrize("contents", [b"", b"{}", b"[]", b"\xff\x00", b'{"form": 1}', b'"text"'])
    def test_what_is_no_backup_is_a_sentence(self, keys, ssm, file, contents):
        file.write_bytes(contents)
        code, printed = keys("restore", file)
        assert (code, "damaged, or no backup" in printed, "Traceback" in printed) == (1, True, False)

    def test_a_file_that_is_missing_is_a_sentence(self, keys, ssm, file):
        code, printed = keys("restore", file)
        assert (code, "cannot be read" in printed) == (1, True)

    @pytest.mark.parametrize("member", ["stage", "created_at", "keys", "encrypted", "nonce", "version"])
    def test_a_file_that_was_changed_is_refused(self, keys, ssm, file, saved, member):
        header = json.loads(file.read_text())
        changed = {"stage": "other", "created_at": 1, "keys": [], "version": 2}
        header[member] = changed.get(member, "AAAA" + str(header[member])[4:])
        file.write_text(json.dumps(header))
        with pytest.raises(PlaceError, match=r"cannot be opened|no backup that this version"):
            backups.opened(file.read_bytes(), PASSPHRASE, "it")

    def test_a_file_cannot_ask_for_more_work_than_a_backup_takes(self, keys, ssm, file, saved):
        header = json.loads(file.read_text())
        header["scrypt"]["n"] = 2**30
        file.write_text(json.dumps(header))
        with pytest.raises(PlaceError, match="no backup that this version"):
            backups.opened(file.read_bytes(), PASSPHRASE, "it")
