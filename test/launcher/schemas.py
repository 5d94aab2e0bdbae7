"""Checks launchers' files as their tools would, offline: schemas.py KIND FILE [CRDS] prints what is wrong.

KIND is "compose" (compose-spec), "kubernetes" (kubernetes-validate, strict; kinds that are
operators' own by their definitions in the folder CRDS) or "skypilot" (SkyPilot's own loader of
tasks). The last line is a JSON list of messages.
"""

import json
import os
import sys
from pathlib import Path

import yaml


def compose(path):
    from compose_spec import PyCompose

    # Its own reader of YAML knows no merged keys.
    text = path.read_text().replace("${RAY_AUTH_TOKEN:?", "${RAY_AUTH_TOKEN:-")
    try:
        PyCompose.from_json(json.dumps(yaml.safe_load(text))).to_spec()
    except (TypeError, ValueError) as error:
        return [str(error)]
    return []


def pods(value):
    """Every template of a pod in an operator's object, as a pod."""
    if isinstance(value, dict):
        if "template" in value and "spec" in value["template"]:
            yield {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "pod", **value["template"].get("metadata", {})},
                "spec": value["template"]["spec"],
            }
        for each in value.values():
            yield from pods(each)
    elif isinstance(value, list):
        for each in value:
            yield from pods(each)


def closed(schema):
    """Without fields that it does not name: what `kubectl apply` refuses too."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(each) for name, each in schema.items()}
    if made.pop("x-kubernetes-int-or-string", False):
        made.pop("type", None)
    open_ended = made.get("x-kubernetes-preserve-unknown-fields", False)
    if isinstance(made.get("properties"), dict) and not open_ended:
        made.setdefault("additionalProperties", False)
    return made


def definitions(folder):
    """Schemas of operators' kinds, by API version and kind."""
    found = {}
    for file in folder.glob("*.yaml"):
        for crd in yaml.safe_load_all(file.read_text()):
            if not isinstance(crd, dict) or crd.get("kind") != "CustomResourceDefinition":
                continue
            for version in crd["spec"]["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                name = f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]
                found[name] = schema
    return found


def kubernetes(path, crds):
    import jsonschema
    import kubernetes_validate

    latest = kubernetes_validate.latest_version()
    known = definitions(crds) if crds else {}
    wrong = []
    for thing in yaml.safe_load_all(path.read_text()):
        own = "." in thing["apiVersion"].split("/")[0]
        for core in pods(thing) if own else [thing]:
            try:
                kubernetes_validate.validate(core, latest, strict=True)
            except kubernetes_validate.ValidationError as error:
                wrong.append(error.message)
        if own and crds:
            schema = known.get((thing["apiVersion"], thing["kind"]))
            if schema is None:
                wrong.append(f"no definition of {thing['apiVersion']} {thing['kind']}")
                continue
            errors = jsonschema.Draft202012Validator(schema).iter_errors(thing)
            wrong.extend(error.message for error in errors)
    return wrong


def skypilot(path):
    import sky

    os.chdir(path.parent)
    try:
        config = yaml.safe_load(path.read_text())
        # As `--secret` gives it.
        secrets = [("RAY_AUTH_TOKEN", "x")]
        task = sky.Task.from_yaml_config(config, secrets_overrides=secrets)
    except Exception as error:  # noqa: BLE001 - it raises many kinds
        return [f"{type(error).__name__}: {error}"]
    print(task.num_nodes, task.resources)
    return []


def main():
    kind, file, *rest = sys.argv[1:]
    path = Path(file).resolve()
    if kind == "compose":
        wrong = compose(path)
    elif kind == "kubernetes":
        wrong = kubernetes(path, Path(rest[0]) if rest else None)
    else:
        wrong = skypilot(path)
    print(json.dumps(wrong))


main()
