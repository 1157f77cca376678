import Testing

@testable import AgentCoreModel

@Suite struct JSONTests {
    @Test func readsEveryKindOfValue() throws {
        let value = try JSONValue(parsing: #" {"a":[1,-2,2.5,1e3,true,false,null,"x\u00e9\ud83d\ude00\n"],"b":{}} "#)
        #expect(value["a"] == [1, -2, .number(2.5), .number(1000), true, false, nil, "xé😀\n"])
        #expect(value["b"] == .object([:]))
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "'a'", "[1 2]", "1 2", "{}x", "nul", "NaN", "Infinity", "-",
        "01", "-01", "1.", ".5", "1e", "+1", "1e999", "-1e999", "9223372036854775808", "\"\u{1}\"", "\"\n\"", "\"a", "\"\\x\"",
        "\"\\u12\"", "\"\\u12G4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"",
        "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "\u{FEFF}{}", "[1]]", "// c\n1", "\u{0}",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
            [0xEF, 0xBB, 0xBF, 0x31],
            [0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0x80, 0x22],
        ] as [[UInt8]])
    func refusesInvalidUTF8(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test func limitsDepthWithoutExhaustingTheStack() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSONValue(parsing: nested(64))
        for depth in [65, 10_000, 1_000_000] {
            #expect(throws: JSONError.self) { try JSONValue(parsing: nested(depth)) }
        }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 10_000)) }
    }

    @Test func sortsKeysByBytesAndEscapesOnlyWhatIsNeeded() throws {
        let value: JSONValue = ["b": 1, "a": "x\"\\\u{1}\u{7F}/é", "B": [nil, .number(0.5)]]
        #expect(value.text == #"{"B":[null,0.5],"a":"x\"\\\u0001\u007f/é","b":1}"#)
        #expect(try JSONValue(parsing: value.bytes()) == value)
    }

    @Test func aWholeNumberMayBeWrittenAsAFraction() {
        #expect(JSONValue.number(60).integer == 60)
        #expect(JSONValue.number(60.5).integer == nil)
        #expect(JSONValue.number(1e300).integer == nil)
    }

    @Test func shapesTravelThroughValues() throws {
        let shape = LifecycleConfiguration(idleRuntimeSessionTimeout: 60)
        let value = try JSONValueEncoder.encode(shape)
        #expect(value == ["idleRuntimeSessionTimeout": 60])
        #expect(try JSONValueDecoder.decode(LifecycleConfiguration.self, from: value) == shape)
        #expect(
            try JSONValueDecoder.decode(LifecycleConfiguration.self, from: ["maxLifetime": nil, "unknown": 1]) == LifecycleConfiguration())
        #expect(throws: DecodingError.self) {
            try JSONValueDecoder.decode(LifecycleConfiguration.self, from: ["maxLifetime": "60"])
        }
    }
}
