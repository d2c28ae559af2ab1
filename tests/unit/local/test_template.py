"""Templates are read as CloudFormation reads them, and what is not played is refused by name."""

from pathlib import Path
from typing import Any

import pytest

from minoots_local.errors import TemplateError
from minoots_local.template.intrinsics import Resolver, parse
from minoots_local.template.model import Template
from minoots_local.template.reader import find_template, read_template

TABLE = """
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
"""


def read(tmp_path: Path, text: str, **overrides: str) -> Template:
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return read_template(path, overrides)


def resolved(text: str, names: dict[str, Any] | None = None, conditions: dict[str, Any] | None = None) -> Any:
    known = {"Name": "value", "Yes": "yes", **(names or {})}
    mappings = {"Sizes": {"eu": {"small": "1", "large": "2"}}}
    resolver = Resolver(
        ref=known.__getitem__,
        get_att=lambda logical_id, attribute: f"<{logical_id}.{attribute}>",
        conditions=conditions
        or {"Holds": {"Fn::Equals": [{"Ref": "Yes"}, "yes"]}, "Fails": {"Fn::Not": [{"Condition": "Holds"}]}},
        mappings=mappings,
    )
    return resolver.value(parse(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Name", "value"),
        ("{Ref: Name}", "value"),
        ("!GetAtt Queue.Arn", "<Queue.Arn>"),
        ("!GetAtt [Queue, Arn]", "<Queue.Arn>"),
        ('!Sub "a-${Name}-${Queue.Arn}-${!Literal}"', "a-value-<Queue.Arn>-${Literal}"),
        ('!Sub ["${x}-${Name}", {x: !Ref Yes}]', "yes-value"),
        ("!Join ['-', [a, !Ref Name]]", "a-value"),
        ("!Select [1, [a, b]]", "b"),
        ("!Select [1, !Split [',', 'a,b']]", "b"),
        ("!If [Holds, a, b]", "a"),
        ("!If [Fails, a, b]", "b"),
        ("!And [!Condition Holds, !Condition Fails]", False),
        ("!Or [!Condition Holds, !Condition Fails]", True),
        ("!FindInMap [Sizes, eu, large]", "2"),
        ("{Statement: {Version: 2012-10-17}}", {"Statement": {"Version": "2012-10-17"}}),
    ],
)
def test_intrinsic_functions_resolve(text: str, value: object) -> None:
    assert resolved(text) == value


def test_no_value_removes_the_property_and_the_list_item(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
Conditions: { Never: !Equals [a, b] }
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      DelaySeconds: !If [Never, 5, !Ref AWS::NoValue]
      Tags: [!If [Never, x, !Ref AWS::NoValue], y]
""",
    )
    assert template.resources["Queue"].properties == {"Tags": ["y"]}


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(TemplateError, match="Fn::Cidr is not known to the local stack"):
        resolved("!Cidr [a, b]")


def test_parameters_take_defaults_and_overrides(tmp_path: Path) -> None:
    text = """
Parameters: { Delay: { Type: Number, Default: 1, AllowedValues: [1, 2] } }
Resources:
  Queue: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: !Ref Delay } }
"""
    assert read(tmp_path, text).resources["Queue"].properties["DelaySeconds"] == "1"
    assert read(tmp_path, text, Delay="2").resources["Queue"].properties["DelaySeconds"] == "2"
    with pytest.raises(TemplateError, match="Delay: 3 is not one of 1, 2"):
        read(tmp_path, text, Delay="3")
    with pytest.raises(TemplateError, match="no parameter Dealy"):
        read(tmp_path, text, Dealy="2")


def test_a_parameter_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="Parameter Name has no default"):
        read(tmp_path, f"Parameters: {{ Name: {{ Type: String }} }}\nResources:{TABLE}")


def test_resources_whose_condition_is_false_are_left_out(tmp_path: Path) -> None:
    text = """
Conditions: { Never: !Equals [a, b] }
Resources:
  Here: { Type: AWS::SQS::Queue }
  Gone: { Type: AWS::SQS::Queue, Condition: Never }
Outputs:
  Here: { Value: !Ref Here }
  Gone: { Value: !Ref Gone, Condition: Never }
"""
    template = read(tmp_path, text)
    assert list(template.resources) == ["Here"]
    assert list(template.outputs) == ["Here"]


def test_globals_are_merged_under_what_a_function_says(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
Globals:
  Function:
    Timeout: 3
    Layers: [a]
    Environment: { Variables: { BOTH: global, GLOBAL: global } }
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: f.handler.handler
      Timeout: 9
      Layers: [b]
      Environment: { Variables: { BOTH: own, OWN: own } }
""",
    )
    properties = template.resources["F"].properties
    assert properties["Timeout"] == 9
    assert properties["Layers"] == ["a", "b"]
    assert properties["Environment"]["Variables"] == {"BOTH": "own", "GLOBAL": "global", "OWN": "own"}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (
            TABLE.replace("KeySchema:", "Foo: 1\n      KeySchema:"),
            "Table: AWS::DynamoDB::Table.Foo is not known to the local stack",
        ),
        (
            "\n  Q: { Type: AWS::SQS::Queue, Properties: { FifoQueue: true } }",
            "Q: AWS::SQS::Queue.FifoQueue is not known to the local stack",
        ),
        (
            "\n  Q: { Type: AWS::SQS::Queue, Properties: { RedrivePolicy: { maxRecieveCount: 1 } } }",
            "Q: AWS::SQS::Queue.RedrivePolicy.maxRecieveCount is not known to the local stack",
        ),
        ("\n  B: { Type: AWS::S3::Bucket }", "B: AWS::S3::Bucket is not known to the local stack"),
        ("\n  Q: { Type: AWS::SQS::Queue, CreationPolicy: {} }", "Q: AWS::SQS::Queue has no attribute CreationPolicy"),
        (
            "\n  F: { Type: AWS::Serverless::Function, Properties: { Events: { E: { Type: Kinesis } } } }",
            "F: AWS::Serverless::Function.Events.E: event type Kinesis is not known",
        ),
        (
            "\n  F: { Type: AWS::Serverless::Function, Properties:"
            " { Events: { E: { Type: SQS, Properties: { Queue: q, BatchSise: 1 } } } } }",
            "F: AWS::Serverless::Function.Events.E.BatchSise is not known",
        ),
        ("\n  Q: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: !Ref Nope } }", "Ref Nope: no such"),
        (
            "\n  Q: { Type: AWS::SQS::Queue, Properties: { DelaySeconds: !GetAtt Q.Nope } }",
            "GetAtt Q.Nope: AWS::SQS::Queue has no such attribute",
        ),
        ("\n  Q: { Properties: {} }", "Q: a resource needs a Type"),
    ],
)
def test_what_is_not_played_is_refused_by_name(tmp_path: Path, resources: str, message: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        read(tmp_path, f"Resources:{resources}")
    assert message in str(refusal.value)


def test_a_section_that_is_not_played_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="section Hooks is not known"):
        read(tmp_path, f"Hooks: {{}}\nResources:{TABLE}")


def test_a_missing_template_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"looked for .*nowhere\.yaml"):
        find_template(tmp_path / "nowhere.yaml", tmp_path)


def test_the_template_of_the_working_directory_comes_first(tmp_path: Path) -> None:
    assert find_template(None, tmp_path).name == "template.yaml", "the checkout's own"
    own = tmp_path / "template.yaml"
    own.write_text("Resources: {}")
    assert find_template(None, tmp_path) == own.resolve()


def test_yaml_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="is not YAML"):
        read(tmp_path, "a: [")
