"""The conditions of IAM's policies: which values a request has for the keys, and whether a statement's conditions hold.

The operators are those of "IAM JSON policy elements: Condition operators" and of "Set operators for multivalued context
keys" in the IAM User Guide. What a request to DynamoDB has for its keys is said by "Using IAM policy conditions for
fine-grained access control" in the DynamoDB Developer Guide: a request that names no attributes to read asks for all of
them, which only ``dynamodb:Select`` tells, since a set without values is within every other one.
"""

import re
from fnmatch import fnmatchcase

from infra.tables import table_definitions

# Keys with several values in one request.
MULTIVALUED = {"dynamodb:Attributes", "dynamodb:LeadingKeys", "ses:Recipients"}
_MATCH = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringNotEquals": lambda value, wanted: value != wanted,
    "StringLike": lambda value, wanted: fnmatchcase(value, wanted.replace("[", "[[]")),
    "ArnLike": lambda value, wanted: fnmatchcase(value, wanted.replace("[", "[[]")),
    "ArnEquals": lambda value, wanted: fnmatchcase(value, wanted.replace("[", "[[]")),
}
_WORDS = re.compile(r"(?<![\w#:.])#?[A-Za-z_]\w*+(?!\s*\()")
_KEYWORDS = {"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN"}
_EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)


def holds(conditions, context):
    """Whether all conditions of a statement hold for a request with these values. Raises LookupError."""
    return all(
        _holds(operator, key, [wanted] if isinstance(wanted, str) else wanted, context)
        for operator, pairs in conditions.items()
        for key, wanted in pairs.items()
    )


def _holds(operator, key, wanted, context):
    quantifier, _, plain = operator.rpartition(":")
    match = _MATCH.get(plain.removesuffix("IfExists"))
    if match is None or quantifier not in {"", "ForAllValues", "ForAnyValue"}:
        raise LookupError(f"what does {operator} mean?")
    if (key in MULTIVALUED) != bool(quantifier):
        raise LookupError(f"{key} has {'several values' if key in MULTIVALUED else 'one value'}: {operator} is no test")
    if key not in context:
        return quantifier == "ForAllValues" or plain.endswith("IfExists")
    values = context[key] if key in MULTIVALUED else [context[key]]
    # A negated operator holds for a value that is none of those which the policy names.
    of_wanted = all if "Not" in plain else any
    matched = [of_wanted(match(value, each) for each in wanted) for value in values]
    return any(matched) if quantifier == "ForAnyValue" else all(matched)


def of_dynamodb(operation, request):
    """The values of the keys of a request for one table, or of one of the requests in a transaction or in a batch."""
    keys = request.get("Keys", [request["Key"]] if "Key" in request else [])
    partition_key = _partition_key(request["TableName"], request.get("IndexName"))
    leading = [key[partition_key] for key in (*keys, *([request["Item"]] if "Item" in request else []))]
    if operation == "Query":
        leading += _queried(request, partition_key)
    context = {
        "dynamodb:Attributes": sorted({*_attributes(request), *(name for key in keys for name in key)}),
        "dynamodb:LeadingKeys": [next(iter(value.values())) for value in leading],
    }
    if operation in {"GetItem", "BatchGetItem", "Query", "Scan"}:
        named = "ProjectionExpression" in request or "AttributesToGet" in request
        context["dynamodb:Select"] = request.get("Select", "SPECIFIC_ATTRIBUTES" if named else "ALL_ATTRIBUTES")
    if operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        context["dynamodb:ReturnValues"] = request.get("ReturnValues", "NONE")
    return context


def of_mail(request):
    """The values of the keys of a request to SES to send a mail."""
    sender = request["FromEmailAddress"]
    name, _, address = sender.rpartition("<")
    destination = request.get("Destination", {})
    context = {
        "ses:ApiVersion": "2",
        "ses:FromAddress": address.rstrip(">") if name else sender,
        "ses:Recipients": [each for kind in ("To", "Cc", "Bcc") for each in destination.get(f"{kind}Addresses", [])],
    }
    return context | ({"ses:FromDisplayName": name.strip(' "')} if name else {})


def _attributes(request):
    """The names of the attributes that a request reads, writes or compares, as far as they are named."""
    names = request.get("ExpressionAttributeNames", {})
    found = {*request.get("Item", {}), *request.get("AttributesToGet", ())}
    for expression in _EXPRESSIONS:
        words = _WORDS.findall(request.get(expression, ""))
        found |= {names.get(word, word) for word in words if word.upper() not in _KEYWORDS}
    return found


def _queried(request, partition_key):
    alias = {name: alias for alias, name in request.get("ExpressionAttributeNames", {}).items()}
    spelled = re.escape(alias.get(partition_key, partition_key))
    found = re.search(rf"{spelled}\s*=\s*(:\w+)", request.get("KeyConditionExpression", ""))
    return [request["ExpressionAttributeValues"][found[1]]] if found else []


def _partition_key(table, index=None):
    for definition in table_definitions(table.split("-")[1]):
        if definition.name == table:
            indexes = {each["IndexName"]: each for each in definition.create.get("GlobalSecondaryIndexes", [])}
            described = definition.create if index is None else indexes[index]
            return described["KeySchema"][0]["AttributeName"]
    raise LookupError(f"what is the key of {table}?")
