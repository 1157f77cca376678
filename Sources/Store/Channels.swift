/// NOTIFY channels. Triggers in the schema send on them, so no change can forget to.
public enum Channels {
    /// An endpoint appeared, changed its live version, target or status, went, or a policy that binds it
    /// changed. Payload: row id.
    public static let endpoint = "signalbox_endpoint"
    /// Work was asked for. Payload: its kind.
    public static let work = "signalbox_work"
    /// Sessions were asked to stop. Payload: id of the replica that owns them.
    public static let session = "signalbox_session"
    /// An access key was disabled or deleted. Payload: its id.
    public static let key = "signalbox_key"
    /// Master keys changed. Payload: the id of one.
    public static let masterKey = "signalbox_master_key"

    public static let all = [endpoint, work, session, key, masterKey]
}
