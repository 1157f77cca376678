public import Platform
public import PostgresClient

extension Store {
    /// Makes counting and inserting in this account one step: rivals wait for this transaction's end.
    public func accountLock(_ c: OperationContext, in tx: PostgresTransaction) async throws {
        _ = try await tx.query("select from account where number = $1 for no key update", [.text(c.account)])
    }

    /// Runtimes of the caller's account and region. Exact after `accountLock`.
    public func runtimeCount(_ c: OperationContext, in executor: (any PostgresExecutor)? = nil) async throws -> Int {
        try await count(
            run(
                c, in: executor, "select count(*) from agent_runtime where account = $1 and region = $2",
                [.text(c.account), .text(c.region)]))
    }

    /// Exact while the runtime's row is locked.
    public func versionCount(_ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64) async throws -> Int {
        try await count(run(c, in: executor, "select count(*) from agent_runtime_version where runtime = $1", [.int(runtime)]))
    }

    /// Exact while the runtime's row is locked.
    public func endpointCount(_ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64) async throws -> Int {
        try await count(run(c, in: executor, "select count(*) from runtime_endpoint where runtime = $1", [.int(runtime)]))
    }

    func count(_ result: QueryResult) throws -> Int {
        try decoding { Int(try result.first?.int("count") ?? 0) }
    }
}
