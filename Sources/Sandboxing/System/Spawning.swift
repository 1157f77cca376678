import CLinux
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A program to start, in Swift's types; see `clinux_spawn`.
struct Spawning {
    var program: String
    var command: [String]
    var output: CInt
    var input: CInt
    /// Become descriptors 3, 4, … of the program.
    var inherited: [CInt] = []
    /// `cgroup.procs` files of version 1.
    var cgroups: [CInt] = []
    /// Directory of version 2, -1: none.
    var birthCgroup: CInt = -1
    var userID: UInt32?
    var stage: String?
    /// Each with the uid that it must belong to, if it must.
    var staged: [(source: String, name: String, owner: UInt32?)] = []
    /// 0: none.
    var addressSpaceLimit: UInt64 = 0
    /// 0: none.
    var processLimit: UInt64 = 0

    /// Its environment is empty, it dies with the calling thread.
    func start() throws -> Int32 {
        var texts: [UnsafeMutablePointer<CChar>?] = []
        func copy(_ text: String) -> UnsafeMutablePointer<CChar>? {
            texts.append(strdup(text))
            return texts[texts.count - 1]
        }
        defer { for text in texts { free(text) } }

        let programText = copy(program)
        var arguments = command.map(copy) + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        let stageText = stage.flatMap(copy)
        let directories = staged.map { directory in
            clinux_staged(
                source: UnsafePointer(copy(directory.source)), name: UnsafePointer(copy(directory.name)),
                owner: directory.owner ?? .max)
        }
        var step: UnsafePointer<CChar>?
        let pid = arguments.withUnsafeMutableBufferPointer { arguments in
            environment.withUnsafeMutableBufferPointer { environment in
                inherited.withUnsafeBufferPointer { inherited in
                    cgroups.withUnsafeBufferPointer { cgroups in
                        directories.withUnsafeBufferPointer { directories in
                            var spawn = clinux_spawn()
                            spawn.path = UnsafePointer(programText)
                            spawn.arguments = UnsafePointer(arguments.baseAddress)
                            spawn.environment = UnsafePointer(environment.baseAddress)
                            spawn.standard_input = input
                            spawn.standard_output = output
                            spawn.standard_error = output
                            spawn.inherited = inherited.baseAddress
                            spawn.inherited_count = CInt(inherited.count)
                            spawn.cgroups = cgroups.baseAddress
                            spawn.cgroup_count = CInt(cgroups.count)
                            spawn.birth_cgroup = birthCgroup
                            spawn.change_ids = userID == nil ? 0 : 1
                            spawn.uid = userID ?? 0
                            spawn.gid = userID ?? 0
                            spawn.stage = UnsafePointer(stageText)
                            spawn.staged = directories.baseAddress
                            spawn.staged_count = CInt(directories.count)
                            spawn.address_space_limit = addressSpaceLimit
                            spawn.process_limit = processLimit
                            spawn.descriptor_limit = 65536
                            spawn.dies_with_thread = 1
                            return clinux_spawn(&spawn, &step)
                        }
                    }
                }
            }
        }
        guard pid > 0 else {
            let failure = SystemFailure(step.map { String(cString: $0) } ?? "starting a process")
            throw SignalboxError.agentFailed("the sandbox could not be started: \(failure)")
        }
        return pid
    }
}
