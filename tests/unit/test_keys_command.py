"""`python -m infra.keys` against Parameter Store and against a laptop's files."""

import json
import re
import stat

import pytest

from chalicelib.tokens.keys import parse_verification_keys, public_jwks
from infra.keys import __main__ as command
from infra.keys.places import FileRing, ParameterRing, PlaceError
from infra.keys.ring import new_ring
from infra.local.data_directory import DataDirectory
from infra.local.environment import stage_environment
from tests.support.samples import NOW

PARAMETER = "/lychgate/prod/signing-keys"
DAY = 24 * 3600


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".chalice").mkdir()
    variables = stage_environment() | {"LYCHGATE_SIGNING_KEYS_PARAMETER": PARAMETER}
    del variables["LYCHGATE_PUBLIC_KEYS"]
    stages = {stage: {"environment_variables": dict(variables)} for stage in ("dev", "prod")}
    config = {"version": "2.0", "app_name": "lychgate", "stages": stages}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return tmp_path


@pytest.fixture
def ssm(atomic_moto, aws_clients):
    return aws_clients[1]


@pytest.fixture
def keys(project, capsys, aws_clients):
    """Run the command and return its exit code and everything that it printed."""

    def run(*arguments, now=NOW, stage="prod"):
        places = ["--stage", stage, "--project", str(project), "--data-dir", str(project / "data")]
        code = command.main([*arguments, *places], now=now, make_ssm=lambda: aws_clients[1])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


class Overtaken:
    """A client of Parameter Store. Another operator writes just before each of its writes."""

    def __init__(self, ssm):
        self._ssm = ssm

    def __getattr__(self, name):
        return getattr(self._ssm, name)

    def put_parameter(self, **request):
        self._ssm.put_parameter(**request)
        return self._ssm.put_parameter(**request)


def stored(ssm):
    return json.loads(ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"])


def configured(project):
    config = json.loads((project / ".chalice" / "config.json").read_text())
    return json.loads(config["stages"]["prod"]["environment_variables"]["LYCHGATE_PUBLIC_KEYS"])


class TestInParameterStore:
    def test_create_makes_an_encrypted_ring_and_configures_its_public_half(self, keys, ssm, project):
        code, _ = keys("create")
        assert code == 0
        parameter = ssm.get_parameter(Name=PARAMETER)["Parameter"]
        assert (parameter["Type"], parameter["Version"]) == ("SecureString", 1)
        assert configured(project) == public_jwks(stored(ssm))

    def test_create_never_replaces_a_ring(self, keys, ssm):
        keys("create")
        before = stored(ssm)
        code, printed = keys("create")
        assert (code, "already" in printed) == (1, True)
        assert stored(ssm) == before

    def test_a_rotation_from_beginning_to_end(self, keys, ssm, project):
        keys("create")
        old = stored(ssm)["keys"][0]["kid"]
        keys("add")
        new = stored(ssm)["keys"][1]["kid"]
        assert [key["kid"] for key in configured(project)["keys"]] == [old, new]
        assert f"{old}  ES256  signs\n" in keys("list", now=NOW + DAY - 1)[1]
        listed = keys("list", now=NOW + DAY)[1]
        assert f"{new}  ES256  signs\n" in listed
        assert f"{old}  ES256  verifies; to be retired" in listed
        keys("retire", now=NOW + 2 * DAY)
        end = NOW + 2 * DAY + 14 * DAY + 300
        assert configured(project)["keys"][0]["exp"] == end
        keys("add", now=end)
        kids = [key["kid"] for key in stored(ssm)["keys"]]
        assert old not in kids
        assert kids[0] == new
        assert [key["kid"] for key in configured(project)["keys"]] == kids

    def test_revoke_takes_the_key_from_the_public_set_at_once(self, keys, ssm, project):
        keys("create")
        old = stored(ssm)["keys"][0]["kid"]
        code, printed = keys("revoke", old[:10])
        assert code == 0
        assert "flush-stage-authorizers-cache" in printed
        assert old not in parse_verification_keys(configured(project))
        assert "revoked at" in keys("list")[1]

    @pytest.mark.parametrize("arguments", [("add",), ("retire",), ("revoke", "KID")])
    def test_a_dry_run_tells_and_changes_nothing(self, keys, ssm, project, arguments):
        keys("create")
        keys("add")
        ring, file = stored(ssm), (project / ".chalice" / "config.json").read_text()
        arguments = [ring["keys"][0]["kid"] if argument == "KID" else argument for argument in arguments]
        code, printed = keys(*arguments, "--dry-run", now=NOW + 2 * DAY)
        assert code == 0
        assert "dry run" in printed
        assert "chalice deploy --stage prod" in printed
        assert (stored(ssm), (project / ".chalice" / "config.json").read_text()) == (ring, file)

    def test_a_create_in_a_dry_run_makes_no_parameter(self, keys, ssm):
        assert keys("create", "--dry-run")[0] == 0
        with pytest.raises(ssm.exceptions.ParameterNotFound):
            stored(ssm)

    def test_done_twice_it_writes_the_ring_once(self, keys, ssm):
        keys("create")
        keys("add")
        assert "Unchanged" in keys("add", now=NOW + 60)[1]
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Version"] == 2

    def test_a_lost_configuration_is_made_again_by_the_same_command(self, keys, ssm, project):
        file = project / ".chalice" / "config.json"
        before = file.read_text()
        keys("create")
        keys("add")
        wanted = configured(project)
        file.write_text(before)
        keys("add", now=NOW + 60)
        assert configured(project) == wanted

    def test_another_operators_change_in_between_is_noticed_before_the_write(self, ssm):
        place = ParameterRing(ssm, PARAMETER)
        place.read()
        place.write(new_ring())
        ring = place.read()
        ssm.put_parameter(Name=PARAMETER, Value=json.dumps(ring), Type="SecureString", Overwrite=True)
        with pytest.raises(PlaceError, match="somebody else has changed"):
            place.write({**ring, "keys": ring["keys"] * 1})
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Version"] == 2

    def test_another_operators_change_at_the_same_moment_is_told(self, ssm):
        ParameterRing(ssm, PARAMETER).write(new_ring())
        place = ParameterRing(Overtaken(ssm), PARAMETER)
        ring = place.read()
        with pytest.raises(PlaceError, match=f"{PARAMETER}:2, agree with them"):
            place.write(ring)

    def test_the_parameter_keeps_its_own_encryption_key(self, keys, ssm):
        ring = new_ring(now=NOW)
        ssm.put_parameter(Name=PARAMETER, Value=json.dumps(ring), Type="SecureString", KeyId="alias/lychgate")
        keys("add")
        (described,) = ssm.describe_parameters()["Parameters"]
        assert (described["KeyId"], described["Version"]) == ("alias/lychgate", 2)

    def test_a_damaged_ring_is_neither_quoted_nor_replaced(self, keys, ssm):
        ssm.put_parameter(Name=PARAMETER, Value='{"keys": ["hunter2"]}', Type="SecureString")
        code, printed = keys("add")
        assert code == 1
        assert "must be a JWK Set" in printed
        assert "hunter2" not in printed
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Version"] == 1

    def test_without_a_ring_it_says_how_to_make_one(self, keys, ssm):
        code, printed = keys("add")
        assert (code, "infra.keys create --stage prod" in printed) == (1, True)

    def test_a_stage_that_is_not_configured_is_an_error(self, keys, ssm):
        assert keys("list", stage="nowhere") == (1, "keys: .chalice/config.json has no stage nowhere\n")

    def test_a_deployed_stages_settings_are_not_the_shells(self, keys, ssm, monkeypatch):
        monkeypatch.setenv("LYCHGATE_SIGNING_KEYS_PARAMETER", "/another")
        code, printed = keys("create")
        assert (code, printed.count("LYCHGATE_SIGNING_KEYS_PARAMETER of this shell: not used")) == (0, 1)
        assert stored(ssm)["keys"]

    def test_a_ring_too_large_for_a_parameter_is_refused(self, keys, ssm):
        keys("create", "--alg", "RS256")
        ring = stored(ssm)
        with pytest.raises(PlaceError, match="has room for 4096"):
            ParameterRing(ssm, PARAMETER).write({**ring, "keys": ring["keys"] * 3})

    def test_a_public_set_too_large_for_a_lambda_is_refused(self, keys, ssm, project):
        file = project / ".chalice" / "config.json"
        config = json.loads(file.read_text())
        config["stages"]["prod"]["environment_variables"]["LYCHGATE_ALLOWED_ORIGINS"] = "https://x.example," * 220
        file.write_text(json.dumps(config))
        code, printed = keys("create")
        assert (code, "Lambda takes 4096" in printed) == (1, True)
        with pytest.raises(ssm.exceptions.ParameterNotFound):
            stored(ssm)

    def test_the_variable_of_one_function_is_found_where_it_stands(self, keys, ssm, project):
        file = project / ".chalice" / "config.json"
        config = json.loads(file.read_text())
        config["stages"]["prod"]["lambda_functions"] = {
            "authorizer": {"environment_variables": {"LYCHGATE_PUBLIC_KEYS": "?"}}
        }
        file.write_text(json.dumps(config))
        keys("create")
        stage = json.loads(file.read_text())["stages"]["prod"]
        function = stage["lambda_functions"]["authorizer"]["environment_variables"]
        assert json.loads(function["LYCHGATE_PUBLIC_KEYS"]) == public_jwks(stored(ssm))
        assert "LYCHGATE_PUBLIC_KEYS" not in stage["environment_variables"]

    def test_a_reader_who_has_gone_leaves_no_half_of_a_change(self, keys, ssm, project):
        keys("create")
        places = ["--stage", "prod", "--project", str(project)]

        def gone(sentence):
            if sentence.startswith("Written"):
                raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            command.main(["add", *places], say=gone, now=NOW, make_ssm=lambda: ssm)
        assert configured(project) == public_jwks(stored(ssm))
        assert len(stored(ssm)["keys"]) == 2

    def test_nothing_that_it_prints_is_secret(self, keys, ssm):
        printed = "".join(keys(*arguments)[1] for arguments in [("create",), ("add",), ("list",), ("add",)])
        ring = stored(ssm)
        assert not any(secret in printed for secret in [ring["pepper"], *(key["d"] for key in ring["keys"])])


class TestOnALaptop:
    def test_a_restart_is_the_deployment(self, keys):
        keys("create", stage="dev")
        printed = keys("add", stage="dev")[1]
        assert "restart `make dev`" in printed
        assert "chalice deploy" not in printed

    def test_add_writes_the_file_for_its_owner_only(self, keys, project):
        assert keys("create", stage="dev")[0] == 0
        assert keys("add", "--in", "15m", stage="dev")[0] == 0
        file = project / "data" / "signing-keys.json"
        assert [key.get("nbf") for key in json.loads(file.read_text())["keys"]] == [None, NOW + 900]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_the_configuration_of_the_repository_stays_as_it_is(self, keys, project):
        before = (project / ".chalice" / "config.json").read_text()
        keys("create", stage="dev")
        keys("add", stage="dev")
        assert (project / ".chalice" / "config.json").read_text() == before

    def test_a_file_that_changed_meanwhile_is_not_overwritten(self, tmp_path):
        place = FileRing(DataDirectory(tmp_path))
        place.write(new_ring())
        ring = place.read()
        (tmp_path / "signing-keys.json").write_text("{}")
        with pytest.raises(PlaceError, match="changed meanwhile"):
            place.write(ring)
        assert (tmp_path / "signing-keys.json").read_text() == "{}"


@pytest.mark.parametrize("duration", ["5", "h", "1.5h", "-1h", "1w", "１h", "99999999d"])
def test_a_duration_that_is_none_is_refused(duration, capsys):
    with pytest.raises(SystemExit):
        command.main(["add", f"--in={duration}"])
    assert re.search(r"not a duration such as", capsys.readouterr().err)
