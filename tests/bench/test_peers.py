"""What happens where the peers cannot be had, and that a peer that fails is no figure."""

import sys

import pytest

from bench import peers
from bench.figures import LeftOut

APPS = peers._APPS


def refuse(command):
    raise LeftOut(f"{command[0]} could not install the peers: no network")


def never(*_, **__):
    raise AssertionError("nothing is to be installed here")


@pytest.fixture
def without_network(tmp_path):
    """Nothing is installed, and nothing can be."""
    return peers._Installation(tmp_path / "python", tmp_path / "node", refuse)


def test_without_any_peer_the_section_is_left_out_and_says_why(without_network):
    with pytest.raises(LeftOut, match=r"could not install the peers: no network; .*no network"):
        peers._commands("http://127.0.0.1:1", lambda _: None, without_network)


def test_without_one_kind_of_peers_the_others_are_measured_and_it_says_so(without_network):
    node = without_network.node_home
    node.mkdir()
    (node / ".installed").write_bytes((peers._HERE / "package-lock.json").read_bytes())
    said = []
    commands = peers._commands("http://127.0.0.1:1", said.append, without_network)
    assert list(commands) == ["Lychgate over DynamoDB Local", "Lychgate over instant stores", "better-auth"]
    assert any("left out: " in line and "no network" in line for line in said)


def test_what_is_installed_is_not_installed_again_unless_other_versions_are_wanted(tmp_path):
    installation = peers._Installation(python_home=tmp_path, install=never)
    (tmp_path / ".installed").write_bytes((peers._HERE / "requirements.txt").read_bytes())
    assert installation.python(lambda _: None) == tmp_path / "bin" / "python"
    (tmp_path / ".installed").write_bytes(b"an older list")
    with pytest.raises(AssertionError, match="nothing is to be installed"):
        installation.python(lambda _: None)


@pytest.mark.parametrize("name", ["requirements.txt", "package.json"])
def test_every_version_is_pinned(name):
    import json
    import re

    text = (peers._HERE / name).read_text("utf-8")
    if name == "package.json":
        wanted = [f"{package}=={version}" for package, version in json.loads(text)["dependencies"].items()]
    else:
        wanted = [line for line in text.splitlines() if not line.startswith("#")]
    assert wanted
    assert [line for line in wanted if not re.fullmatch(r"[\w.-]+==\d+(\.\d+)+", line)] == []


def test_lychgates_own_process_answers_all_three_and_refreshes_token_by_token(tmp_path):
    commands = {"PYTHONPATH": f"{peers._PROJECT}:{APPS}"}
    with peers._running([sys.executable, str(APPS / "lychgate_app.py")], commands, tmp_path) as peer:
        assert peer.operations == ["log-in", "refresh", "protected"]
        for operation in peer.operations:
            assert peer.sample(operation, 3) > 0


def test_a_peer_whose_request_fails_ends_the_measurement_with_what_it_said(tmp_path):
    program = tmp_path / "failing.py"
    program.write_text(
        "from worker import serve\n"
        "def fail(calls):\n"
        "    raise SystemExit('the request was answered 500')\n"
        "serve({'log-in': fail})\n"
    )
    with (
        peers._running([sys.executable, str(program)], {"PYTHONPATH": str(APPS)}, tmp_path) as peer,
        pytest.raises(AssertionError, match="the request was answered 500"),
    ):
        peer.sample("log-in", 1)
