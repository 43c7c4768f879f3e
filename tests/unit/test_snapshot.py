"""What a process does before a snapshot is made of it."""

from chalicelib.wiring import Clients, Lychgate


def made(environment, **clients):
    """Make the clients of a process, and return how often each was made."""
    calls = []
    counting = {name: lambda name=name: calls.append(name) or object() for name in ("dynamodb", "ssm")}
    lychgate = Lychgate(environment, clients=Clients(**(counting | clients)))
    lychgate.make_clients()
    lychgate.make_clients()
    return calls


def test_the_clients_are_made_once(environment):
    assert made(environment) == ["dynamodb", "ssm"]


def test_what_cannot_be_made_is_left_to_the_first_request(environment):
    def fails():
        raise OSError

    assert made({}) == []
    assert made(environment, dynamodb=fails) == []
