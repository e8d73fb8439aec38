"""Every dependency has a permissive licence (those of deny.toml) and comes from the one registry. With --list: which."""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

allowed = set(tomllib.load(open("deny.toml", "rb"))["licenses"]["allow"])


def permits(expression):
    """Evaluates an SPDX expression: OR needs one side, AND both."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token += " WITH " + tokens.pop(0)
        return token in allowed

    return either()


def list_texts():
    """What is compiled in for this machine, and each text of a licence once, with those whose it is."""
    tree = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"]
    lines = subprocess.run(tree, check=True, capture_output=True, text=True).stdout.splitlines()
    compiled = {tuple(line.split()[:2]) for line in lines}
    texts = {}
    for package in sorted(metadata["packages"], key=lambda package: (package["name"], package["version"])):
        if (package["name"], "v" + package["version"]) not in compiled:
            continue
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license']} ({package['repository'] or package['homepage'] or '-'})")
        for path in sorted(pathlib.Path(package["manifest_path"]).parent.iterdir()):
            if path.is_file() and re.match(r"(?i)(licen[cs]e|copying|notice|unlicense)", path.name):
                texts.setdefault(path.read_text(errors="replace").strip(), []).append(name)
    for text, names in texts.items():
        print(f"\n{'=' * 80}\n{', '.join(names)}\n{'=' * 80}\n{text}")


metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True).stdout)
wrong = []
for package in metadata["packages"]:
    name = f"{package['name']} {package['version']}"
    if package["source"] is None:
        continue
    if not package["source"].startswith("registry+"):
        wrong.append(f"{name} comes from {package['source']}")
    if not package["license"] or not permits(package["license"]):
        wrong.append(f"{name} has the licence {package['license']!r}")
if "--list" in sys.argv:
    list_texts()
    sys.exit(1 if wrong else 0)
for line in wrong:
    print("FAIL", line)
print(f"{len(metadata['packages'])} packages, {len(wrong)} of them not allowed")
sys.exit(1 if wrong else 0)
