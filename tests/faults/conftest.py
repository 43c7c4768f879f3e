"""The whole application, over a database whose wire can be broken."""

from tests.support.whole import alice, api, caller, database, database_name, pauses, principal, services, settings, wire

__all__ = ["alice", "api", "caller", "database", "database_name", "pauses", "principal", "services", "settings", "wire"]
