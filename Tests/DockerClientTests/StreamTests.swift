import Foundation
import NIOCore
import Testing

@testable import DockerClient

@Suite struct StreamTests {
    @Test func logFramesInAnyPieces() {
        var whole = ByteBuffer()
        for text in ["first\n", "", "second\n"] {
            whole.writeBytes([1, 0, 0, 0])
            whole.writeInteger(UInt32(text.utf8.count))
            whole.writeString(text)
        }
        for size in 1...whole.readableBytes {
            var frames = LogFrames()
            var rest = whole
            var text = ""
            while rest.readableBytes > 0 {
                if let piece = rest.readSlice(length: min(size, rest.readableBytes)) { frames.append(piece) }
                while let payload = frames.next() { text += String(buffer: payload) }
            }
            #expect(text == "first\nsecond\n", "in pieces of \(size)")
        }
    }

    @Test func progressIsOverAllLayers() throws {
        var progress = LayerProgress()
        #expect(progress.sentence == nil)
        func take(_ json: String) throws { progress.take(try JSONDecoder().decode(StreamMessage.self, from: Data(json.utf8))) }
        try take(#"{"status":"Pulling from library/python","id":"3"}"#)
        #expect(progress.sentence == "pulling: Pulling from library/python")
        try take(#"{"status":"Downloading","id":"a","progressDetail":{"current":1048576,"total":4194304}}"#)
        try take(#"{"status":"Downloading","id":"b","progressDetail":{"current":2097152,"total":2097152}}"#)
        #expect(progress.sentence == "pulling: 3 of 6 MiB")
    }

    @Test func progressOfAPush() throws {
        var progress = LayerProgress(.pushing)
        progress.take(
            try JSONDecoder().decode(
                StreamMessage.self,
                from: Data(#"{"status":"Pushing","id":"a","progressDetail":{"current":1048576,"total":4194304}}"#.utf8)))
        #expect(progress.sentence == "pushing: 1 of 4 MiB")
    }

    @Test func linesInAnyPieces() {
        let text = "Step 1/2 : FROM x\n\n ---> 01\r\n10%\r50%\r100%\nrest"
        for size in 1...text.unicodeScalars.count {
            var lines = LineAssembler()
            var found: [String] = []
            var rest = Array(text.unicodeScalars)[...]
            while !rest.isEmpty {
                found += lines.append(String(String.UnicodeScalarView(rest.prefix(size))))
                rest = rest.dropFirst(size)
            }
            #expect(found == ["Step 1/2 : FROM x", " ---> 01", "100%"], "in pieces of \(size)")
            #expect(lines.rest() == "rest")
            #expect(lines.rest() == nil)
        }
        var endless = LineAssembler()
        #expect(endless.append(String(repeating: "x", count: 3 * LineAssembler.longest)).count == 3)
    }

    @Test func theDigestOfAPush() {
        let hash = String(repeating: "0a", count: 32)
        #expect(DockerClient.digest(in: "1: digest: sha256:\(hash) size: 528") == "sha256:" + hash)
        #expect(DockerClient.digest(in: "digest: sha256:00") == nil)
        #expect(DockerClient.digest(in: "Pushed") == nil)
    }
}
