#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The host's cgroup hierarchies, as far as they may be written: version 1, version 2, or both at once, where
/// limits are in version 1 and only killing in version 2.
struct Cgroups: Sendable {
    enum Controller: String, Sendable, CaseIterable { case memory, cpu, pids }

    /// A directory of ours that holds one directory per sandbox.
    struct Hierarchy: Sendable, Equatable {
        var path: String
        var controllers: Set<Controller>
        var isUnified: Bool
    }

    let hierarchies: [Hierarchy]
    /// What the host does not let us limit, as a sentence; `nil` when everything is in place.
    let warning: String?

    var limitsMemory: Bool { hierarchies.contains { $0.controllers.contains(.memory) } }
    var limitsPids: Bool { hierarchies.contains { $0.controllers.contains(.pids) } }

    /// - Parameter instance: names the home, so that its next supervisor finds what was left.
    init(instance: String, mounts: String = System.readText("/proc/self/mountinfo") ?? "") {
        var found: [Hierarchy] = []
        for var mount in Self.mounts(in: mounts) {
            if mount.isUnified, let own = Self.delegated(on: mount.path) { mount.path = own }
            let controllers = mount.isUnified ? Self.enable(mount.path) : mount.controllers
            let path = mount.path + "/signalbox/" + instance
            let isWorthwhile = mount.isUnified || !controllers.isEmpty
            guard isWorthwhile, !found.contains(where: { $0.path == path }) else { continue }
            guard (try? System.makeDirectory(mount.path + "/signalbox", mode: 0o755)) != nil else { continue }
            if mount.isUnified { _ = Self.enable(mount.path + "/signalbox") }
            guard (try? System.makeDirectory(path, mode: 0o755)) != nil else { continue }
            let usable = mount.isUnified ? Self.enable(path) : controllers
            found.append(Hierarchy(path: path, controllers: usable, isUnified: mount.isUnified))
        }
        hierarchies = found
        let missing = Controller.allCases.filter { controller in
            !found.contains { $0.controllers.contains(controller) }
        }
        let names = missing.map(\.rawValue).joined(separator: ", ")
        warning =
            missing.isEmpty
            ? nil : "the supervisor may not write cgroups for \(names): these limits are not fully enforced"
    }

    func make(_ id: String, limits: SandboxLimits) throws -> Cgroup {
        let cgroup = Cgroup(members: hierarchies.map { ($0.path + "/" + id, $0) })
        do {
            try cgroup.create(limits)
        } catch {
            cgroup.remove()
            throw error
        }
        return cgroup
    }

    /// A sandbox's cgroup of an earlier supervisor.
    func existing(_ id: String) -> Cgroup { Cgroup(members: hierarchies.map { ($0.path + "/" + id, $0) }) }

    /// Names of all cgroups below ours.
    func leftovers() -> Set<String> {
        Set(
            hierarchies.flatMap { hierarchy in
                System.names(in: hierarchy.path).filter { System.isDirectory(hierarchy.path + "/" + $0) }
            })
    }

    /// Removes our own, empty, directories.
    func close() {
        for hierarchy in hierarchies { rmdir(hierarchy.path) }
    }

    struct Mount {
        var path: String
        var controllers: Set<Controller>
        var isUnified: Bool
    }

    static func mounts(in text: String) -> [Mount] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields.count > 4 else { return nil }
            let path = String(fields[4])
            switch fields[dash + 1] {
            case "cgroup2": return Mount(path: path, controllers: [], isUnified: true)
            case "cgroup":
                let options = fields[dash + 3].split(separator: ",")
                let controllers = options.compactMap { Controller(rawValue: String($0)) }
                return Mount(path: path, controllers: Set(controllers), isUnified: false)
            default: return nil
            }
        }
    }

    /// Version 2: makes controllers available to a directory's children. Returns those that are.
    private static func enable(_ path: String) -> Set<Controller> {
        for controller in Controller.allCases {
            try? System.put("+\(controller.rawValue)", into: path + "/cgroup.subtree_control")
        }
        let active = System.readText(path + "/cgroup.subtree_control") ?? ""
        return Set(active.split { $0 == " " || $0 == "\n" }.compactMap { Controller(rawValue: String($0)) })
    }
}
