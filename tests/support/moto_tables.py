"""The tables of a stage in moto: made once in a process, and copied from then on.

To make them takes some thirty requests, more than most tests need for all else.
"""

import copy
from contextlib import contextmanager

_made = {}


def make_tables(client, stage, make):
    """Make empty tables of a stage by a function of the client and the stage, or as it made them before."""
    tables = _tables(client)
    if (stage, make) not in _made:
        before = set(tables)
        make(client, stage)
        _made[stage, make] = {name: copy.deepcopy(tables[name]) for name in tables if name not in before}
    else:
        tables.update(copy.deepcopy(_made[stage, make]))


def has_stage(client, stage):
    """Return whether a stage has tables already."""
    return any(name.startswith(f"lychgate-{stage}-") for name in _tables(client))


@contextmanager
def left_as_they_are(client):
    """Undo afterwards what is written to the tables."""
    tables = _tables(client)
    kept = copy.deepcopy(dict(tables))
    yield
    tables.update(kept)


def is_played_by_moto(client):
    """Return whether a client's requests go to no server of this machine."""
    return client.meta.endpoint_url.endswith(".amazonaws.com")


def _tables(client):
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.dynamodb import dynamodb_backends

    return dynamodb_backends[DEFAULT_ACCOUNT_ID][client.meta.region_name].tables
