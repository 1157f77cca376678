import Artifacts
import Foundation
import HTTPTypes
import Testing

@testable import Server

@Suite("Requests of the object API")
struct ObjectRequestTests {
    @Test(
        "What a path names",
        arguments: [
            ("/_s3", nil, nil), ("/_s3/", nil, nil), ("/_s3/b", "b", nil), ("/_s3/b/", "b", nil), ("/_s3/b/k", "b", "k"),
            ("/_s3/b/a%20b/%C3%BC%2Bc.txt", "b", "a b/ü+c.txt"), ("/_s3/b//x//", "b", "/x//"), ("/_s3/b/a+b", "b", "a+b"),
            ("/_s3/b/%252F", "b", "%2F"), ("/_s3/b/../c", "b", "../c"), ("/_s3/b?list-type=2", "b", nil),
        ])
    func paths(target: String, bucket: String?, key: String?) throws {
        let parsed = try ObjectTarget(target)
        #expect(parsed.bucket == bucket)
        #expect(parsed.key == key)
    }

    @Test("Queries, bad escapes, unsupported parts")
    func queries() throws {
        let target = try ObjectTarget("/_s3/b/k?uploads&prefix=a+b%2Bc&n=12&empty=")
        #expect(target.has("uploads") && target["uploads"] == "")
        #expect(target["prefix"] == "a b+c")
        #expect(try target.number("n") == 12)
        #expect(throws: ObjectError.self) { try target.number("prefix") }
        for bad in ["/_s3/b/%", "/_s3/b/%4", "/_s3/b/%zz", "/_s3/b/%ff", "/_s3//k"] {
            #expect(throws: ObjectError.self, "\(bad)") { try ObjectTarget(bad) }
        }
        #expect(throws: ObjectError.self) { try ObjectTarget("/_s3/b?acl").checkSupported() }
    }

    @Test("XML goes out escaped and comes in strictly")
    func xml() throws {
        let nasty = "a<b>&\"c\"\r\u{1}ü"
        let text = ObjectXMLWriter.document("Delete") { xml in
            xml.element("Object") { $0.element("Key", nasty) }
        }
        #expect(text.contains("a&lt;b&gt;&amp;&quot;c&quot;&#13;&#1;ü"))
        let root = try ObjectXMLReader.document(Array(text.utf8))
        #expect(root.name == "Delete")
        #expect(root.child("Object")?.child("Key")?.text == nasty)
        let spaced = "\u{FEFF}<?xml version='1.0'?><!-- c --><x:A a=\"1>2\" b='/'>\n<B/>&#x41;&amp;</x:A>\n"
        #expect(try ObjectXMLReader.document(Array(spaced.utf8)).text == "\nA&")
    }

    @Test(
        "XML that is refused",
        arguments: [
            "", "text", "<a>", "<a></b>", "<a/><b/>", "<a", "<a>&undefined;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a><![CDATA[x]]></a>",
            String(repeating: "<a>", count: 100) + String(repeating: "</a>", count: 100),
        ])
    func malformed(text: String) {
        #expect(throws: ObjectError.self) { try ObjectXMLReader.document(Array(text.utf8)) }
    }

    func headers(_ fields: [(String, String)]) -> ObjectHeaders {
        var all = HTTPFields()
        for (name, value) in fields { all.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
        return ObjectHeaders(fields: all)
    }

    @Test(
        "Ranges",
        arguments: [
            ("bytes=0-3", ByteRange.from(0, through: 3)), ("bytes=5-", .from(5, through: nil)), ("bytes=-7", .suffix(7)),
            ("bytes=3-1", nil), ("bytes=0-1,3-4", nil), ("lines=0-1", nil), ("bytes=", nil), ("bytes=-", nil), ("bytes=--1", nil),
            ("bytes=0-9223372036854775807", nil),
        ])
    func ranges(text: String, expected: ByteRange?) {
        #expect(headers([("Range", text)]).range == expected)
    }

    @Test("Digests, attributes and conditions")
    func announced() throws {
        let fields = headers([
            ("Content-Length", "9"), ("x-amz-decoded-content-length", "5"), ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-meta-Color", "red"),
            ("Content-Type", "text/plain"), ("If-None-Match", "*"), ("If-Match", "\"a\", W/\"b\""),
        ])
        let digests = try fields.announced(requiresLength: true)
        #expect(digests.length == 5 && digests.md5?.count == 16 && digests.sha256 == nil)
        #expect(digests.checksums == [.crc32: [0x36, 0x10, 0xa6, 0x86]])
        #expect(fields.attributes == ObjectAttributes(contentType: "text/plain", metadata: ["color": "red"]))
        #expect(fields.condition == ObjectCondition(ifMatch: ["a", "b"], ifNoneMatch: ["*"]))
        #expect(throws: ObjectError.self) { try headers([]).announced(requiresLength: true) }
        #expect(throws: ObjectError.self) { try headers([("Content-MD5", "abc")]).announced(requiresLength: false) }
        #expect(throws: ObjectError.self) { try headers([("x-amz-checksum-crc32", "AAA=")]).announced(requiresLength: false) }
    }

    @Test("Dates as S3 writes them")
    func dates() {
        let date = Date(timeIntervalSince1970: 1_255_369_830.25)
        #expect(ObjectDate.iso(date) == "2009-10-12T17:50:30.250Z")
        #expect(ObjectDate.http(date) == "Mon, 12 Oct 2009 17:50:30 GMT")
        #expect(ObjectDate.iso(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59.500Z")
    }
}
