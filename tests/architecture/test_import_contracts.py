"""Each contract on imports can be broken: one import more, and import-linter says so."""

import copy

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

from tests.support.marks import TESTS

CONFIGURATION = read_configuration(str(TESTS.parent / "pyproject.toml"))
CONTRACTS = {options["name"]: options for options in CONFIGURATION["contracts_options"]}
TYPES = {"layers": LayersContract, "forbidden": ForbiddenContract}

# By contract, an import that must break it.
FORBIDDEN_IMPORTS = {
    "Imports point down, room by room": ("chalicelib.accounts.user", "chalicelib.use_cases.ports"),
    "Within api: the application, a site's mistakes, the document, routes, their declaration, middleware, answers": (
        "chalicelib.api.responses",
        "chalicelib.api.middleware",
    ),
    "Within adapters: one for each service, then how AWS is called": (
        "chalicelib.adapters.parameter_store",
        "chalicelib.adapters.pwned_passwords",
    ),
    "Within adapters.dynamodb: a store for each port, then transactions, then items": (
        "chalicelib.adapters.dynamodb.users",
        "chalicelib.adapters.dynamodb.sessions",
    ),
    "Within use_cases: what users do, the steps that they share, then the ports": (
        "chalicelib.use_cases.begin_session",
        "chalicelib.use_cases.log_in",
    ),
    "Within credentials: what is checked, then keys and codecs, then peppers and passwords as text": (
        "chalicelib.credentials.passwords",
        "chalicelib.credentials.throttling",
    ),
    "Within tokens: who issues and verifies, the kinds, keys and codec, then what they stand on": (
        "chalicelib.tokens.verifier",
        "chalicelib.tokens.issuer",
    ),
    "Within telemetry: what requests leave, then the form of a line": (
        "chalicelib.telemetry.log",
        "chalicelib.telemetry.requests",
    ),
    "Within mails: samples, then mistakes in styles, then how a mail is made, then its colours": (
        "chalicelib.mails.rendering",
        "chalicelib.mails.previews",
    ),
    "What mails are made of knows the languages and kinds of mails, and nothing else": (
        "chalicelib.mails.rendering",
        "chalicelib.errors",
    ),
    "Within config: for whom passkeys are, the settings of each part, then how the environment is read": (
        "chalicelib.config.verifier",
        "chalicelib.config.signing_secrets",
    ),
    "Within accounts: what use cases answer with, then sessions, users, and what they are made of": (
        "chalicelib.accounts.user",
        "chalicelib.accounts.session",
    ),
    "Beside the application: deployment, what runs on a laptop, what Chalice's commands lack": (
        "infra.keys.ring",
        "infra.deployment.stage",
    ),
    "Within infra.docs: the command, what the site is built from, how pages are made and finished, then their names": (
        "infra.docs.markdown",
        "infra.docs.staging",
    ),
    "What ships imports nothing of what does not": ("chalicelib.telemetry.log", "infra.tables"),
    "What an operator runs knows nothing of tests and of measuring": ("infra.costs", "bench.figures"),
    "What tests share knows nothing of measuring": ("tests.support.fakes", "bench.figures"),
    "Only the HTTP layer, the authorizer and the mailer's entry point know Chalice": ("chalicelib.wiring", "chalice"),
    "PyJWT and cryptography have few doors": ("chalicelib.tokens.issuer", "jwt"),
    "The authorizer reaches no database, no password and no AWS": ("chalicelib.authorizer", "botocore"),
    "The mailer reaches no password, no signing key and no token of a session": (
        "chalicelib.adapters.dynamodb.deliveries",
        "chalicelib.adapters.dynamodb.users",
    ),
    "Webhooks reach no user, no session, no password, no signing key and no token": (
        "chalicelib.webhooks_wiring",
        "chalicelib.config.signing_secrets",
    ),
    "Only passwords and foreign hashes know bcrypt, and only the adapters know boto3": (
        "chalicelib.use_cases.registration",
        "bcrypt",
    ),
}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(
        *CONFIGURATION["session_options"]["root_packages"], include_external_packages=True, cache_dir=None
    )


def is_kept(name, graph):
    contract = TYPES[CONTRACTS[name]["type"]](name, CONFIGURATION["session_options"], CONTRACTS[name])
    return contract.check(graph, verbose=False).kept


def test_every_contract_has_its_control_and_no_two_share_a_name():
    assert [options["name"] for options in CONFIGURATION["contracts_options"]] == list(FORBIDDEN_IMPORTS)


@pytest.mark.parametrize("name", FORBIDDEN_IMPORTS)
def test_a_contract_is_kept_until_one_import_breaks_it(graph, name):
    assert is_kept(name, graph)
    importer, imported = FORBIDDEN_IMPORTS[name]
    assert {importer, imported} <= graph.modules, "a module that is not there breaks nothing"
    broken = copy.deepcopy(graph)
    broken.add_import(importer=importer, imported=imported)
    assert not is_kept(name, broken)
