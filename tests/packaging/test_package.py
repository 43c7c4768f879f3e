"""What Lambda gets."""

import json
import subprocess
import zipfile
from pathlib import Path

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from infra.chalice_cli.packaging import AWS_OPERATIONS, AWS_SERVICES
from infra.chalice_cli.wheels import read_lock
from infra.stages import FUNCTIONS
from tests.support.packaging_project import PROJECT, PYTHON, RUNTIME_HERE, bytecode_of

HASH_BASED_AND_CHECKED = 0b11
"""The flags of a .pyc whose source's hash is compared at each import, PEP 552."""
BOTOCORE_DATA = str(Path(botocore.__file__).parent / "data")
ALL_FUNCTIONS = ("app", "chalicelib.authorizer", "chalicelib.mailer", "chalicelib.webhooks")


def run(code, statement, *options, **environment):
    """Run a statement with the package alone, as Lambda would. Returns standard output and standard error."""
    done = subprocess.run(
        [PYTHON, "-S", "-s", *options, "-c", statement],
        cwd=code,
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, done.stderr


WITHOUT_BYTECODE = f"""
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
sources = list(Path(".").rglob("*.py"))
for source in sources:
    bytecode = Path(cache_from_source(source)).read_bytes()
    expected = MAGIC_NUMBER + ({HASH_BASED_AND_CHECKED}).to_bytes(4, "little") + source_hash(source.read_bytes())
    if bytecode[:16] != expected:
        print(source)
assert len(sources) > 200
"""


def test_bytecode_lies_beside_every_source_and_is_of_that_source(code):
    assert run(code, WITHOUT_BYTECODE)[0] == ""


def test_there_is_no_bytecode_without_its_source(names):
    sources = {str(bytecode_of(Path(name))) for name in names if name.endswith(".py")}
    assert {name for name in names if name.endswith(".pyc")} == sources


def test_bytecode_names_the_place_where_lambda_has_the_source(code):
    bytecode = bytecode_of(code / "chalicelib" / "tokens" / "compact.py")
    named = f"import marshal; print(marshal.loads(open({str(bytecode)!r}, 'rb').read()[16:]).co_filename)"
    assert run(code, named)[0] == "/var/task/chalicelib/tokens/compact.py\n"


@pytest.mark.parametrize("module", ALL_FUNCTIONS)
def test_nothing_is_compiled_at_a_cold_start(code, module):
    _, said = run(code, f"import {module}", "-v")
    ours = [line for line in said.splitlines() if str(code) in line]
    assert any("code object from" in line and ".pyc" in line for line in ours)
    compiled = [line for line in ours if "code object from" in line and ".pyc" not in line]
    assert compiled == []


def test_a_source_that_was_edited_is_what_runs(code, tmp_path):
    (tmp_path / "chalicelib" / "__pycache__").mkdir(parents=True)
    bytecode = bytecode_of(code / "chalicelib" / "version.py")
    (tmp_path / "chalicelib" / "__pycache__" / bytecode.name).write_bytes(bytecode.read_bytes())
    (tmp_path / "chalicelib" / "__init__.py").touch()
    (tmp_path / "chalicelib" / "version.py").write_text('VERSION = "edited"\n')
    assert run(tmp_path, "from chalicelib.version import VERSION; print(VERSION)")[0] == "edited\n"


def test_the_models_are_those_of_the_services_in_use_and_no_others(names):
    prefix = "botocore/data/"
    services = {
        name.removeprefix(prefix).split("/")[0] for name in names if name.startswith(prefix) and name.count("/") > 2
    }
    assert services == set(AWS_SERVICES)
    # What botocore reads whatever the service is.
    for needed in ("endpoints.json", "partitions.json", "_retry.json", "sdk-default-configuration.json"):
        assert prefix + needed in names


@pytest.mark.parametrize("service", AWS_SERVICES)
def test_the_models_say_what_botocores_own_say_of_their_operations_but_for_the_texts(code, service):
    theirs = Loader(include_default_search_paths=False, extra_search_paths=[BOTOCORE_DATA]).load_service_model
    ours = Loader(include_default_search_paths=False, extra_search_paths=[str(code / "botocore" / "data")])
    texts = []

    def without_texts(node):
        if isinstance(node, dict):
            texts.extend(value for name, value in node.items() if name == "documentation" and isinstance(value, str))
            return {
                name: without_texts(value)
                for name, value in node.items()
                if not (name == "documentation" and isinstance(value, str))
            }
        return [without_texts(each) for each in node] if isinstance(node, list) else node

    shipped = json.loads(json.dumps(ours.load_service_model(service, "service-2")))
    whole = without_texts(theirs(service, "service-2"))
    assert texts
    assert set(shipped["operations"]) == AWS_OPERATIONS[service] < set(whole["operations"])
    for kind in ("operations", "shapes"):
        assert shipped[kind].items() <= whole[kind].items()
    assert {**shipped, "operations": {}, "shapes": {}} == {**whole, "operations": {}, "shapes": {}}
    for kind in ("endpoint-rule-set-1", "paginators-1", *(["waiters-2"] if service != "sesv2" else [])):
        assert ours.load_service_model(service, kind) == theirs(service, kind)


@pytest.mark.parametrize("service", AWS_SERVICES)
def test_the_models_have_every_shape_that_their_operations_need(code, service):
    shipped = Loader(include_default_search_paths=False, extra_search_paths=[str(code / "botocore" / "data")])
    model = ServiceModel(shipped.load_service_model(service, "service-2"))
    for name in model.operation_names:
        operation = model.operation_model(name)
        sought = [operation.input_shape, operation.output_shape, *operation.error_shapes]
        seen = {}
        while sought:
            shape = sought.pop()
            if shape.name not in seen:
                seen[shape.name] = shape  # a reference to a shape that is missing raises when it is followed
                sought += getattr(shape, "members", {}).values()
                sought += [getattr(shape, part) for part in ("member", "key", "value") if hasattr(shape, part)]
        assert {operation.input_shape.name, operation.output_shape.name} <= seen.keys()


def test_the_endpoints_of_these_services_are_botocores_own(code):
    theirs = json.loads(Path(BOTOCORE_DATA, "endpoints.json").read_text())
    ours = json.loads((code / "botocore" / "data" / "endpoints.json").read_text())
    for partition in theirs["partitions"]:
        kept = {name: value for name, value in partition["services"].items() if name in AWS_SERVICES}
        partition["services"] = kept
        assert kept or partition["partition"] != "aws"
    assert ours == theirs


def test_nothing_of_chalices_command_line_ships(names):
    top = {name.split("/")[0] for name in names}
    assert {"chalice", "chalicelib", "app.py", "jwt", "bcrypt", "boto3", "botocore"} <= top
    assert not {"pip", "setuptools", "wheel", "yaml", "click", "inquirer", "infra", "bench", "moto", "bin"} & top
    chalice = {name for name in names if name.startswith("chalice/") and name.endswith(".py")}
    assert chalice == {"chalice/__init__.py", "chalice/app.py"}


def test_what_lies_around_in_chalicelib_does_not_ship_and_is_named(built, names):
    ours = [name for name in names if name.startswith("chalicelib/")]
    assert {Path(name).suffix for name in ours if "/mails/" not in name} == {".py", ".pyc", ".bin"}
    for stray in ("signing-keys.json", ".env", "errors.py~"):
        assert f"Left out of the package: chalicelib/{stray}\n" in built[0]
    assert "__pycache__" not in built[0]


def test_the_metadata_by_which_vulnerable_versions_are_found_ships_and_nothing_else_of_it(names):
    files = [name.split("/", 1) for name in names if ".dist-info/" in name]
    assert {file for _, file in files} == {"METADATA"}
    shipped = {folder.split("-")[0].lower() for folder, _ in files}
    assert {"bcrypt", "boto3", "botocore", "cryptography", "pyjwt", "urllib3"} <= shipped


def test_what_ships_is_all_that_is_locked_and_nothing_else(names):
    folders = {name.partition(".dist-info/")[0] for name in names if ".dist-info/" in name}
    locked = {entry.split()[0] for entry in read_lock(PROJECT).splitlines()}
    assert {"==".join(folder.replace("_", "-").rsplit("-", 1)) for folder in folders} == locked


def test_what_ships_is_what_is_installed_and_tested(names):
    from importlib.metadata import version

    for name in ("botocore", "cryptography", "urllib3"):
        assert f"{name}-{version(name)}.dist-info/METADATA" in names


def test_every_file_can_be_read_by_whoever_lambda_runs_it_as(archive):
    with zipfile.ZipFile(archive) as opened:
        assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o100644}
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


USE_THE_SERVICES = """
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from chalicelib.adapters import aws
dynamodb, ssm = aws.dynamodb_client(), aws.ssm_client()
ses = aws.session().create_client("sesv2")
with Stubber(dynamodb) as stub:
    item = {"id": {"S": "1"}}
    stub.add_client_error(
        "update_item", "ConditionalCheckFailedException", modeled_fields={"Item": item}, http_status_code=400
    )
    try:
        dynamodb.update_item(TableName="t", Key=item)
    except dynamodb.exceptions.ConditionalCheckFailedException as refused:
        assert refused.response["Item"] == item
    stub.add_response("query", {"Items": [item], "LastEvaluatedKey": item})
    stub.add_response("query", {"Items": [item]})
    pages = dynamodb.get_paginator("query").paginate(TableName="t", KeyConditions={})
    assert [page["Items"] for page in pages] == [[item], [item]]
with Stubber(ssm) as stub:
    stub.add_client_error("get_parameter", "ParameterNotFound")
    try:
        ssm.get_parameter(Name="/p")
    except ssm.exceptions.ParameterNotFound as missing:
        print(aws.error_code(missing))
with Stubber(ses) as stub:
    stub.add_client_error("send_email", "TooManyRequestsException", http_status_code=429)
    stub.add_response("send_email", {"MessageId": "1"})
    text = {"Data": "Grüße", "Charset": "UTF-8"}
    mail = {
        "FromEmailAddress": "no-reply@site.test",
        "Destination": {"ToAddresses": ["alice@site.test"]},
        "Content": {"Simple": {"Subject": text, "Body": {"Text": text, "Html": text}}},
        "ConfigurationSetName": "c",
    }
    try:
        ses.send_email(**mail)
    except ses.exceptions.TooManyRequestsException as throttled:
        print(aws.error_code(throttled), ses.send_email(**mail)["MessageId"])
print(dynamodb.meta.endpoint_url, ssm.meta.endpoint_url)
# The name by which Signature Version 4 knows SES.
print(ses.meta.endpoint_url, ses._request_signer.signing_name, ses._request_signer.region_name)
"""


@pytest.mark.parametrize(("region", "suffix"), [("eu-central-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")])
def test_each_service_can_be_called_with_the_models_that_are_left(code, region, suffix):
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    said, _ = run(code, USE_THE_SERVICES, "-W", "error", AWS_DEFAULT_REGION=region, **credentials)
    endpoints = f"https://dynamodb.{region}.{suffix} https://ssm.{region}.{suffix}"
    of_mails = f"https://email.{region}.{suffix} ses {region}"
    assert said.splitlines() == ["ParameterNotFound", "TooManyRequestsException 1", endpoints, of_mails]


def test_all_functions_have_the_runtime_that_is_pinned_whichever_python_packages_them(archive):
    template = json.loads((archive.parent / "sam.json").read_text())
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
    assert [each["Properties"]["Runtime"] for each in functions] == len(FUNCTIONS) * [RUNTIME_HERE]


def test_what_is_compiled_is_for_that_runtime_or_for_every_later_python(names):
    pinned = RUNTIME_HERE.replace("python", "cpython-").replace(".", "")
    kinds = {name.partition(".")[2] for name in names if name.endswith(".so")}
    assert {kind for kind in kinds if not kind.startswith((f"{pinned}-", "abi3."))} == set()
    assert kinds


def test_all_functions_are_where_lambda_is_told_to_find_them(archive, code):
    template = json.loads((archive.parent / "sam.json").read_text())
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
    handlers = {each["Properties"]["Handler"] for each in functions}
    own = {f"chalicelib.{name}.{name}" for name in ("authorizer", "mailer", "webhooks")}
    assert handlers == {"app.app", "app.admin", *own}
    for handler in handlers:
        module, name = handler.rsplit(".", 1)
        run(code, f"import {module}; assert callable({module}.{name})")
