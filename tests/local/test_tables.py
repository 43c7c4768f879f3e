import pytest
import yaml

from infra.tables import TEMPLATE, UnsupportedTemplateError, create_tables, table_definitions, table_names


@pytest.fixture
def template(tmp_path):
    """The template with one property or attribute of the sessions table changed."""

    def changed(properties=None, attributes=None):
        document = yaml.safe_load(TEMPLATE.read_text())
        resource = document["Resources"]["SessionsTable"]
        resource.update(attributes or {})
        resource["Properties"].update(properties or {})
        path = tmp_path / "template.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    return changed


def test_tables_in_the_embedded_database_equal_the_template(aws):
    client = aws.dynamodb()

    create_tables(client, "dev")

    resources = yaml.safe_load(TEMPLATE.read_text())["Resources"].values()
    templates = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::DynamoDB::Table"]
    assert sorted(table_names(client)) == sorted(definition.name for definition in table_definitions("dev"))
    assert len(templates) == len(table_definitions("dev")) > 1
    for properties in templates:
        name = properties["TableName"]["Fn::Sub"].replace("${Stage}", "dev")
        table = client.describe_table(TableName=name)["Table"]
        assert table["KeySchema"] == properties["KeySchema"]
        # A deployment can leave out what the indexes need.
        defined = [each["Fn::If"][1] if "Fn::If" in each else each for each in properties["AttributeDefinitions"]]
        assert table["AttributeDefinitions"] == defined
        assert table["BillingModeSummary"]["BillingMode"] == properties["BillingMode"]


def test_time_to_live_is_on_where_the_template_says_so(aws, template):
    client = aws.dynamodb()

    create_tables(client, "dev")
    create_tables(client, "other", template({"TimeToLiveSpecification": None}))

    def time_to_live(table):
        return client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]

    assert time_to_live("lychgate-dev-sessions") == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    assert time_to_live("lychgate-other-sessions") == {"TimeToLiveStatus": "DISABLED"}


def test_creating_tables_again_changes_nothing(aws):
    client = aws.dynamodb()
    names = create_tables(client, "dev")
    client.put_item(TableName="lychgate-dev-users", Item={"username_key": {"S": "alice"}})

    assert create_tables(client, "dev") == names

    assert client.scan(TableName="lychgate-dev-users")["Count"] == 1


def test_each_stage_has_tables_of_its_own(aws):
    client = aws.dynamodb()

    names = [*create_tables(client, "dev"), *create_tables(client, "test")]

    assert sorted(table_names(client)) == sorted(names)
    assert len(set(names)) == len(names)


def test_deletion_protection_and_encryption_are_passed_on(aws, template):
    client = aws.dynamodb()
    path = template({"DeletionProtectionEnabled": True, "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"}})

    create_tables(client, "dev", path)

    table = client.describe_table(TableName="lychgate-dev-sessions")["Table"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["SSEDescription"]["Status"] == "ENABLED"


def test_what_concerns_the_deployment_alone_is_left_out(template):
    path = template(
        {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
        {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"},
    )

    by_name = {definition.name: definition for definition in table_definitions("dev", path)}
    assert by_name == {definition.name: definition for definition in table_definitions("dev")}


@pytest.mark.parametrize(
    ("properties", "attributes", "named"),
    [
        ({"KinesisStreamSpecification": {"StreamArn": "x"}}, {}, "KinesisStreamSpecification"),
        ({"SSESpecification": {"SSEEnabled": True, "New": 1}}, {}, "New"),
        ({"TableName": {"Fn::Sub": "lychgate-${AWS::Region}"}}, {}, "AWS::Region"),
        ({"TableName": {"Fn::Join": ["-", ["a", "b"]]}}, {}, "Fn::Join"),
        ({}, {"Condition": "IsProduction"}, "Condition"),
    ],
)
def test_what_cannot_be_passed_on_is_an_error_that_names_it(aws, template, properties, attributes, named):
    client = aws.dynamodb()

    with pytest.raises(UnsupportedTemplateError, match=named):
        create_tables(client, "dev", template(properties, attributes))

    assert table_names(client) == []
