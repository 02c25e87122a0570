"""Values stay values: no tag, name, key or size of anybody becomes an ARM expression, or leaves its quotes.

On the way into the template they are checked against the rehearsal cloud's evaluator, which shares no code with us.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k0rdent_azure.azure import deployments, inventory, versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.credentials import client_secret_credential
from k0rdent_azure.azure.deployments import DeploymentTarget
from k0rdent_azure.azure.drift_wanted import bodies
from k0rdent_azure.azure.expressions import Expression, call, evaluated, rendered
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.tags import TAG_OWNER
from k0rdent_azure.azure.template import Template, build
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.config.model import Config, Metadata, NetworkSettings, SshSettings
from k0rdent_azure.config.topology import Host, Names, hosts
from k0rdent_azure.rehearsal import service
from k0rdent_azure.rehearsal.arm.expressions import evaluate
from k0rdent_azure.rehearsal.endpoint import Endpoint
from tests.azure.conftest import make_config
from tests.somebody import colleague

NAME = "k0rdent-abcd1234"
SECRET = "PRIVATE-KEY-OF-A-HOST"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleWtleWtleWtleWtleWtleWtleWtleWtleWtleWtl [deployment().name]"
#: What a person, a file or Azure could hold, and ARM would evaluate.
ATTACKS = (
    "[string(parameters('customData'))]",
    "[parameters('customData')['k0s-controller']]",
    "[parameters('deployment')]",
    "[[string(parameters('customData'))]",
    "[[[x]",
    "[]",
    "[[]",
    "[[]]",
    "[not closed",
    "[[not closed",
    "[x] y",
    "]",
    "it's",
    "''",
    "'), parameters('customData')",
    "[concat('a', 'b')]'",
    " [resourceGroup().id]",
    "[resourceId('Microsoft.Network/virtualNetworks', 'x')]",
    '{"a": "[variables(\'x\')]"}',
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    st.sampled_from("[]'()ax, .["), max_size=12
)


def refuse(name: str, arguments: list[object]) -> object:
    if name == "resourceid":
        return "/".join(map(str, arguments))
    raise AssertionError(f"the template called {name}({arguments})")


@given(TEXTS | st.sampled_from(ATTACKS))
def test_any_text_arrives_as_it_is(text: str) -> None:
    assert evaluate(rendered(text), refuse) == text
    tree = {text: [text, {"a": (text,)}], "b": 7, "c": None, "d": True}
    assert evaluate(rendered(tree), refuse) == {text: [text, {"a": [text]}], "b": 7, "c": None, "d": True}


@given(TEXTS | st.sampled_from(ATTACKS), TEXTS)
def test_any_text_stays_in_its_quotes(text: str, other: str) -> None:
    def resolve(name: str, arguments: list[object]) -> object:
        return {"name": name, "arguments": arguments, text.lower(): "found"}

    found = evaluate(rendered(call("reference", text, call("resourceId", other))), resolve)
    assert isinstance(found, dict)
    assert found["arguments"][0] == text
    assert evaluate(rendered(call("parameters", "x").item(text)), resolve) is not None


@given(TEXTS | st.sampled_from(ATTACKS), TEXTS)
def test_what_is_compared_is_what_was_meant(text: str, name: str) -> None:
    tree = {"tags": {text: text}, "id": call("resourceId", "A.B/c", name), "other": call("reference", "x")}
    back = evaluated(rendered(tree), lambda kind, names: f"{kind}|{'|'.join(names)}")
    assert back == {"tags": {text: text}, "id": f"A.B/c|{name}", "other": "[reference('x')]"}


def test_a_text_is_never_an_expression() -> None:
    assert rendered("[x]") != rendered(Expression("x"))


def hostile(text: str, group: str | None = None) -> Template:
    """A template into which `text` came in every place that a configuration, a state or Azure fills."""
    config = make_config(
        azure={
            "location": text,
            "vm_image": ":".join([text.replace(":", "")] * 4),
            "tags": {"cost": text, text: text},
            "vm_priority": "Spot",
            "eviction_policy": text,
        },
        metadata=Metadata(owner=text),
        network=NetworkSettings(
            vnet_prefix=text, subnet_prefix=text, allowed_ssh_sources=(text, f"{text}2"), wireguard_port=1
        ),
        ssh=SshSettings(username=text, key_comment=text),
    )
    made = [
        Host(name=text + each, role="worker", size=text, zone=text, private_ip=text, wireguard_ip=text)
        for each in ("", "2")
    ]
    return build(config, Names(text, group), made, ssh_public_key=text, admin_username=text)


def keys_of_resources(template: Template) -> Iterator[dict[str, object]]:
    found = json.loads(json.dumps(template.template))
    nested = [each for each in found["resources"] if each["type"] == "Microsoft.Resources/deployments"]
    inner = nested[0]["properties"]["template"] if nested else found
    yield from inner["resources"]
    yield from (each for each in found["resources"] if each not in nested)


@pytest.mark.parametrize("group", [None, "[resourceGroup().id]"])
@pytest.mark.parametrize("text", ATTACKS)
def test_no_place_of_the_template_takes_a_text_for_an_expression(text: str, group: str | None) -> None:
    """Evaluated as ARM does, nothing is called but what we call, and with our own arguments."""
    seen: list[str] = []

    def resolve(name: str, arguments: list[object]) -> object:
        seen.append(name)
        if name == "parameters":
            assert arguments == ["customData"]
            return {text: "a", f"{text}2": "b"}
        assert name == "resourceid"
        return "/".join(map(str, arguments))

    template = hostile(text, group)
    for resource in keys_of_resources(template):
        if resource["type"] == "Microsoft.Resources/deployments":
            continue
        plain = evaluate(resource, resolve)
        assert isinstance(plain, dict)
        tags = plain["tags"]
        assert (tags["cost"], tags[TAG_OWNER]) == (text, text)
        assert text in tags
        assert plain["location"] == text
    assert set(seen) == {"resourceid", "parameters"}


@settings(max_examples=25)
@given(tags=st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=5), owner=TEXTS.filter(bool))
def test_no_drift_where_tags_look_like_expressions(tags: dict[str, str], owner: str) -> None:
    config = make_config(azure={"tags": tags}, metadata=Metadata(owner=owner))
    names = Names(NAME)
    template = build(config, names, hosts(config), ssh_public_key=KEY, admin_username="k0rdent")
    for body in bodies(template, "/subscriptions/s/resourceGroups/g"):
        shown = body["tags"]
        assert isinstance(shown, dict)
        own = {name: value for name, value in shown.items() if not name.startswith("k0rdent-azure-")}
        assert own == {name: value for name, value in tags.items() if not name.startswith("k0rdent-azure-")}
        assert shown[TAG_OWNER] == owner


# Against the rehearsal cloud, over HTTPS.


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Endpoint]:
    directory = tmp_path / "cloud"
    yield service.start(directory, speed=300.0, seed=7)
    service.stop(directory)


@pytest.fixture
async def client(cloud: Endpoint) -> AsyncIterator[ArmClient]:
    environment = AzureEnvironment(
        name="rehearsal",
        arm_endpoint=cloud.arm_endpoint,
        audience=cloud.arm_endpoint,
        authority=cloud.authority,
    )
    credential = client_secret_credential(
        cloud.authority, cloud.tenant, cloud.client_id, cloud.client_secret, Path(cloud.ca_file)
    )
    async with ArmClient(
        environment=environment,
        credential=credential,
        ledger=Ledger("test"),
        clock=SystemClock(cloud.speed),
        ca_file=Path(cloud.ca_file),
    ) as made:
        yield made


def allowed_tags() -> dict[str, str]:
    """The attacks as values, and as names where Azure allows such names."""
    values = {f"t{index}": text for index, text in enumerate(ATTACKS)}
    names = {text: "n" for text in ATTACKS if text and not set(text) & set("<>%&\\?/")}
    return values | names


@pytest.mark.parametrize("group", [None, "shared-group"])
async def test_attacks_arrive_in_the_cloud_as_the_text_that_they_are(
    cloud: Endpoint, client: ArmClient, group: str | None
) -> None:
    owner = "[string(parameters('customData'))]"
    config: Config = make_config(
        controllers=1, workers=0, azure={"tags": allowed_tags()}, metadata=Metadata(owner=owner)
    )
    where = group or f"{NAME}-resgrp"
    subscription = cloud.subscription_id
    if group is not None:
        path = f"/subscriptions/{subscription}/resourceGroups/{group}"
        async with colleague(cloud, client.clock) as somebody:
            body = {"location": "southeastasia"}
            await somebody.request("PUT", path, body=body, api_version=versions.RESOURCES)
    made = hosts(config)
    template = build(config, Names(NAME, group), made, ssh_public_key=KEY, admin_username="k0rdent")
    target = DeploymentTarget(subscription, NAME, group)
    custom_data = {host.name: f"#cloud-config\n# {SECRET}\n" for host in made}
    view = await deployments.put(client, target, template, custom_data)
    while not view.ended:
        await client.clock.sleep(20)
        found = await deployments.get(client, target)
        assert found is not None
        view = found
    assert view.provisioning_state == "Succeeded"
    # Parameters are not evaluated: what is sent as one is what the record shows.
    assert view.parameters["deployment"] == template.record
    shown = await inventory.group_resources(client, subscription, where) or []
    assert len(shown) >= 6
    for each in shown:
        if "k0rdent-azure-deployment" not in each.tags:
            continue
        assert each.tags[TAG_OWNER] == owner
        assert {name: each.tags[name] for name in allowed_tags()} == allowed_tags()
    for secret in (SECRET, "I2Nsb3VkLWNvbmZpZw"):
        assert secret not in json.dumps(msgspec.to_builtins([each.tags for each in shown]))
        assert secret not in json.dumps(view.outputs)
        assert secret not in json.dumps(view.parameters)
