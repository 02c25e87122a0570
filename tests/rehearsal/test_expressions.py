"""The template language, through deployments' outputs over HTTPS, and its parser alone where that is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.expressions import evaluate
from tests.rehearsal.arm_stage import Cloud, Json, body, cloud_in, resource, template


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path / "cloud") as found:
        yield found


def run(expression: str) -> object:
    def resolve(name: str, arguments: list[object]) -> object:
        if name == "parameters":
            return {"data": {"vm-1": "x", "Nested": {"list": [1, 2, {"deep": True}]}}}[str(arguments[0])]
        raise ArmError(400, "InvalidTemplate", f"no {name}")

    return evaluate(expression, resolve)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ("[[escaped]", "[escaped]"),
        ("[[[escaped]", "[[escaped]"),
        ("[not closed", "[not closed"),
        ("[[not closed", "[[not closed"),
        ("['it''s']", "it's"),
        ("[parameters('data')['vm-1']]", "x"),
        ("[PARAMETERS('data').nested.LIST[2].deep]", True),
        ("[parameters('data')[concat('vm-', string(sub(3, 2)))]]", "x"),
        ("[concat('a', 1, true())]", "a1True"),
        ("[concat(createArray(1), createArray(2, 3))]", [1, 2, 3]),
        ("[format('{0}-{1:000}-{{x}}', 'n', 7)]", "n-007-{x}"),
        ("[base64('hello')]", "aGVsbG8="),
        (
            "[union(createObject('a', createObject('b', 1)), json('{\"a\": {\"c\": 2}}'))]",
            {"a": {"b": 1, "c": 2}},
        ),
        ("[union(createArray(1, 2), createArray(2, 3))]", [1, 2, 3]),
        ("[length('four')]", 4),
        ("[length(createObject('a', 1))]", 1),
        ("[if(equals('A', 'a'), 'same', 'other')]", "other"),
        ("[if(true(), 'yes', parameters('missing'))]", "yes"),
        ("[and(true(), not(false()))]", True),
        ("[or(false(), equals(1, 1))]", True),
        ("[toLower('ABC')]", "abc"),
        ("[toUpper('abc')]", "ABC"),
        ("[int('42')]", 42),
        ("[split('a,b', ',')]", ["a", "b"]),
        ("[join(createArray('a', 'b'), '-')]", "a-b"),
        ("[first(range(5, 3))]", 5),
        ("[last('abc')]", "c"),
        ("[contains(createObject('One', 1), 'one')]", True),
        ("[contains(createArray('One'), 'one')]", False),
        ("[empty('')]", True),
        ("[mod(7, 4)]", 3),
        ("[mul(add(1, 2), sub(5, 3))]", 6),
        ("[take('abcdef', 3)]", "abc"),
        ("[replace('a-b', '-', '')]", "ab"),
        ("[json('null')]", None),
    ],
)
def test_functions(expression: str, value: object) -> None:
    assert run(expression) == value


@pytest.mark.parametrize(
    "text", ["[]", "[concat('a' 'b')]", "[concat('a',)]", "['a' 'b']", "[a.b]", "[int('x')]", "[concat(]"]
)
def test_what_is_not_an_expression_is_an_invalid_template(text: str) -> None:
    with pytest.raises(ArmError) as caught:
        run(text)
    assert caught.value.code == "InvalidTemplate"


def test_guid_is_the_one_that_arm_makes() -> None:
    # uuid5 in ARM's namespace; unique strings have 13 characters and depend on all arguments
    assert run("[guid('a', 'b')]") == run("[guid('a-b')]") == "2d796349-8c7e-55ec-9624-54ece82ed031"
    assert len(str(run("[uniqueString('a')]"))) == 13
    assert run("[uniqueString('a')]") != run("[uniqueString('b')]")


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_an_invalid_template(text: str) -> None:
    codes = []
    try:
        run(f"[{text}]")
    except ArmError as error:
        codes.append(error.code)
    assert set(codes) <= {"InvalidTemplate"}


@given(st.text())
def test_a_quoted_string_is_itself(text: str) -> None:
    quoted = text.replace("'", "''")
    assert run(f"['{quoted}']") == text


async def test_where_a_template_is_deployed(cloud: Cloud) -> None:
    found = await cloud.outputs(
        {
            "id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 's')]",
            "elsewhere": "[resourceId('other', 'Microsoft.Compute/disks', 'd')]",
            "subscription": "[subscription().subscriptionId]",
            "atSubscription": "[subscriptionResourceId('Microsoft.Authorization/locks', 'l')]",
            "extension": "[extensionResourceId(resourceGroup().id, 'Microsoft.Authorization/locks', 'l')]",
            "location": "[resourceGroup().location]",
            "tenant": "[subscription().tenantId]",
        }
    )
    prefix = f"{cloud.group}/providers"
    assert found == {
        "id": f"{prefix}/Microsoft.Network/virtualNetworks/v/subnets/s",
        "elsewhere": f"{cloud.subscription}/resourceGroups/other/providers/Microsoft.Compute/disks/d",
        "subscription": cloud.world.subscription_id,
        "atSubscription": f"{cloud.subscription}/providers/Microsoft.Authorization/locks/l",
        "extension": f"{prefix}/Microsoft.Authorization/locks/l",
        "location": "southeastasia",
        "tenant": cloud.world.tenant_id,
    }


async def test_variables_may_build_on_each_other_and_on_loops(cloud: Cloud) -> None:
    variables: Json = {
        "base": "vm",
        "name": "[concat(variables('base'), '-x')]",
        "copy": [{"name": "all", "count": 3, "input": "[concat(variables('name'), copyIndex('all', 1))]"}],
    }
    found = await cloud.outputs(
        {"all": "[variables('ALL')]", "name": "[deployment().name]"}, variables=variables
    )
    assert found["all"] == ["vm-x1", "vm-x2", "vm-x3"]
    assert str(found["name"]).startswith("outputs-")


async def test_copy_loops_make_resources_and_properties(cloud: Cloud) -> None:
    rules = {
        "name": "securityRules",
        "count": 2,
        "input": {
            "name": "[format('rule-{0}', copyIndex('securityRules'))]",
            "properties": {"priority": "[add(100, copyIndex('securityRules'))]", "direction": "Inbound"},
        },
    }
    copied = resource(
        "Microsoft.Network/networkSecurityGroups",
        "[concat('nsg-', copyIndex(1))]",
        copy={"name": "groups", "count": "[parameters('count')]"},
        properties={"copy": [rules]},
    )
    after = resource("Microsoft.Network/networkSecurityGroups", "after", depends=["groups"], properties={})
    document = template([copied, after], parameters={"count": {"type": "int", "defaultValue": 2}})
    assert (await cloud.deploy(document)).status == 201
    cloud.later(60)
    shown = await cloud.get(cloud.networking("networkSecurityGroups"))
    assert sorted(shown.names()) == ["after", "nsg-1", "nsg-2"]
    first = cast("Json", cast("list[Json]", shown.body["value"])[0]["properties"])
    assert [rule["name"] for rule in cast("list[Json]", first["securityRules"])] == ["rule-0", "rule-1"]
    made = {each.id.rpartition("/")[2]: each.moment for each in cloud.world.creations()}
    assert made["after"] > max(made["nsg-1"], made["nsg-2"])


async def test_a_condition_leaves_a_resource_out(cloud: Cloud) -> None:
    absent = resource(
        "Microsoft.Network/networkSecurityGroups", "absent", condition="[equals(1, 2)]", properties={}
    )
    present = resource(
        "Microsoft.Network/networkSecurityGroups", "present", depends=["absent"], properties={}
    )
    assert (await cloud.deploy(template([absent, present]))).status == 201
    cloud.later(60)
    assert (await cloud.get(cloud.networking("networkSecurityGroups"))).names() == ["present"]


async def test_a_reference_waits_for_what_it_refers_to(cloud: Cloud) -> None:
    address = resource(
        "Microsoft.Network/publicIPAddresses", "ip", properties={"publicIPAllocationMethod": "Static"}
    )
    tagged = resource(
        "Microsoft.Network/networkSecurityGroups",
        "nsg",
        properties={},
        tags={
            "address": "[reference('ip').ipAddress]",
            "location": "[reference('ip', '2023-09-01', 'Full').location]",
        },
    )
    await cloud.deploy(template([tagged, address]))
    cloud.later(60)
    group = await cloud.get(cloud.networking("networkSecurityGroups", "nsg"))
    shown = await cloud.get(cloud.networking("publicIPAddresses", "ip"))
    assert group.at("tags") == {"address": shown.at("properties.ipAddress"), "location": "southeastasia"}
    made = {each.id.rpartition("/")[2]: each.moment for each in cloud.world.creations()}
    assert made["nsg"] > made["ip"]
    # An id of something that exists already works from another deployment too.
    expression = (
        "[reference(resourceId('Microsoft.Network/publicIPAddresses', 'ip'), '2023-09-01').ipAddress]"
    )
    assert (await cloud.outputs({"ip": expression}))["ip"] == shown.at("properties.ipAddress")


async def test_a_reference_to_nothing_fails_the_deployment(cloud: Cloud) -> None:
    tagged = resource(
        "Microsoft.Network/networkSecurityGroups", "nsg", properties={}, tags={"a": "[reference('/x/y').z]"}
    )
    assert (await cloud.deploy(template([tagged]))).status == 201
    cloud.later(60)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.error.details.0.code") == "ResourceNotFound"


async def test_an_output_that_refers_to_nothing_fails_after_everything_was_made(cloud: Cloud) -> None:
    group = resource("Microsoft.Network/networkSecurityGroups", "nsg", properties={})
    outputs = {"a": {"type": "string", "value": "[reference('/x/y').z]"}}
    assert (await cloud.deploy(template([group], outputs=outputs))).status == 201
    cloud.later(60)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.error.code") == "DeploymentOutputEvaluationFailed"
    assert (await cloud.get(cloud.networking("networkSecurityGroups", "nsg"))).status == 200


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("string", "a", 1),
        ("int", 1, True),
        ("bool", False, 0),
        ("array", [1], {}),
        ("object", {"a": 1}, []),
        ("secureString", "a", {}),
        ("secureObject", {"a": 1}, "a"),
    ],
)
async def test_types_of_parameters(cloud: Cloud, type_: str, good: object, bad: object) -> None:
    document = template(parameters={"it": {"type": type_}})
    assert (await cloud.deploy(document, parameters={"it": bad})).code == "InvalidTemplate"
    assert (await cloud.deploy(document, parameters={"IT": good})).status == 201


async def test_symbolic_names_are_names_too(cloud: Cloud) -> None:
    document = template(languageVersion="2.0") | {
        "resources": {
            "one": resource("Microsoft.Network/networkSecurityGroups", "nsg-one", properties={}),
            "two": resource(
                "Microsoft.Network/networkSecurityGroups", "nsg-two", depends=["one"], properties={}
            ),
        }
    }
    await cloud.make_group()
    assert (await cloud.call("PUT", cloud.deployment(group=True), body(document))).status == 201
    cloud.later(60)
    made = {each.id.rpartition("/")[2]: each.moment for each in cloud.world.creations()}
    assert made["nsg-two"] > made["nsg-one"]
