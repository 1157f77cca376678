import CLibPQ

/// A live libpq connection in non-blocking mode with the statements prepared on it.
///
/// `@unchecked Sendable`: made on the thread that connects, then handed over through a
/// `PollThread`'s inbox, whose lock orders the two; from then on only that thread touches it.
final class LibPQConnection: @unchecked Sendable {
    let handle: OpaquePointer
    var prepared = PreparedStatements()

    /// What the server said when it ended the connection between two statements.
    private var farewell: String?

    init(owning handle: OpaquePointer) {
        self.handle = handle
        // libpq would write notices to standard error, the server's reason for leaving among them. It calls
        // back only from within calls on `handle`, which we own: `self` is alive.
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context, PQresultErrorField(result, CInt(UnicodeScalar("V").value)).map({ String(cString: $0) }) == "FATAL" else {
                    return
                }
                let connection = Unmanaged<LibPQConnection>.fromOpaque(context).takeUnretainedValue()
                connection.farewell = PQresultErrorField(result, CInt(UnicodeScalar("M").value)).map { PostgresError.tidy($0) }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { PQfinish(handle) }

    var descriptor: CInt { PQsocket(handle) }
    var isBroken: Bool { PQstatus(handle) == CONNECTION_BAD }
    var transactionStatus: PGTransactionStatusType { PQtransactionStatus(handle) }
    var lastError: String { farewell ?? PostgresError.tidy(PQerrorMessage(handle)) }

    /// The error of a result of status FATAL_ERROR, which is cleared. Where libpq only saw the connection end, the server's reason.
    func failure(consuming result: OpaquePointer) -> PostgresError {
        var error = PostgresError(consuming: result)
        if error.sqlState.isEmpty, let farewell { error.message = farewell }
        return error
    }

    // Each returns false when libpq refused, which means that the connection is of no use any more.

    func sendPrepare(_ variant: PreparedStatements.Variant, text: String) -> Bool {
        PQsendPrepare(handle, variant.name, text, CInt(variant.types.count), variant.types) == 1
    }

    func sendExecute(_ variant: PreparedStatements.Variant, _ parameters: EncodedParameters) -> Bool {
        parameters.withPointers { values, lengths, formats in
            PQsendQueryPrepared(handle, variant.name, CInt(values.count), values, lengths, formats, 1) == 1
        }
    }

    func sendSimple(_ text: String) -> Bool { PQsendQuery(handle, text) == 1 }

    func sendSync() -> Bool { signalbox_pipeline_sync(handle) == 1 }

    func enterPipeline() -> Bool { PQenterPipelineMode(handle) == 1 }

    /// After the last sync was answered.
    func exitPipeline() -> Bool { PQexitPipelineMode(handle) == 1 }

    func consumeInput() -> Bool { PQconsumeInput(handle) == 1 }

    /// While no statement is under way: looks at what has come, which may be the server's reason for leaving.
    func readNotices() { _ = PQisBusy(handle) }

    enum Flush { case done, pending, failed }

    func flush() -> Flush {
        switch PQflush(handle) {
        case 0: .done
        case 1: .pending
        default: .failed
        }
    }

    enum Next {
        /// Nothing more has arrived.
        case busy
        /// The current command has no more results.
        case end
        /// The caller must clear it or hand it on.
        case result(OpaquePointer, ExecStatusType)
    }

    func next() -> Next {
        guard PQisBusy(handle) == 0 else { return .busy }
        guard let result = PQgetResult(handle) else { return .end }
        return .result(result, PQresultStatus(result))
    }
}
