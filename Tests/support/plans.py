"""The plans of statements that PostgreSQL ran, from its own log (auto_explain)."""

import contextlib
import json
import re
from dataclasses import dataclass, field

_SETTINGS = {
    "session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0", "auto_explain.log_format": "json",
    "auto_explain.log_analyze": "on", "auto_explain.log_timing": "off", "auto_explain.log_nested_statements": "on",
}


@dataclass
class Plan:
    sql: str
    #: The planner's estimate for the whole statement.
    cost: float
    #: Rows that scans looked at, those filtered away included.
    rows: int
    #: Tables that were read from one end to the other.
    scanned: set = field(default_factory=set)

    def __str__(self):
        scans = f", reads all of {', '.join(sorted(self.scanned))}" if self.scanned else ""
        return f"cost {self.cost:.0f}, {self.rows} rows{scans}: {' '.join(self.sql.split())[:300]}"


@contextlib.contextmanager
def explained(postgres):
    """Connections made inside log a plan for each statement. Yields a function that reads those logged since."""
    # One after the other: the module's own settings are known only where it is loaded.
    for name, value in _SETTINGS.items():
        postgres.query(f"alter system set {name} = '{value}'")
        postgres.query("select pg_reload_conf(), pg_sleep(0.1)")
    with open(f"{postgres.directory}.log", encoding="utf-8") as log:
        log.seek(0, 2)

        def since():
            postgres.query("select pg_sleep(0.2)")
            return list(_plans(log.read()))
        try:
            yield since
        finally:
            for name in reversed(_SETTINGS):
                postgres.query(f"alter system reset {name}")
            postgres.query("select pg_reload_conf()")


def _plans(text):
    for found in re.finditer(r"LOG:\s+duration: [\d.]+ ms  plan:\n((?:\t.*\n?)+)", text):
        document = json.loads(found.group(1))
        plan = Plan(document["Query Text"], document["Plan"]["Total Cost"], 0)
        _walk(document["Plan"], plan)
        yield plan


def _walk(node, plan):
    kind = node["Node Type"]
    if kind.endswith("Scan") and "Relation Name" in node:
        seen = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        plan.rows += round(seen * node.get("Actual Loops", 1))
        if kind == "Seq Scan" and node.get("Actual Loops", 1):
            plan.scanned.add(node["Relation Name"])
    for child in node.get("Plans", []):
        _walk(child, plan)
