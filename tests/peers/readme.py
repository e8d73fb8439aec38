"""README's five minutes, typed as they are printed.

readme.py README: runs every line of its section "in five minutes" in the current directory, each person with an
environment of their own, and answers what is asked: codes, passwords, digits. What is printed as r-… or e-… is what came
out before. Ends with a screenshot (auditor.png) of what the auditor's viewer shows. Needs a network of its own, as the ports
are those that are printed; displays are whichever are free."""

import base64
import hashlib
import hmac
import os
import re
import subprocess
import sys
import time

PASSWORD = "Correct-h0rse"
readme = open(sys.argv[1], encoding="utf-8").read()
section = re.search(r"\n## [^\n]*in five minutes\n(.*?)\n## ", readme, re.S).group(1)

people = {}
secrets = {}
steps = {}
codes = {}
halves = {}
asked = []
engagement = None
ticket = None
running = []


def free_display(first):
    return next(n for n in range(first, first + 1000) if not os.path.exists(f"/tmp/.X{n}-lock"))


editors, auditors = free_display(300 + os.getpid() % 1000), free_display(1500 + os.getpid() % 1000)


def lines():
    """Whose terminal, and what is typed there; a document that a command reads belongs to it."""
    for block in re.findall(r"```console\n(.*?)```", section, re.S):
        typed = iter(block.splitlines())
        for line in typed:
            who, command = re.match(r"(\w*)\$ (.*)", line).groups()
            while command.endswith("\\"):
                command = command[:-1] + next(typed).strip()
            if command.endswith("<<END"):
                rest = []
                while (part := next(typed)) != "END":
                    rest.append(part)
                command += "\n" + "\n".join(rest) + "\nEND"
            yield who, re.sub(r":1\b(?=[ ])", f":{editors}", command)


def digits(login):
    """Six digits that were not used yet."""
    now = int(time.time()) // 30
    step = max(now, steps.get(login, 0) + 1)
    while step > int(time.time()) // 30 + 1:
        time.sleep(1)
    steps[login] = step
    key = base64.b32decode(secrets[login] + "=" * (-len(secrets[login]) % 8))
    mac = hmac.new(key, step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at:at + 4], 'big') & 0x7fffffff) % 10**6:06}"


def answers(who, command):
    """What is typed after a command."""
    words = command.split()
    if words[:2] == ["lucarne", "enrol"]:
        return f"{codes[words[2]]}\n{PASSWORD}\n"
    if words[:2] == ["lucarne", "login"]:
        return f"{PASSWORD}\n{digits(words[2])}\n"
    if words[:3] == ["lucarne", "engagement", "accept"]:
        return f"{digits(who)}\n"
    return ""


def run(who, command):
    print(f"{who}$ {command}", flush=True)
    environment = {**os.environ, **people.setdefault(who, {})}
    if command.startswith("export "):
        for name, value in re.findall(r"(\w+)=(\S+)", command):
            people[who][name] = value.replace("$PWD", os.getcwd())
        return ""
    if command.startswith("vncviewer"):
        return look(command, environment)
    if re.sub(r"\s*#.*", "", command).rstrip().endswith("&"):
        log = open(f"{len(running)}.log", "w", encoding="utf-8")
        # `env` takes what stands before a command, and is replaced by it: the process is the program.
        typed = ["bash", "-c", "exec env " + command.rstrip("& ")]
        running.append(subprocess.Popen(typed, env=environment, stdout=log, stderr=log))
        time.sleep(2)
        return ""
    done = subprocess.run(["bash", "-c", command], env=environment, input=answers(who, command), capture_output=True,
                          text=True, timeout=60)
    print(done.stdout + done.stderr, flush=True)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}")
    return done.stdout


def look(command, environment):
    """The viewer under a display of its own, told who looks and by which ticket; and what it shows."""
    environment |= {"DISPLAY": f":{auditors}", "VNC_USERNAME": "claire.martin", "VNC_PASSWORD": ticket}
    running.append(subprocess.Popen(["Xvfb", f":{auditors}", "-screen", "0", "1500x1000x24"], stderr=subprocess.DEVNULL))
    time.sleep(2)
    log = open("viewer.log", "w", encoding="utf-8")
    running.append(subprocess.Popen(["bash", "-c", "exec " + command], env=environment, stdout=log, stderr=log))
    time.sleep(6)
    subprocess.run(["import", "-display", f":{auditors}", "-window", "root", "auditor.png"], check=True)
    return ""


def learn(command, said):
    """What later lines mean by r-… and e-…, and what people carry."""
    global engagement, ticket
    words = command.split()
    if found := re.search(r"first rssi +(\S+)\s+first admin +(\S+)", said):
        codes["rachida"], codes["adrien"] = found.groups()
    if words[:2] == ["lucarne", "enrol"]:
        secrets[words[2]] = re.search(r"^secret +(\S+)", said, re.M).group(1)
    if found := re.search(r"\br-[0-9a-z]+", said):
        if words[1:2] != ["request"]:
            asked.append(found.group())
            if words[:3] == ["lucarne", "account", "add"]:
                halves[found.group()] = (words[3], re.search(r"^half +(\S+)", said, re.M).group(1))
    if words[:3] == ["lucarne", "engagement", "plan"]:
        engagement = re.search(r"\be-[0-9a-z]+", said).group()
    if words[:3] == ["lucarne", "engagement", "ticket"]:
        ticket = re.search(r"^\s*(?:ticket|password) +(\S+)", said, re.M).group(1)


def approve(who, command):
    """Each request that waits."""
    while asked:
        request = asked.pop(0)
        said = run(who, command.replace("r-…", request))
        if request in halves:
            login, half = halves[request]
            codes[login] = half + "-" + re.search(r"^half +(\S+)", said, re.M).group(1)


try:
    for who, command in lines():
        if command.startswith("cargo build"):
            continue
        if "r-…" in command:
            approve(who, command)
            continue
        if "e-…" in command:
            command = command.replace("e-…", engagement)
        learn(command, run(who, command))
    print("done", flush=True)
finally:
    for program in reversed(running):
        program.terminate()
    for program in running:
        try:
            program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
