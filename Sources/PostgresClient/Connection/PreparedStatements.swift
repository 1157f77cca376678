import CLibPQ

/// Which statements a connection has prepared, and under what names.
///
/// A null has no type of its own, so one text may be prepared for several lists of types; a
/// statement prepared with a type takes a null in its place.
struct PreparedStatements {
    struct Variant: Equatable {
        var name: String
        var types: [Oid]

        func accepts(_ actual: [Oid]) -> Bool {
            guard types.count == actual.count else { return false }
            for index in types.indices where actual[index] != types[index] && actual[index] != TypeID.unspecified {
                return false
            }
            return true
        }
    }

    private var variants: [String: [Variant]] = [:]
    private var lastNumber = 0

    /// The variant to run, and whether it has still to be prepared.
    ///
    /// - Parameter anew: prepare it once more, whatever is known.
    mutating func variant(text: String, types: [Oid], anew: Bool = false) -> (variant: Variant, isNew: Bool) {
        if !anew, let known = variants[text]?.last(where: { $0.accepts(types) }) { return (known, false) }
        lastNumber += 1
        let variant = Variant(name: "s\(lastNumber)", types: types)
        variants[text, default: []].append(variant)
        return (variant, true)
    }

    /// The server could not prepare it, or its plan became useless. The name is not used again.
    mutating func forget(text: String, name: String) {
        variants[text]?.removeAll { $0.name == name }
    }
}
