"""The emulation of Lambda's event source mapping, over a real stream."""

import json
from dataclasses import replace

import pytest

from tests.support.databases import new_stage
from tests.support.packaged.errors import UnsupportedTemplateError
from tests.support.packaged.event_source_mapping import (
    TYPE,
    EventSourceMapping,
    MappingDefinition,
    matches,
    read_mapping,
)
from tests.support.packaged.function import Result

DEFINITION = MappingDefinition(
    batch_size=4, bisects=False, reports_items=False, retries=2, longest_age=-1, patterns=(), has_destination=True
)
NEW_ONES = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": [{"exists": True}]}}}}


def answered(answer):
    return Result(answer, None, "the-request", cold=False, seconds=0.0, init_seconds=None, log=())


def failed():
    error = {"errorType": "Error", "errorMessage": "no"}
    return Result(None, error, "the-request", cold=False, seconds=0.0, init_seconds=None, log=())


def names(records):
    return "".join(record["dynamodb"]["Keys"]["mail_id"]["S"] for record in records)


class Function:
    """Fails where a poisoned record is in the batch, and keeps what it was invoked with."""

    def __init__(self, *, poisoned="", answer=None):
        self.poisoned = poisoned
        self.answer = answer
        self.batches = []

    def invoke(self, event):
        self.batches.append(names(event["Records"]))
        if self.answer is not None:
            return answered(self.answer(event["Records"]))
        return failed() if set(self.poisoned) & set(self.batches[-1]) else answered(None)


def reporting(poisoned):
    """Report each poisoned record, and do the others."""

    def answer(records):
        bad = [each for each in records if names([each]) in poisoned]
        return {"batchItemFailures": [{"itemIdentifier": each["dynamodb"]["SequenceNumber"]} for each in bad]}

    return answer


@pytest.fixture
def stream(dynamodb_local):
    return Stream(dynamodb_local)


class Stream:
    """The stream of a new stage's mail table."""

    def __init__(self, database):
        self.client = database.client
        self.table = new_stage(self.client).mail
        self.arn = self.client.describe_table(TableName=self.table)["Table"]["LatestStreamArn"]
        self.streams = database.streams()

    def put(self, ids, **attributes):
        for each in ids:
            item = {"mail_id": {"S": each}, **{name: {"S": value} for name, value in attributes.items()}}
            self.client.put_item(TableName=self.table, Item=item)

    def delete(self, mail_id):
        self.client.delete_item(TableName=self.table, Key={"mail_id": {"S": mail_id}})

    def mapping(self, function, *, clock=None, **changes):
        others = {"clock": clock} if clock else {}
        return EventSourceMapping(replace(DEFINITION, **changes), function, self.streams, self.arn, **others)


def batch_info(message):
    return message["requestContext"]["condition"], message["DDBStreamBatchInfo"]["batchSize"]


def test_a_function_gets_the_records_in_batches_in_their_order_and_once(stream):
    stream.put("x")
    function = Function()
    mapping = stream.mapping(function)
    stream.put("abcdef")
    mapping.deliver()
    mapping.deliver()
    assert function.batches == ["abcd", "ef"]


def test_a_record_has_the_form_in_which_lambda_passes_it_on(stream):
    events = []
    function = Function(answer=events.append)
    mapping = stream.mapping(function)
    stream.put("a", kind="reset")
    mapping.deliver()
    ((record,),) = events
    json.dumps(record)  # it is JSON
    assert (record["eventName"], record["eventSource"], record["awsRegion"]) == ("INSERT", "aws:dynamodb", "us-east-1")
    assert record["eventSourceARN"].startswith(f"arn:aws:dynamodb:us-east-1:123456789012:table/{stream.table}/stream/")
    assert record["dynamodb"]["NewImage"] == {"mail_id": {"S": "a"}, "kind": {"S": "reset"}}
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], float)


def test_records_that_the_filter_leaves_out_reach_no_function(stream):
    function = Function()
    mapping = stream.mapping(function, patterns=(NEW_ONES,))
    stream.put("a", kind="reset")
    stream.put("b")
    stream.put("a", kind="reset", sent="yes")
    stream.delete("a")
    mapping.deliver()
    assert function.batches == ["a"]


def test_a_batch_that_fails_is_tried_again_in_its_place_and_then_discarded_and_the_next_one_follows(stream):
    function = Function(poisoned="b")
    mapping = stream.mapping(function)
    stream.put("abcde")
    mapping.deliver()
    assert function.batches == ["abcd", "abcd", "abcd", "e"]
    (message,) = mapping.discarded
    assert batch_info(message) == ("RetryAttemptsExhausted", 4)
    assert message["requestContext"]["approximateInvokeCount"] == 3
    assert message["responseContext"]["functionError"] == "Unhandled"
    assert '"a"' not in json.dumps(message["DDBStreamBatchInfo"])


def test_bisecting_isolates_the_record_that_fails(stream):
    function = Function(poisoned="b")
    mapping = stream.mapping(function, bisects=True)
    stream.put("abcd")
    mapping.deliver()
    assert function.batches == ["abcd", "ab", "a", "b", "b", "b", "cd"]
    assert [batch_info(message) for message in mapping.discarded] == [("RetryAttemptsExhausted", 1)]


def test_a_function_that_reports_a_record_gets_it_and_what_follows_again(stream):
    function = Function(answer=reporting("b"))
    mapping = stream.mapping(function, bisects=True, reports_items=True)
    stream.put("abcde")
    mapping.deliver()
    assert function.batches == ["abcd", "bcd", "bcd", "e"]
    (message,) = mapping.discarded
    # What the function has done of these is for the function to know.
    assert batch_info(message) == ("RetryAttemptsExhausted", 3)
    assert "functionError" not in message["responseContext"]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_without_a_failure_is_a_success(stream, answer):
    function = Function(answer=lambda _: answer)
    mapping = stream.mapping(function, reports_items=True)
    stream.put("ab")
    mapping.deliver()
    assert (function.batches, mapping.discarded) == (["ab"], [])


@pytest.mark.parametrize("failure", [{"itemIdentifier": ""}, {"itemIdentifier": None}, {"bad": "key"}])
def test_a_failure_that_names_no_record_is_one_of_the_whole_batch(stream, failure):
    function = Function(answer=lambda _: {"batchItemFailures": [failure]})
    mapping = stream.mapping(function, reports_items=True, retries=1)
    stream.put("ab")
    mapping.deliver()
    assert function.batches == ["ab", "ab"]
    assert [batch_info(message) for message in mapping.discarded] == [("RetryAttemptsExhausted", 2)]


def test_records_that_have_become_too_old_are_discarded_without_a_call(stream, clock):
    function = Function()
    now = [0.0]
    mapping = stream.mapping(function, longest_age=3600, clock=lambda: now[0])
    stream.put("ab")
    mapping.deliver()
    now[0] = 1e11  # in the year 5138
    stream.put("cd")
    mapping.deliver()
    assert function.batches == ["ab"]
    assert [batch_info(message) for message in mapping.discarded] == [("RecordAgeExceeded", 2)]
    assert "responseContext" not in mapping.discarded[0]


def test_nobody_is_told_without_a_destination(stream):
    mapping = stream.mapping(Function(poisoned="a"), has_destination=False)
    stream.put("a")
    mapping.deliver()
    assert mapping.discarded == []


def test_what_is_passed_over_reaches_no_function(stream):
    function = Function()
    mapping = stream.mapping(function)
    stream.put("a")
    mapping.skip()
    stream.put("b")
    mapping.deliver()
    assert function.batches == ["b"]


RECORD = {"eventName": "INSERT", "dynamodb": {"NewImage": {"kind": {"S": "reset"}, "tries": {"N": "0"}}}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"dynamodb": {"NewImage": {"kind": {"S": ["reset"]}}}}, True),
        ({"dynamodb": {"NewImage": {"kind": {"S": [{"exists": False}]}}}}, False),
        ({"dynamodb": {"NewImage": {"used": {"N": [{"exists": False}]}}}}, True),
        ({"dynamodb": {"OldImage": {"kind": {"S": ["reset"]}}}}, False),
        # "Exists match only works on leaf nodes."
        ({"dynamodb": {"NewImage": {"kind": [{"exists": True}]}}}, False),
    ],
)
def test_a_filter_matches_as_lambdas_does(pattern, expected):
    assert matches(RECORD, [pattern]) is expected
    assert matches(RECORD, [{"eventName": ["NEVER"]}, pattern]) is expected
    assert matches(RECORD, [])


def test_a_rule_that_is_not_understood_is_an_error():
    with pytest.raises(UnsupportedTemplateError):
        matches(RECORD, [{"eventName": [{"prefix": "IN"}]}])


def test_a_mapping_is_read_from_the_template_and_what_it_does_not_say_has_lambdas_defaults():
    properties = {
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRetryAttempts": 3,
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(NEW_ONES)}]},
        "DestinationConfig": {"OnFailure": {"Destination": "arn"}},
    }
    template = {"Resources": {"Mapping": {"Type": TYPE, "Properties": properties}, "Bare": {"Properties": {}}}}
    assert read_mapping(template, "Mapping") == MappingDefinition(10, False, True, 3, -1, [NEW_ONES], True)
    assert read_mapping(template, "Bare") == MappingDefinition(100, False, False, -1, -1, [], False)


@pytest.mark.parametrize("changed", [{"TumblingWindowInSeconds": 5}, {"FunctionResponseTypes": ["Another"]}])
def test_a_setting_of_a_mapping_that_is_not_understood_is_an_error(changed):
    with pytest.raises(UnsupportedTemplateError):
        read_mapping({"Resources": {"Mapping": {"Properties": changed}}}, "Mapping")
