enum FilesystemRules {
    /// Mount paths are unique and not nested; one session storage and two access points of each kind
    /// at most; access points need a VPC (contract §3).
    static func failures(_ configurations: [FilesystemConfiguration], networkMode: NetworkMode) -> [RuleFailure] {
        var failures: [RuleFailure] = []
        func fail(_ message: String) { failures.append(RuleFailure("filesystemConfigurations", message)) }

        if configurations.count(where: { $0.sessionStorage != nil }) > 1 {
            fail("filesystemConfigurations must not have more than 1 sessionStorage")
        }
        let s3Files = configurations.count { $0.s3FilesAccessPoint != nil }
        let efs = configurations.count { $0.efsAccessPoint != nil }
        if s3Files > 2 { fail("filesystemConfigurations must not have more than 2 s3FilesAccessPoint") }
        if efs > 2 { fail("filesystemConfigurations must not have more than 2 efsAccessPoint") }
        if s3Files + efs > 0, networkMode != .vpc {
            failures.append(
                RuleFailure(
                    "filesystemConfigurations", also: "networkConfiguration",
                    "s3FilesAccessPoint and efsAccessPoint require networkMode VPC"))
        }

        let paths = configurations.compactMap(\.mountPath).map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        for path in Set(paths).sorted() {
            // The model's pattern lets these two through.
            if path == "/mnt/." || path == "/mnt/.." { fail("mountPath must not be '\(path)'") }
            if paths.count(where: { $0 == path }) > 1 { fail("mountPath must be unique: '\(path)'") }
            if paths.contains(where: { $0.hasPrefix(path + "/") }) { fail("mountPath must not hold another one: '\(path)'") }
        }
        return failures
    }
}
