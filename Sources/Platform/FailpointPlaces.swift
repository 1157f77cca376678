extension Failpoint {
    /// Every place there is, each with what is true when it is reached. Tests/Crash/test_grid.py tries each of them
    /// with each action, and docs/reliability.md publishes what it saw.
    public enum Place: String, CaseIterable, Sendable {
        // A change, in the request that asks for it.

        /// The change's transaction is about to begin.
        case changeBegun = "change.begun"
        /// The client token's row is there, nothing else is changed.
        case changeToken = "change.token"
        /// The change is made; its last rows and its answer have still to be sent.
        case changeRows = "change.rows"
        /// All that is left goes to the database with the COMMIT.
        case changeWritten = "change.written"
        /// Committed, not answered.
        case changeCommitted = "change.committed"

        // What replicas hear of each other. An error means that the notification is lost.

        /// A notification of work has arrived.
        case noticeWork = "notice.work"
        /// A notification of a changed endpoint has arrived.
        case noticeEndpoint = "notice.endpoint"
        /// A notification of sessions that shall end has arrived.
        case noticeSession = "notice.session"

        // A piece of work, whatever it is about.

        /// Claimed, not looked at.
        case workClaimed = "work.claimed"
        /// Its lease is about to be prolonged.
        case workRenewing = "work.renewing"
        /// It turned out to be not yet possible; this is about to be written.
        case workWaiting = "work.waiting"

        // The preparation of a version.

        /// The version is read.
        case prepareBegun = "prepare.begun"
        /// Its image is pulled, not pinned.
        case preparePulled = "prepare.pulled"
        /// Its archive is on disk, not unpacked.
        case bundleFetched = "bundle.fetched"
        /// Its archive is unpacked beside where it belongs.
        case bundleUnpacked = "bundle.unpacked"
        /// Its sandbox is healthy and runs.
        case prepareProbed = "prepare.probed"
        /// Nothing is left of its sandbox.
        case prepareStopped = "prepare.stopped"
        /// The transaction that makes it READY is about to begin.
        case prepareCommit = "prepare.commit"
        /// That transaction's rows are written, DEFAULT's flip among them.
        case prepareWritten = "prepare.written"
        /// It is committed.
        case prepareCommitted = "prepare.committed"

        // The move of an endpoint.

        /// The endpoint is read.
        case settleBegun = "settle.begun"
        /// Its target is at hand; the flip's transaction is about to begin.
        case settleCommit = "settle.commit"
        /// The flip is written but not committed.
        case settleWritten = "settle.written"
        /// The flip is committed.
        case settleCommitted = "settle.committed"

        // A removal.

        /// What goes is read.
        case removeBegun = "remove.begun"
        /// Its sessions are gone; the transaction that removes it is about to begin.
        case removeCommit = "remove.commit"
        /// It is removed but not committed.
        case removeWritten = "remove.written"
        /// The removal is committed.
        case removeCommitted = "remove.committed"

        // A session.

        /// Its row is there, its sandbox isn't.
        case sessionOpened = "session.opened"
        /// Its sandbox is healthy, nobody knows yet.
        case sessionStarted = "session.started"
        /// Its sandbox is gone, its row isn't.
        case sessionEnding = "session.ending"
    }
}
