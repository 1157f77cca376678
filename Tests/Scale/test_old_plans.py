"""As test_plans.py, with plans that were made before there was anything to look at.

Other tables grow while PostgreSQL analyses them and plans are made anew; the queue of work is empty most of the time and fills
within seconds.
"""

from crowds import CROWDED, ROWS, is_looked_at
from runtimes import Workshop, session_id


def test_work(grown):
    """A server plans its look-ups once, as likely as not while there is no work."""
    runtime = Workshop(grown.server.clients).runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    runtime.endpoint("prod", "1")
    runtime.switch("prod", "2")
    session = session_id()
    runtime.invoke(qualifier="prod", session=session)
    runtime.stop(session, "prod")
    runtime.control.get_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="1")
    runtime.control.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod")
    grown.settled()
    runtime.delete()
    grown.settled()
    grown.grow()
    grown.noticed()
    grown.look_up_and_change()
    found = grown.plans()
    ours = [plan for plan in found if is_looked_at(plan) and " work " in plan.sql]
    assert any("with due as" in plan.sql for plan in ours) and any("with mine as" in plan.sql for plan in ours)
    # What it cost was reckoned before; what was looked at counts.
    dear = [str(plan) for plan in ours if plan.rows > ROWS or plan.scanned & CROWDED]
    assert not dear, "\n".join(dear)
