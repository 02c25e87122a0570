"""`k0s kubectl` on a simulated machine, with kubectl's own outputs, messages and exit codes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import yaml

from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.hosts import credentials
from k0rdent_azure.rehearsal.hosts.jsonpath import PathError, render, render_go
from k0rdent_azure.rehearsal.hosts.k0s import K0s
from k0rdent_azure.rehearsal.hosts.kubernetes import Cluster, Object, serving
from k0rdent_azure.rehearsal.hosts.kubernetes_api import Api, Kind, metadata
from k0rdent_azure.rehearsal.hosts.refusals import KUBECTL
from k0rdent_azure.rehearsal.hosts.shell import Process

_VALUED = {
    "-n": "namespace", "--namespace": "namespace", "-o": "output", "--output": "output", "--raw": "raw",
    "-f": "filename", "--filename": "filename", "--kubeconfig": "kubeconfig", "--data-dir": "data-dir",
    "--field-selector": "field-selector", "-l": "selector", "--selector": "selector", "--timeout": "timeout",
    "--request-timeout": "request-timeout", "--wait": "wait", "--field-manager": "field-manager",
    "--grace-period": "grace-period", "--context": "context", "--validate": "validate", "--cascade": "cascade",
    "-p": "patch", "--type": "type",
}  # fmt: skip
_SWITCHES = {
    "-A": "all", "--all-namespaces": "all", "--ignore-not-found": "ignore", "--no-headers": "no-headers",
    "--force": "force", "--server-side": "server-side", "--overwrite": "overwrite", "--all": "everything",
    "--ignore-daemonsets": "drain", "--delete-emptydir-data": "drain", "--force-conflicts": "server-side",
}  # fmt: skip


@dataclass
class Call:
    """One invocation: the words that are no options, and the options by their long name."""

    words: list[str]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.options.get("namespace", "default")


class Refusal(Exception):  # noqa: N818  (what kubectl prints before it exits with 1)
    """An error line for standard error."""


def _parse(words: list[str]) -> Call:
    call, rest = Call([]), list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            call.words.append(word)
        elif name in _VALUED and name != "--wait":
            call.options[_VALUED[name]] = value if equals else rest.pop(0) if rest else ""
        elif name == "--wait" or name in _SWITCHES:
            call.options[_SWITCHES.get(name, "wait")] = value if equals else "true"
        elif word[:2] in _VALUED and len(word) > 2 and not word.startswith("--"):
            call.options[_VALUED[word[:2]]] = word[2:]
        else:
            raise Refusal(f"error: unknown flag: {name}")
    return call


async def kubectl(process: Process, words: list[str], k0s: K0s) -> int:
    """Runs one kubectl command against the cluster that the node or the kubeconfig belongs to."""
    try:
        call = _parse(words)
        api = Api(_cluster(process, call, k0s), k0s.site)
        _add_child_clusters(api)
        if call.options.get("raw"):
            return _raw(process, call.options["raw"])
        verb = call.words.pop(0) if call.words else "help"
        if verb not in _VERBS:
            raise Refusal(f'error: unknown command "{verb}" for "kubectl"')
        return await _VERBS[verb](process, call, api)
    except (Refusal, PathError) as refusal:
        return process.fail(str(refusal))


def _add_child_clusters(api: Api) -> None:
    """Those that a fault names, once the cluster knows the kind."""
    faults = Faults(api.site.world.directory)
    kind = api.kind("clusterdeployments.k0rdent.mirantis.com")
    for fault in faults.armed("child-cluster") if kind is not None else []:
        namespace = fault.namespace or "kcm-system"
        facts: Object = {"name": fault.resource or "child", "namespace": namespace}
        made: Object = {
            "apiVersion": "k0rdent.mirantis.com/v1beta1",
            "kind": "ClusterDeployment",
            "metadata": facts,
        }
        api.apply({**made, "spec": {"template": fault.template, "dryRun": False}}, namespace)
        faults.use(fault)
    faults.commit()


async def _version(process: Process, _call: Call, api: Api) -> int:
    nodes = [host.state.node for host in api.site.hosts()]
    versions = [node.version for node in nodes if node and node.cluster == api.cluster.identifier]
    version = versions[0].partition("+")[0] + "+k0s" if versions else "unknown"
    return process.out(f"Client Version: {version}\nServer Version: {version}\n")


async def _evict(process: Process, call: Call, _api: Api) -> int:
    """cordon, uncordon, drain: nothing runs here that could be moved."""
    return process.out(f"node/{call.words[-1] if call.words else ''} done\n")


def _cluster(process: Process, call: Call, k0s: K0s) -> Cluster:
    """The reachable cluster. Raises Refusal as kubectl does without a server or a valid credential."""
    path = call.options.get("kubeconfig") or process.environment.get("KUBECONFIG") or ""
    entry = process.shell.files.get(path) if path else None
    if path and entry is None:
        raise Refusal(
            f"error: stat {path}: no such file or directory" if "kubeconfig" in call.options else _REFUSED
        )
    text = (entry.content or b"").decode("utf-8", "replace") if entry else ""
    token = credentials.read_kubeconfig_token(text) if text else None
    if token is not None:
        return _by_token(text, token, k0s)
    cluster, node = k0s.cluster, k0s.node
    if cluster is None or node is None or not k0s.host.node_running(k0s.site.now()):
        raise Refusal(_REFUSED)
    hosts = serving(cluster, k0s.site.hosts(), k0s.site.now())
    if not hosts or (node.controller and k0s.host not in hosts):
        raise Refusal(_REFUSED.replace("localhost:8080", f"{cluster.address}:6443"))
    return cluster


_REFUSED = "The connection to the server localhost:8080 was refused - did you specify the right host or port?"


def _by_token(text: str, token: tuple[str, str], k0s: K0s) -> Cluster:
    server = str(yaml.safe_load(text)["clusters"][0]["cluster"]["server"])
    address = urlsplit(server).hostname or ""
    for cluster in k0s.site.clusters.values():
        addresses = {cluster.address, *(member.peer for member in cluster.members.values())}
        if address in addresses and serving(cluster, k0s.site.hosts(), k0s.site.now()):
            if not cluster.accepts(token):
                raise Refusal("error: You must be logged in to the server (Unauthorized)")
            return cluster
    raise Refusal(_REFUSED.replace("localhost:8080", f"{address}:6443"))


def _raw(process: Process, path: str) -> int:
    if path.startswith(("/readyz", "/livez", "/healthz")):
        verbose = "verbose" in path
        return process.out("[+]ping ok\n[+]etcd ok\nreadyz check passed\n" if verbose else "ok")
    if path == "/version":
        return process.out(json.dumps({"major": "1", "minor": "32", "platform": "linux/arm64"}) + "\n")
    return process.fail("Error from server (NotFound): the server could not find the requested resource")


def _kind(api: Api, word: str) -> Kind:
    kind = api.kind(word)
    if kind is None:
        raise Refusal(f'error: the server doesn\'t have a resource type "{word.partition(".")[0]}"')
    return kind


def _targets(call: Call, api: Api) -> tuple[Kind, list[str]]:
    """`TYPE NAME…` or `TYPE/NAME`."""
    if not call.words:
        raise Refusal("error: You must specify the type of resource")
    word, slash, name = call.words[0].partition("/")
    return _kind(api, word), [name] if slash else call.words[1:]


def _not_found(kind: Kind, name: str) -> str:
    return f'Error from server (NotFound): {kind.title} "{name}" not found'


async def _get(process: Process, call: Call, api: Api) -> int:
    kind, names = _targets(call, api)
    _refuse_by_fault(api, kind, "get")
    namespace = None if "all" in call.options else call.namespace
    if not names:
        items = _selected(api.objects(kind, namespace), call.options.get("field-selector", ""))
        document: Object = {
            "apiVersion": "v1",
            "items": items,
            "kind": "List",
            "metadata": {"resourceVersion": ""},
        }
        return _print(process, call, kind, items, document)
    items, status = [], 0
    for name in names:
        found = api.get(kind, namespace or call.namespace, name)
        if found is not None:
            items.append(found)
        elif "ignore" not in call.options:
            status = process.fail(_not_found(kind, name))
    if items:
        several: Object = {"apiVersion": "v1", "items": items, "kind": "List"}
        _print(process, call, kind, items, items[0] if len(names) == 1 else several)
    return status


def _refuse_by_fault(api: Api, kind: Kind | None, verb: str) -> None:
    """Raises Refusal where a fault wants it. A kind that is not there yet has no name but that of a Chart."""
    faults = Faults(api.site.world.directory)
    broken = faults.kubectl(kind.title if kind is not None else "", verb)
    faults.commit()
    if broken is not None:
        raise Refusal(KUBECTL.get(broken.reason or "", broken.reason or KUBECTL["internal"]))


def _selected(items: list[Object], selector: str) -> list[Object]:
    for term in filter(None, selector.split(",")):
        path, _, value = term.replace("==", "=").partition("=")
        items = [item for item in items if render(f"{{.{path}}}", item) == value]
    return items


def _print(process: Process, call: Call, kind: Kind, items: list[Object], document: Object) -> int:
    output = call.options.get("output", "")
    form, _, template = output.partition("=")
    printers: dict[str, Callable[[], str]] = {
        "json": lambda: json.dumps(document, indent=4) + "\n",
        "yaml": lambda: yaml.safe_dump(document),
        "name": lambda: "".join(f"{kind.applied}/{metadata(item)['name']}\n" for item in items),
        "jsonpath": lambda: render(template, document),
        "template": lambda: render_go(template, document),
        "go-template": lambda: render_go(template, document),
    }
    if form in printers:
        return process.out(printers[form]())
    if form not in {"", "wide"}:
        raise Refusal(f'error: unable to match a printer suitable for the output format "{form}"')
    if not items:
        where = f" in {call.namespace} namespace" if kind.namespaced else ""
        return process.fail(f"No resources found{where}.", 0)
    return process.out(_table(kind, items, headers="no-headers" not in call.options))


def _table(kind: Kind, items: list[Object], *, headers: bool) -> str:
    title = ["NAME", "AGE"]
    rows = [[str(metadata(item)["name"]), _age(metadata(item))] for item in items]
    if kind.kind == "Node":
        title = ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
        rows = [
            [
                name,
                "Ready"
                if render('{.status.conditions[?(@.type=="Ready")].status}', item) == "True"
                else "NotReady",
                "control-plane"
                if "control-plane" in json.dumps(metadata(item).get("labels", {}))
                else "<none>",
                age,
                render("{.status.nodeInfo.kubeletVersion}", item),
            ]
            for (name, age), item in zip(rows, items, strict=True)
        ]
    table = [title, *rows] if headers else rows
    widths = [max(len(row[column]) for row in table) + 3 for column in range(len(title))]
    return "".join(
        "".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() + "\n" for row in table
    )


def _age(facts: Object) -> str:
    created = datetime.fromisoformat(str(facts.get("creationTimestamp") or datetime.now(UTC).isoformat()))
    seconds = int((datetime.now(UTC) - created).total_seconds())
    return (
        f"{seconds}s" if seconds < 120 else f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"
    )


async def _documents(process: Process, call: Call) -> list[Object]:
    """The manifests of `-f`, JSON or YAML, lists taken apart."""
    name = call.options["filename"]
    data = await process.stdin.read() if name == "-" else process.shell.files.read(name, user=process.user)
    try:
        documents = [item for item in yaml.safe_load_all(data) if item is not None]
    except yaml.YAMLError as error:
        raise Refusal(
            f"error: error parsing STDIN: error converting YAML to JSON: {str(error).splitlines()[0]}"
        ) from None
    flat: list[Object] = []
    for item in documents:
        if not isinstance(item, dict):
            raise Refusal("error: error validating data: invalid object to validate")
        inner = item.get("items") if item.get("kind") == "List" else None
        flat += [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else [item]
    if not flat:
        raise Refusal("error: no objects passed to apply")
    return flat


async def _apply(process: Process, call: Call, api: Api) -> int:
    if "filename" not in call.options:
        return _create_namespace(process, call, api)
    for document in await _documents(process, call):
        if not document.get("kind") or not metadata(document).get("name"):
            raise Refusal("error: error validating data: resource name may not be empty")
        version = str(document.get("apiVersion", ""))
        kind = api.kind(
            f"{document['kind']}.{version.partition('/')[0]}" if "/" in version else str(document["kind"])
        )
        _refuse_by_fault(api, kind, "apply")
        if kind is None:
            raise Refusal(
                f'error: resource mapping not found for name: "{metadata(document)["name"]}" from "STDIN": '
                f'no matches for kind "{document["kind"]}" in version "{version}"\nensure CRDs are installed first'
            )
        namespace = str(metadata(document).get("namespace") or call.namespace)
        if kind.namespaced and not any(metadata(item)["name"] == namespace for item in _namespaces(api)):
            raise Refusal(f'Error from server (NotFound): namespaces "{namespace}" not found')
        _, word = api.apply(document, namespace)
        process.out(f"{kind.applied}/{metadata(document)['name']} {word}\n")
    return 0


def _namespaces(api: Api) -> list[Object]:
    return api.objects(_kind(api, "namespaces"), None)


def _create_namespace(process: Process, call: Call, api: Api) -> int:
    name = call.words[1] if len(call.words) > 1 and call.words[0] in {"namespace", "ns"} else ""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        raise Refusal("error: must specify one of -f and -k, or a namespace")
    if any(metadata(item)["name"] == name for item in _namespaces(api)):
        raise Refusal(f'Error from server (AlreadyExists): namespaces "{name}" already exists')
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, "")
    return process.out(f"namespace/{name} created\n")


async def _delete(process: Process, call: Call, api: Api) -> int:
    kind, names = _targets(call, api)
    _refuse_by_fault(api, kind, "delete")
    if "everything" in call.options:
        namespace = None if "all" in call.options else call.namespace
        names = [str(metadata(item)["name"]) for item in api.objects(kind, namespace)]
    status = 0
    for name in names:
        if api.delete(kind, call.namespace, name):
            process.out(f'{kind.applied} "{name}" deleted\n')
            if call.options.get("wait") != "false":
                # Without an end, as kubectl does.
                await asyncio.sleep(api.until_gone(kind, call.namespace, name) / api.site.speed)
                api.finish(kind, call.namespace, name)
        elif "ignore" not in call.options:
            status = process.fail(_not_found(kind, name))
    return status


_VERBS: dict[str, Callable[[Process, Call, Api], Awaitable[int]]] = {
    "get": _get, "apply": _apply, "create": _apply, "delete": _delete, "version": _version,
    "cordon": _evict, "uncordon": _evict, "drain": _evict,
}  # fmt: skip
