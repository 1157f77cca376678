"""What a server was seen to send to PostgreSQL, and the same as a script for pgbench."""

import re


def of(postgres, database, action):
    """The statements of the transaction that `action` made, from PostgreSQL's own log: [(sql, {number: value})]."""
    def setting(value):
        postgres.query(f"alter system set log_statement = '{value}'")
        postgres.query("select pg_reload_conf()")

    log = f"{postgres.directory}.log"
    setting("all")
    try:
        with open(log, encoding="utf-8") as file:
            # Connections take the setting up between two statements.
            postgres.query("select pg_sleep(0.5)")
            file.seek(0, 2)
            action()
            postgres.query("select pg_sleep(0.5)")
            text = file.read()
    finally:
        setting("none")
    return _transaction(text)


def _transaction(text):
    """The one transaction that changes an idempotency row."""
    entries = re.split(r"\n(?=\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] )", "\n" + text)
    by_process = {}
    for entry in entries:
        found = re.match(r"\s*\S+ \S+ \S+ \[(\d+)\] (LOG|DETAIL):\s+(.*)", entry, re.S)
        if not found:
            continue
        process, kind, rest = found.groups()
        found = by_process.setdefault(process, [])
        if kind == "LOG":
            sql = re.match(r"(?:statement|execute [^:]*): (.*)", rest, re.S)
            if sql:
                found.append([sql.group(1).strip().rstrip(";"), {}])
        elif found and rest.startswith(("parameters:", "Parameters:")):
            for number, value in re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", rest):
                found[-1][1][int(number)] = value
    for sent in by_process.values():
        transaction = []
        for sql, parameters in sent:
            if sql.lower().startswith("begin"):
                transaction = []
            transaction.append((sql, parameters))
            if sql.lower().startswith("commit") and any("update idempotency" in s for s, _ in transaction):
                return transaction
    raise RuntimeError("no transaction with a client token was seen in PostgreSQL's log")


def pgbench_script(transaction, known, per_client):
    """The same for another copy in each transaction: client C takes copies C × `per_client` + 1 and on.

    `known` says which values of the transaction seen stand for the copy, as expressions of pgbench's: {value: expression}.
    """
    lines = ["\\set i :i + 1", f"\\set k :client_id * {per_client} + :i", "\\set r :runtimes + :k", "\\set e :endpoints + :k"]
    for sql, parameters in transaction:
        def value(found):
            return _value(parameters[int(found.group(1))], known)
        lines.append(re.sub(r"\s+", " ", re.sub(r"\$(\d+)", value, sql)) + ";")
    return "\n".join(lines) + "\n"


def _value(literal, known):
    text = literal.strip("'")
    if text in known:
        return known[text]
    # Numbers were sent as numbers; an account's twelve digits were not.
    if re.fullmatch(r"-?\d{1,11}", text):
        return text
    # pgbench takes ":name" for a variable of its own inside literals, too.
    return "E" + literal.replace("\\", "\\\\").replace(":", "\\x3a") if ":" in literal else literal
