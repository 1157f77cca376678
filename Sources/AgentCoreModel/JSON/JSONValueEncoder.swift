/// Turns a shape into a `JSONValue`: absent members are left out, never written as null
/// (contract §1).
public enum JSONValueEncoder {
    public static func encode(_ value: some Encodable) throws -> JSONValue {
        if let value = value as? JSONValue { return value }
        let slot = Slot()
        try value.encode(to: TreeEncoder(slot: slot, codingPath: []))
        return slot.value
    }
}

extension JSONValue: Encodable {
    public func encode(to encoder: any Encoder) throws {
        if let tree = encoder as? TreeEncoder {
            tree.slot.content = .value(self)
            return
        }
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

/// One place of the tree while it is built; containers share it by reference.
private final class Slot {
    enum Content {
        case value(JSONValue)
        case array([Slot])
        case object([String: Slot])
    }
    var content: Content = .value(.object([:]))

    var value: JSONValue {
        switch content {
        case .value(let value): value
        case .array(let slots): .array(slots.map(\.value))
        case .object(let slots): .object(slots.mapValues(\.value))
        }
    }

    func member(_ key: String) -> Slot {
        let slot = Slot()
        guard case .object(var members) = content else {
            content = .object([key: slot])
            return slot
        }
        content = .value(.null)
        members[key] = slot
        content = .object(members)
        return slot
    }

    func element() -> Slot {
        let slot = Slot()
        guard case .array(var elements) = content else {
            content = .array([slot])
            return slot
        }
        content = .value(.null)
        elements.append(slot)
        content = .array(elements)
        return slot
    }
}

private struct TreeEncoder: Encoder {
    let slot: Slot
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        slot.content = .object([:])
        return KeyedEncodingContainer(KeyedTree<Key>(slot: slot, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        slot.content = .array([])
        return UnkeyedTree(slot: slot, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleTree(slot: slot, codingPath: codingPath) }
}

private struct KeyedTree<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: Slot
    let codingPath: [any CodingKey]

    mutating func encodeNil(forKey key: Key) { slot.member(key.stringValue).content = .value(.null) }
    mutating func encode(_ value: some Encodable, forKey key: Key) throws {
        try value.encode(to: superEncoder(forKey: key))
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        TreeEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        TreeEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder { TreeEncoder(slot: slot.member("super"), codingPath: codingPath) }
    mutating func superEncoder(forKey key: Key) -> any Encoder {
        TreeEncoder(slot: slot.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct UnkeyedTree: UnkeyedEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]
    var count = 0

    mutating func encodeNil() { next().slot.content = .value(.null) }
    mutating func encode(_ value: some Encodable) throws { try value.encode(to: next()) }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        next().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { next().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { next() }

    private mutating func next() -> TreeEncoder {
        count += 1
        return TreeEncoder(slot: slot.element(), codingPath: codingPath)
    }
}

private struct SingleTree: SingleValueEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]

    mutating func encodeNil() { slot.content = .value(.null) }
    mutating func encode(_ value: Bool) { slot.content = .value(.bool(value)) }
    mutating func encode(_ value: String) { slot.content = .value(.string(value)) }
    mutating func encode(_ value: Double) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(value, .init(codingPath: codingPath, debugDescription: "not a JSON number"))
        }
        slot.content = .value(.number(value))
    }
    mutating func encode(_ value: Float) throws { try encode(Double(value)) }
    mutating func encode(_ value: Int) throws { try whole(value) }
    mutating func encode(_ value: Int8) throws { try whole(value) }
    mutating func encode(_ value: Int16) throws { try whole(value) }
    mutating func encode(_ value: Int32) throws { try whole(value) }
    mutating func encode(_ value: Int64) throws { try whole(value) }
    mutating func encode(_ value: UInt) throws { try whole(value) }
    mutating func encode(_ value: UInt8) throws { try whole(value) }
    mutating func encode(_ value: UInt16) throws { try whole(value) }
    mutating func encode(_ value: UInt32) throws { try whole(value) }
    mutating func encode(_ value: UInt64) throws { try whole(value) }
    mutating func encode(_ value: some Encodable) throws {
        try value.encode(to: TreeEncoder(slot: slot, codingPath: codingPath))
    }

    private func whole(_ value: some BinaryInteger) throws {
        guard let exact = Int64(exactly: value) else {
            throw EncodingError.invalidValue(value, .init(codingPath: codingPath, debugDescription: "larger than Int64"))
        }
        slot.content = .value(.integer(exact))
    }
}
