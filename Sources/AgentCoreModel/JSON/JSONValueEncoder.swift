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
            tree.slot.set(self)
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

/// One place of the tree while it is built; containers share it by reference. Strings, numbers and
/// booleans are stored as they come: most members are one, and a place of their own would cost more.
private final class Slot {
    private enum Kind { case single, array, object }
    private enum Element {
        case value(JSONValue)
        case slot(Slot)
    }
    private var kind = Kind.object
    private var single = JSONValue.null
    private var members: [String: JSONValue] = [:]
    private var nested: [(key: String, slot: Slot)] = []
    private var elements: [Element] = []

    var value: JSONValue {
        switch kind {
        case .single: return single
        case .array:
            return .array(
                elements.map { element in
                    switch element {
                    case .value(let value): value
                    case .slot(let slot): slot.value
                    }
                })
        case .object:
            var all = members
            for (key, slot) in nested { all[key] = slot.value }
            return .object(all)
        }
    }

    func set(_ value: JSONValue) {
        kind = .single
        single = value
    }

    func beginObject() { kind = .object }

    func beginArray() { kind = .array }

    func set(_ value: JSONValue, at key: String) { members[key] = value }

    func append(_ value: JSONValue) { elements.append(.value(value)) }

    func member(_ key: String) -> Slot {
        let slot = Slot()
        nested.append((key, slot))
        return slot
    }

    func element() -> Slot {
        let slot = Slot()
        elements.append(.slot(slot))
        return slot
    }
}

private struct TreeEncoder: Encoder {
    let slot: Slot
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        slot.beginObject()
        return KeyedEncodingContainer(KeyedTree<Key>(slot: slot, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        slot.beginArray()
        return UnkeyedTree(slot: slot, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleTree(slot: slot, codingPath: codingPath) }
}

private struct KeyedTree<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: Slot
    let codingPath: [any CodingKey]

    mutating func encodeNil(forKey key: Key) { slot.set(.null, at: key.stringValue) }
    mutating func encode(_ value: String, forKey key: Key) { slot.set(.string(value), at: key.stringValue) }
    mutating func encode(_ value: Bool, forKey key: Key) { slot.set(.bool(value), at: key.stringValue) }
    mutating func encode(_ value: Int, forKey key: Key) { slot.set(.integer(Int64(value)), at: key.stringValue) }
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

    mutating func encodeNil() { append(.null) }
    mutating func encode(_ value: String) { append(.string(value)) }
    mutating func encode(_ value: some Encodable) throws { try value.encode(to: next()) }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        next().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { next().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { next() }

    private mutating func append(_ value: JSONValue) {
        count += 1
        slot.append(value)
    }

    private mutating func next() -> TreeEncoder {
        count += 1
        return TreeEncoder(slot: slot.element(), codingPath: codingPath)
    }
}

private struct SingleTree: SingleValueEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]

    mutating func encodeNil() { slot.set(.null) }
    mutating func encode(_ value: Bool) { slot.set(.bool(value)) }
    mutating func encode(_ value: String) { slot.set(.string(value)) }
    mutating func encode(_ value: Double) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(value, .init(codingPath: codingPath, debugDescription: "not a JSON number"))
        }
        slot.set(.number(value))
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
        slot.set(.integer(exact))
    }
}
