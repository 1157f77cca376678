import Platform
import Testing

@Suite struct IdentifierTests {
    @Test func alphanumericHasLengthAndAlphabet() {
        let identifier = Identifier.alphanumeric(10)
        #expect(identifier.count == 10)
        #expect(identifier.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
    }

    @Test func uuidIsLowerCaseAndThirtySixLong() {
        let identifier = Identifier.uuid()
        #expect(identifier.count == 36)
        #expect(identifier == identifier.lowercased())
    }

    @Test func thousandIdentifiersAreDistinct() {
        #expect(Set((0..<1000).map { _ in Identifier.alphanumeric(10) }).count == 1000)
    }
}
