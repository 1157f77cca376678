import AgentCoreModel
import Artifacts
import Platform
import Store

extension Store {
    /// Objects in the store's database, each change of them with its row in the audit trail.
    ///
    /// Buckets have no region but in their own records, and any region's signature reaches them: their rows have none either.
    func objects() -> ObjectStore {
        ObjectStore(postgres: postgres) { c, transaction, change in
            try await recordAudit(
                c, in: transaction,
                AuditEvent(
                    change.operation.name, resource: change.resource.description, owner: (c.account, ""), from: change.from,
                    to: change.to))
        }
    }
}
