import CLibPQ

/// What a statement returned.
public struct QueryResult: Sendable {
    public var rows: [Row]
    /// Rows inserted, updated, deleted or selected.
    public var affectedRows: Int
    /// The server's word for what it did, such as `COMMIT` or `INSERT 0 1`.
    var commandTag: String
    public var first: Row? { rows.first }
}

extension QueryResult {
    static var empty: Self { Self(rows: [], affectedRows: 0, commandTag: "") }

    /// Takes ownership of a result of status TUPLES_OK, SINGLE_TUPLE or COMMAND_OK.
    init(consuming result: OpaquePointer) {
        affectedRows = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
        commandTag = PQcmdStatus(result).map { String(cString: $0) } ?? ""
        let count = Int(PQntuples(result))
        let storage = ResultStorage(consuming: result)
        rows = count == 0 ? [] : (0..<count).map { Row(storage: storage, index: CInt($0)) }
    }
}

/// Keeps libpq's result alive for the rows that read from it, so that no byte is copied twice.
///
/// `@unchecked Sendable`: the result is complete before it gets here, belongs to nobody else, and
/// only functions that take `const PGresult *` touch it until `deinit`, which runs once.
final class ResultStorage: @unchecked Sendable {
    let result: OpaquePointer
    let columnCount: CInt

    init(consuming result: OpaquePointer) {
        self.result = result
        columnCount = PQnfields(result)
    }

    deinit { PQclear(result) }

    /// Linear: results have few columns, and comparing names beats hashing them.
    func column(_ name: StaticString) -> CInt? {
        name.withUTF8Buffer { wanted in
            for column in 0..<columnCount {
                guard let actual = PQfname(result, column) else { continue }
                var index = 0
                while index < wanted.count, UInt8(bitPattern: actual[index]) == wanted[index] { index += 1 }
                if index == wanted.count, actual[index] == 0 { return column }
            }
            return nil
        }
    }
}
