"""Every change of a status that was ever committed, noted by triggers of the tests' own, against the state machines."""

import json
import pathlib

#: The tables of Sources/Lifecycle/ResourceMachines.swift; a Swift test compares them.
TABLES = json.loads((pathlib.Path(__file__).parent / "transitions.json").read_text(encoding="utf-8"))

_OBSERVED = {"runtime": ("agent_runtime", "id"), "endpoint": ("runtime_endpoint", "id"), "version": ("version_status", "version")}


def observe(sql):
    """Adds the triggers to a migrated database. `sql` runs a statement in it."""
    sql("""
        create table observed (
            id bigint generated always as identity primary key, what text not null, subject bigint not null,
            before text, after text, version integer, at timestamptz not null default clock_timestamp())
        """)
    for what, (table, key) in _OBSERVED.items():
        live = "new.live_version" if what == "endpoint" else "null"
        sql(f"""
            create function observe_{what}() returns trigger language plpgsql security definer as $$
            begin
                if tg_op = 'INSERT' then
                    insert into observed (what, subject, before, after) values ('{what}', new.{key}, null, new.status);
                elsif tg_op = 'DELETE' then
                    insert into observed (what, subject, before, after) values ('{what}', old.{key}, old.status, null);
                elsif old.status <> new.status {"or old.live_version is distinct from new.live_version" if what == "endpoint" else ""} then
                    insert into observed (what, subject, before, after, version)
                        values ('{what}', new.{key}, old.status, new.status, {live});
                end if;
                return null;
            end $$;
            create trigger observed after insert or update or delete on {table} for each row execute function observe_{what}();
            """)


def check(sql):
    """Asserts that every change was one that its machine allows. Returns how many there were."""
    rows = sql("select what, subject, coalesce(before, ''), coalesce(after, ''), id from observed order by id")
    assert rows, "no change was observed: the triggers are missing"
    present = {}
    for what, subject, before, after, number in rows:
        table, where = TABLES[what], f"{what} {subject}: {before or 'nothing'} → {after or 'nothing'} (row {number})"
        assert present.get((what, subject), "") == before, f"{where}, but it was {present.get((what, subject))!r}"
        if not before:
            assert after == table["initial"], f"{where}: it begins as {table['initial']}"
        elif (before, after) not in _pairs(table):
            # With its runtime a version goes from wherever it is.
            assert what == "version" and not after, f"{where} is no legal step"
        present[what, subject] = after
    return len(rows)


def _pairs(table):
    return {(origin, rule["to"] or "") for rule in table["rules"].values() for origin in rule["from"]}
