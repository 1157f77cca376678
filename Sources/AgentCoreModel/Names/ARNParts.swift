/// Why a text is not the ARN that was expected.
public enum ARNError: Error, Sendable, Equatable {
    /// The reason, fit for a message to the caller.
    case malformed(String)
}

/// The part of a well-formed ARN that belongs to somebody else, with its value.
public enum ARNMismatch: Sendable, Equatable {
    case partition(String)
    case region(String)
    case account(String)
}

/// The six parts of a `bedrock-agentcore` ARN, checked against
/// `arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:…`.
struct ARNParts {
    /// The model allows 1,011 characters; percent-encoding may triple them.
    static let maximumLength = 3 * 1011

    var partition: String
    var region: String
    var account: String
    var resource: String

    init(_ text: some StringProtocol) throws(ARNError) {
        guard text.utf8.count <= 1011 else { throw .malformed("longer than 1011 characters") }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn" else { throw .malformed("it does not have the six parts of an ARN") }
        guard parts[1] == "aws" || (parts[1].hasPrefix("aws-") && parts[1].utf8.count > 4 && parts[1].utf8.allSatisfy(Self.isRegionByte))
        else { throw .malformed("the partition is malformed") }
        guard parts[2] == "bedrock-agentcore" else { throw .malformed("the service is not bedrock-agentcore") }
        guard !parts[3].isEmpty, parts[3].utf8.allSatisfy(Self.isRegionByte) else { throw .malformed("the region is malformed") }
        guard WireID.isAccount(parts[4]) else { throw .malformed("the account is not twelve digits") }
        partition = String(parts[1])
        region = String(parts[3])
        account = String(parts[4])
        resource = String(parts[5])
    }

    private static func isRegionByte(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || WireID.isDigit(byte) || byte == UInt8(ascii: "-")
    }
}
