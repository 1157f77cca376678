public import NIOCore
public import NIOHTTP1
public import Platform

/// What the connections of one event loop share. Confined to that loop.
public final class ConnectionServices {
    public typealias Dispatch = (HTTPRequestHead, BodyFraming, Reply) -> any RequestReceiver
    /// Body and fields of the answer to a message that broke a wire rule.
    public typealias RefusalRenderer = (WireRefusal, String) -> (fields: FieldBlock, body: ByteBuffer)

    /// Told of every reply's end, and whether all of it was sent. A client that left, or an answer that was cut
    /// off, counts as not whole.
    public typealias ReplyObserver = (Reply, _ isWhole: Bool) -> Void

    let rules: HeadRules
    let observe: ReplyObserver?
    let wallClock: any TimeSource
    let dispatch: Dispatch
    let renderRefusal: RefusalRenderer
    var date = DateText()
    var identifiers = RequestIdentifiers()
    /// Connections that are open on this loop.
    private(set) var open: [ObjectIdentifier: ServerConnection] = [:]
    private(set) var isDraining = false
    private var drained: EventLoopPromise<Void>?

    public init(
        limits: WireLimits, wallClock: any TimeSource = SystemTime(), renderRefusal: @escaping RefusalRenderer,
        observe: ReplyObserver? = nil, dispatch: @escaping Dispatch
    ) {
        rules = HeadRules(limits: limits)
        self.wallClock = wallClock
        self.renderRefusal = renderRefusal
        self.observe = observe
        self.dispatch = dispatch
    }

    func opened(_ connection: ServerConnection) { open[ObjectIdentifier(connection)] = connection }

    func closed(_ connection: ServerConnection) {
        open[ObjectIdentifier(connection)] = nil
        if open.isEmpty { drained?.succeed() }
    }

    /// Lets every request in progress end, takes no further one, closes what is idle. The promise is
    /// kept when no connection is left.
    public func drain(_ promise: EventLoopPromise<Void>) {
        isDraining = true
        if open.isEmpty { return promise.succeed() }
        drained = promise
        for connection in Array(open.values) { connection.drain() }
    }

    /// Cuts every connection that is still open.
    public func cutAll() {
        isDraining = true
        for connection in Array(open.values) { connection.cut() }
    }
}

/// The `date` field, formatted once a second.
struct DateText {
    private var second = Int.min
    private var text = ""

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    mutating func text(_ clock: any TimeSource) -> String {
        let now = Int(clock.date().timeIntervalSince1970.rounded(.down))
        if now != second {
            second = now
            text = Self.format(now)
        }
        return text
    }

    /// IMF-fixdate (RFC 9110 §5.6.7) of seconds since 1970.
    static func format(_ seconds: Int) -> String {
        let days = seconds / 86_400
        let rest = seconds % 86_400
        // Days to civil date by the 400-year era of March-based years.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
        return "\(Self.days[days % 7]), \(two(day)) \(Self.months[month - 1]) \(year) \(clock) GMT"
    }
}

/// UUIDs for request ids. Unique, not secret: two SplitMix64 streams, each started at random, because
/// asking the system for every one costs as much as the rest of a head.
struct RequestIdentifiers {
    private var streams: (UInt64, UInt64)
    private static let digits = Array("0123456789abcdef".utf8)

    init() {
        var generator = SystemRandomNumberGenerator()
        streams = (generator.next(), generator.next())
    }

    private static func step(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    mutating func next() -> String {
        let low = Self.step(&streams.0) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let high = Self.step(&streams.1) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return String(unsafeUninitializedCapacity: 36) { out in
            var position = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    out[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = index < 16 ? low : high
                out[position] = Self.digits[Int(truncatingIfNeeded: word >> UInt64(60 - 4 * (index & 15))) & 15]
                position += 1
            }
            return position
        }
    }
}
