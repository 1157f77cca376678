-- The list of an account's failed runtimes must not read those that are well.

create index agent_runtime_status on agent_runtime (account, region, status);
