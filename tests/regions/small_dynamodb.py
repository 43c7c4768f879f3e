"""DynamoDB in this process: as much of it as the stores use, quick enough for thousands of histories.

Each call is atomic. A test runs the same histories over this and over Amazon's DynamoDB Local.
"""
# ruff: noqa: N803 - the parameters are called as botocore calls them

import functools
import operator
import re

from botocore.exceptions import ClientError

KEYS = {
    "users": ("username_key",),
    "sessions": ("user_id", "session_id"),
    "events": ("user_id", "event_id"),
    "throttle": ("counter_key",),
    "mail": ("mail_id",),
    "homes": ("home",),
}
"""The attributes of each table's key. Tables are named for what is in them."""


class ConditionalCheckFailed(ClientError):
    """A condition was false."""


class TransactionCanceled(ClientError):
    """A condition of a transaction was false."""


class SmallDynamoDB:
    """A client of a database of its own."""

    class exceptions:  # noqa: N801 - as botocore's clients have them
        """The errors of a client."""

        ConditionalCheckFailedException = ConditionalCheckFailed
        TransactionCanceledException = TransactionCanceled

    def __init__(self):
        self._tables = {table: {} for table in KEYS}

    def get_item(self, *, TableName, Key, ConsistentRead):
        item = self._tables[TableName].get(key_of(TableName, Key))
        return {"Item": item} if item is not None else {}

    def batch_get_item(self, *, RequestItems):
        found = {
            table: [
                self._tables[table][key_of(table, key)]
                for key in wanted["Keys"]
                if key_of(table, key) in self._tables[table]
            ]
            for table, wanted in RequestItems.items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def query(self, *, TableName, ExpressionAttributeValues, FilterExpression=None, **_):
        """All queries are for the items of one user."""
        user_id = ExpressionAttributeValues[":user"]
        fits = _condition(FilterExpression) if FilterExpression else _always
        return {
            "Items": [
                item
                for item in self._tables[TableName].values()
                if item["user_id"] == user_id and fits(item, {}, ExpressionAttributeValues)
            ]
        }

    def get_paginator(self, operation):
        assert operation == "query"
        return self

    def paginate(self, **query):
        return [self.query(**query)]

    def scan(self, *, TableName, **_):
        return {"Items": list(self._tables[TableName].values())}

    def put_item(self, *, TableName, Item):
        self._tables[TableName][key_of(TableName, Item)] = Item

    def delete_item(self, *, TableName, Key):
        self._tables[TableName].pop(key_of(TableName, Key), None)

    def transact_write_items(self, *, TransactItems):
        actions = [next(iter(action.items())) for action in TransactItems]
        reasons = [{"Code": "None"} if self._holds(action) else self._reason(action) for _, action in actions]
        if any(reason["Code"] != "None" for reason in reasons):
            raise TransactionCanceled(
                {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons},
                "TransactWriteItems",
            )
        for kind, action in actions:
            self._do(kind, action)

    def _found(self, action):
        table = action["TableName"]
        return self._tables[table].get(key_of(table, action.get("Key") or action["Item"]))

    def _holds(self, action):
        if "ConditionExpression" not in action:
            return True
        names, values = action.get("ExpressionAttributeNames", {}), action.get("ExpressionAttributeValues", {})
        return _condition(action["ConditionExpression"])(self._found(action) or {}, names, values)

    def _reason(self, action):
        reason = {"Code": "ConditionalCheckFailed"}
        found = self._found(action)
        if found is not None and action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            reason["Item"] = found
        return reason

    def _do(self, kind, action):
        table = action["TableName"]
        if kind == "Put":
            self.put_item(TableName=table, Item=action["Item"])
        elif kind == "Delete":
            self.delete_item(TableName=table, Key=action["Key"])
        elif kind == "Update":
            old = self._found(action) or action["Key"]
            names, values = action.get("ExpressionAttributeNames", {}), action.get("ExpressionAttributeValues", {})
            self._tables[table][key_of(table, action["Key"])] = _updated(action["UpdateExpression"], old, names, values)


def key_of(table, item):
    """The key of an item, or the key itself, as something that can be compared."""
    return tuple(item[name]["S"] for name in KEYS[kind_of(table)])


def key_in(table, item):
    """The key in an item, as a request has it."""
    return {name: item[name] for name in KEYS[kind_of(table)]}


def kind_of(table):
    """What is in a table, the last word of its name."""
    return table.rpartition("-")[2]


def _always(item, names, values):
    return True


_TOKEN = re.compile(r"\s*(<=|>=|<>|[()=<>,+-]|[:#]?\w+)")
_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def _plain(typed):
    ((kind, value),) = typed.items()
    if kind == "N":
        return int(value)
    return frozenset(value) if kind == "SS" else value


class _Parser:
    """Turns an expression into functions of an item, the names and the values of a request."""

    def __init__(self, text):
        self._tokens = _TOKEN.findall(text)

    @property
    def _next(self):
        return self._tokens[0] if self._tokens else ""

    def _take(self, expected=None):
        token = self._tokens.pop(0)
        assert expected in {None, token}, (expected, token)
        return token

    def condition(self):
        parts = [self._all()]
        while self._next == "OR":
            self._take()
            parts.append(self._all())
        return lambda *context: any(part(*context) for part in parts)

    def _all(self):
        parts = [self._one()]
        while self._next == "AND":
            self._take()
            parts.append(self._one())
        return lambda *context: all(part(*context) for part in parts)

    def _one(self):
        if self._next == "(":
            self._take()
            inner = self.condition()
            self._take(")")
            return inner
        if self._next == "NOT":
            self._take()
            denied = self._one()
            return lambda *context: not denied(*context)
        if self._next == "contains":
            self._take()
            self._take("(")
            of = self._operand()
            self._take(",")
            wanted_member = self._operand()
            self._take(")")
            return lambda *context: _plain(wanted_member(*context)) in _plain(of(*context) or {"SS": []})
        if self._next in {"attribute_exists", "attribute_not_exists"}:
            wanted = self._take() == "attribute_exists"
            self._take("(")
            path = self._take()
            self._take(")")
            return lambda item, names, values: (names.get(path, path) in item) is wanted
        left = self._operand()
        compare = _COMPARISONS[self._take()]
        right = self._operand()

        def compared(*context):
            one, other = left(*context), right(*context)
            # Values of two types are never equal, and a missing one compares with nothing.
            return (
                one is not None
                and other is not None
                and one.keys() == other.keys()
                and compare(_plain(one), _plain(other))
            )

        return compared

    def _operand(self):
        token = self._take()
        if token.startswith(":"):
            return lambda item, names, values: values[token]
        if token == "size":
            self._take("(")
            of = self._operand()
            self._take(")")
            return lambda *context: (found := of(*context)) and {"N": str(len(_plain(found)))}
        if token == "if_not_exists":
            self._take("(")
            path = self._take()
            self._take(",")
            otherwise = self._operand()
            self._take(")")
            return lambda item, names, values: item.get(names.get(path, path)) or otherwise(item, names, values)
        return lambda item, names, values: item.get(names.get(token, token))

    def changes(self):
        """The changes of an update expression: each takes the new item beside the old one's context."""
        changes = []
        while self._tokens:
            clause = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}[self._take()]
            changes.append(clause())
            while self._next == ",":
                self._take()
                changes.append(clause())
        return changes

    def _set(self):
        path = self._take()
        self._take("=")
        value = self._operand()
        if self._next == "+":
            self._take()
            added = self._operand()
            return lambda new, item, names, values: new.update(
                {names.get(path, path): _sum(value(item, names, values), added(item, names, values))}
            )
        return lambda new, item, names, values: new.update({names.get(path, path): value(item, names, values)})

    def _remove(self):
        path = self._take()
        return lambda new, item, names, values: new.pop(names.get(path, path), None)

    def _add(self):
        path, value = self._take(), self._operand()
        return lambda new, item, names, values: new.update(
            {names.get(path, path): _with(item.get(names.get(path, path)), value(item, names, values))}
        )


def _sum(one, other):
    return {"N": str(int(one["N"]) + int(other["N"]))}


def _with(old, added):
    """What ADD makes of a number or a set, or of an attribute that is not there."""
    if "SS" in added:
        return {"SS": sorted(_plain(old or {"SS": []}) | _plain(added))}
    return _sum(old or {"N": "0"}, added)


@functools.cache
def _condition(text):
    return _Parser(text).condition()


@functools.cache
def _changes(text):
    return _Parser(text).changes()


def _updated(expression, old, names, values):
    new = dict(old)
    for change in _changes(expression):
        change(new, old, names, values)
    return new
