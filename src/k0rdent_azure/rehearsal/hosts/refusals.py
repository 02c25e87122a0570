"""What kubectl, helm and kcm print when something does not work, by the `--reason` of a fault.

Texts as in public reports and in the sources of kubectl, k0s (`pkg/component/controller`), helm and Flux.
"""

from __future__ import annotations

KUBECTL = {
    "internal": "Error from server (InternalError): an error on the server has prevented the request from succeeding",
    "no-kind": (
        'error: resource mapping not found for name: "k0s-addon-chart-kcm" namespace: "kube-system" from "STDIN": '
        'no matches for kind "Chart" in version "helm.k0sproject.io/v1beta1"\nensure CRDs are installed first'
    ),
    "not-found": "Error from server (NotFound): the server could not find the requested resource",
    "unavailable": "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
    "leader-changed": "Error from server: etcdserver: leader changed",
    "tls-timeout": "Unable to connect to the server: net/http: TLS handshake timeout",
    "eof": "Unable to connect to the server: EOF",
    "webhook": (
        'Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling '
        'webhook "validation.k0rdent.mirantis.com": no endpoints available for service "kcm-webhook-service"'
    ),
    "forbidden": (
        'Error from server (Forbidden): charts.helm.k0sproject.io "k0s-addon-chart-kcm" is forbidden: User '
        '"kubernetes-admin" cannot patch resource "charts" in API group "helm.k0sproject.io"'
    ),
    "invalid": (
        'The Chart "k0s-addon-chart-kcm" is invalid: spec.timeout: Invalid value: "string": '
        "spec.timeout in body must be of type integer"
    ),
    "bad-request": (
        'Error from server (BadRequest): error when creating "STDIN": Chart in version "v1beta1" cannot be handled '
        'as a Chart: strict decoding error: unknown field "spec.x"'
    ),
}
HELM = {
    "chart-not-found": (
        "can't locate chart `oci://ghcr.io/k0rdent/kcm/charts/kcm-9.9.9`: failed to download "
        '"oci://ghcr.io/k0rdent/kcm/charts/kcm" at version "9.9.9"'
    ),
    "version-not-found": (
        "can't locate chart `oci://ghcr.io/k0rdent/kcm/charts/kcm-9.9.9`: "
        "ghcr.io/k0rdent/kcm/charts/kcm:9.9.9: not found"
    ),
    "unauthorized": (
        "can't locate chart `oci://ghcr.io/x/kcm-1.1.1`: failed to authorize: failed to fetch anonymous token: "
        "unexpected status from GET request to https://ghcr.io/token: 401 Unauthorized"
    ),
    "pending-install": "can't install loadedChart `kcm`: cannot re-use a name that is still in use",
    "locked": "can't upgrade loadedChart `kcm`: another operation (install/upgrade/rollback) is in progress",
    "values": (
        "can't install loadedChart `kcm`: values don't meet the specifications of the schema(s) in the following "
        "chart(s):\nkcm:\n- controller: Invalid type. Expected: object, given: string"
    ),
    "incompatible": (
        "can't install loadedChart `kcm`: chart requires kubeVersion: >=1.34.0-0 which is "
        "incompatible with Kubernetes v1.33.2"
    ),
    "timeout": "can't install loadedChart `kcm`: context deadline exceeded",
    "busy": (
        "can't locate chart `oci://ghcr.io/x/kcm-1.1.1`: unexpected status from HEAD request to https://ghcr.io/v2/x: "
        "429 Too Many Requests"
    ),
}
COMPONENT = {
    "retries-exhausted": "HelmRelease kcm-system/{name} Ready condition is False: install retries exhausted",
    "platform": (
        'HelmRelease kcm-system/{name} install failed: failed to pull image "x": '
        "no match for platform in manifest: not found"
    ),
    "timeout": "HelmRelease kcm-system/{name} Helm install failed: context deadline exceeded",
}
