"""Errors that an operation's model has and that no caller can provoke at a server as it comes, each with its reason.

Tests/Conformance/test_errors.py provokes all others, and fails when one is in neither place.
"""

#: By code, whatever the operation.
NEVER = {
    "InternalServerException": "only a defect leads to it, or a failpoint: Tests/Crash",
    "ThrottlingException": "off unless a server is told to throttle: Tests/Conformance/test_limits.py",
    "UnauthorizedException": "for callers with a token of an identity provider; here they sign",
}

QUOTA = "ServiceQuotaExceededException"
OUT_OF_REACH = {
    ("CreateAgentRuntime", QUOTA): "needs 1000 runtimes; ControlPlaneTests has smaller quotas",
    ("UpdateAgentRuntime", QUOTA): "needs 1000 versions; ControlPlaneTests has smaller quotas",
    ("UpdateAgentRuntimeEndpoint", QUOTA): "modelled, but an update makes nothing that could be too many",
    ("CreateWorkloadIdentity", "ResourceNotFoundException"): "modelled, but a creation looks for nothing",
    ("ListWorkloadIdentities", "ResourceNotFoundException"): "modelled, but a list looks for nothing",
    ("InvokeAgentRuntime", QUOTA): "needs more sessions than the host may have; DataPlaneTests has less",
    ("StopRuntimeSession", QUOTA): "modelled, but a stop makes nothing that could be too many",
    ("StopRuntimeSession", "ConflictException"): "modelled, but a session that is stopping may be stopped again",
    ("StopRuntimeSession", "RetryableConflictException"): "a stop that takes a minute; DataPlaneTests has a clock of its own",
    ("StopRuntimeSession", "RuntimeClientError"): "modelled, but a sandbox that fails to stop is killed",
}


def is_out_of_reach(operation, code):
    return code in NEVER or (operation, code) in OUT_OF_REACH
