"""What a run of the conformance tests drove: operations that succeeded and errors that came, by client.

Recorded from the SDK's own events and from what the AWS CLI printed, so that a test can't claim what it
did not do. Calls that a test expected to fail and that succeeded fail that test, not the score.
"""

import json
import re
from collections import defaultdict

from document import Document
from reach import is_out_of_reach

#: {client: {operation}}
OPERATIONS = defaultdict(set)
#: {client: {(operation, code)}}
ERRORS = defaultdict(set)
SERVICES = {"bedrock-agentcore-control", "bedrock-agentcore"}


def watch(client, name):
    """Records what a boto3 client of one of the two services does."""
    if client.meta.service_model.service_name not in SERVICES:
        return

    def after(http_response, parsed, model, **_):
        if http_response.status_code < 300:
            OPERATIONS[name].add(model.name)
        else:
            ERRORS[name].add((model.name, parsed.get("Error", {}).get("Code")))

    client.meta.events.register("after-call", after)


def watch_command(arguments, done, name):
    """Records what one command of the AWS CLI did."""
    if len(arguments) < 2 or arguments[0] not in SERVICES:
        return
    if done.returncode == 0:
        OPERATIONS[name].add("".join(word.capitalize() for word in arguments[1].split("-")))
    elif found := re.search(r"An error occurred \((\w+)\) when calling the (\w+) operation", done.stderr):
        ERRORS[name].add((found[2], found[1]))


def collected():
    return {
        "operations": {name: sorted(found) for name, found in OPERATIONS.items()},
        "errors": {name: sorted(map(list, found)) for name, found in ERRORS.items()},
    }


def merge(runs):
    """Several runs as one: of different releases of the SDK."""
    result = {"operations": {}, "errors": {}}
    for run in runs:
        for kind, clients in run.items():
            for name, found in clients.items():
                kept = result[kind].setdefault(name, [])
                kept.extend(item for item in found if item not in kept)
    return result


def table(score):
    """The score as text: clients across, one line for each operation."""
    operations = Document.load().of_aws
    clients = sorted(set(score["operations"]) | set(score["errors"]))
    errors = {name: {code for code, _ in operation.errors if not is_out_of_reach(name, code)} for name, operation in operations.items()}
    beyond = sum(len(operation.errors) for operation in operations.values()) - sum(map(len, errors.values()))
    seen = {(operation, code) for found in score["errors"].values() for operation, code in found}
    width = max(map(len, operations))
    lines = ["  ".join(["operation".ljust(width), *(name.rjust(16) for name in clients), "errors".rjust(8)])]
    for name in operations:
        marks = [("yes" if name in score["operations"].get(client, ()) else "-").rjust(16) for client in clients]
        provoked = sum((name, code) in seen for code in errors[name])
        lines.append("  ".join([name.ljust(width), *marks, f"{provoked}/{len(errors[name])}".rjust(8)]))
    known = {(name, code) for name, codes in errors.items() for code in codes}
    for client in clients:
        driven = sum(name in score["operations"].get(client, ()) for name in operations)
        met = len(known & {tuple(item) for item in score["errors"].get(client, ())})
        lines.append(f"{client}: {driven} of {len(operations)} operations, {met} of {len(known)} errors")
    lines.append(f"errors provoked by any client: {len(known & seen)} of {len(known)}; {beyond} more are documented "
                 "and out of a caller's reach (Tests/support/reach.py)")
    return "\n".join(lines)


def main(paths):
    """Prints the table of runs that were written to files."""
    runs = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            runs.append(json.load(file))
    print(table(merge(runs)))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
