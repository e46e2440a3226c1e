#!/usr/bin/env python3
"""Judges every package of Cargo.lock by deny.toml, and its Rust version by ours. Prints what is wrong."""

import json
import re
import subprocess
import sys
import tomllib

POLICY = tomllib.load(open("deny.toml", "rb"))
COMMAND = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
METADATA = json.loads(subprocess.run(COMMAND, check=True, stdout=subprocess.PIPE).stdout)
PACKAGES = METADATA["packages"]
OURS = next(package for package in PACKAGES if package["id"] in METADATA["workspace_members"])


def version(text):
    return tuple(int(part) for part in text.split("-")[0].split("+")[0].split("."))


def allowed(package):
    licences = set(POLICY["licenses"]["allow"])
    for exception in POLICY["licenses"]["exceptions"]:
        if exception["crate"] == package["name"]:
            licences.update(exception["allow"])
    return licences


def may_be_used(package, seen):
    """Evaluates the licence, an SPDX expression; some write `/` for `OR`. Notes in `seen` what is relied on."""
    text = (package["license"] or "none").replace("/", " OR ")
    licences = allowed(package)

    def either():
        found = [both()]
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            found.append(both())
        return any(found)

    def both():
        found = [one()]
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found.append(one())
        return all(found)

    def one():
        token = tokens.pop(0)
        if token == "(":
            inside = either()
            tokens.pop(0)
            return inside
        if tokens and tokens[0] == "WITH":
            # An exception only allows more, but it is a licence of its own.
            token += " WITH " + tokens.pop(1)
            tokens.pop(0)
        seen.add(token)
        return token in licences

    tokens = re.findall(r"[()]|[^\s()]+", text)
    return either() and not tokens


def is_skipped(package):
    """`name@1` is every 1.x, `name@0.7` every 0.7.x."""
    for skip in POLICY["bans"]["skip"]:
        name, _, wanted = skip["crate"].partition("@")
        if name == package["name"] and version(package["version"])[: len(version(wanted))] == version(wanted):
            return True
    return False


def wrongs():
    seen = set()
    for package in PACKAGES:
        name = f"{package['name']} {package['version']}"
        if not may_be_used(package, seen):
            yield f"{name}: its licence is {package['license']}"
        rust = package["rust_version"]
        if rust and version(rust) > version(OURS["rust_version"] + ".0"):
            yield f"{name}: it wants Rust {rust}, and we promise {OURS['rust_version']}"
        source = package["source"] or ("" if package is OURS else "a path")
        if source and source.removeprefix("registry+") not in POLICY["sources"]["allow-registry"]:
            yield f"{name}: it comes from {source}"
    for licence in POLICY["licenses"]["allow"]:
        if licence not in seen:
            yield f"{licence} is allowed, and nobody has it"
    once = set()
    for package in PACKAGES:
        if not is_skipped(package) and package["name"] in once:
            yield f"{package['name']}: more than one version"
        once.update([package["name"]] if not is_skipped(package) else [])
    for skip in POLICY["bans"]["skip"]:
        name = skip["crate"].partition("@")[0]
        if len([package for package in PACKAGES if package["name"] == name]) < 2:
            yield f"{skip['crate']} is excused, and there are no two"
    for dependency in OURS["dependencies"]:
        if dependency["req"] == "*":
            yield f"{dependency['name']}: any version"


found = list(wrongs())
print("\n".join(found))
sys.exit(1 if found else 0)
