#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// This process, as /proc shows it (proc(5)).
enum ProcessMetrics {
    static func readings() -> [MetricReading] {
        var readings: [MetricReading] = []
        if let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let boot = bootTime, let values = Statistics(stat)
        {
            let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
            readings.append(MetricReading("process_cpu_seconds_total", Double(values.user + values.system) / ticks))
            readings.append(MetricReading("process_start_time_seconds", boot + Double(values.start) / ticks))
            readings.append(MetricReading("process_virtual_memory_bytes", Double(values.virtualBytes)))
            readings.append(
                MetricReading("process_resident_memory_bytes", Double(values.residentPages) * Double(sysconf(Int32(_SC_PAGESIZE)))))
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            // One of them is the directory itself.
            readings.append(MetricReading("process_open_fds", Double(max(open.count - 1, 0))))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            readings.append(MetricReading("process_max_fds", Double(limit.rlim_cur)))
        }
        return readings
    }

    /// The numbers of /proc/[pid]/stat that are wanted.
    struct Statistics: Equatable {
        /// Clock ticks.
        var user: UInt64
        var system: UInt64
        /// Clock ticks after boot.
        var start: UInt64
        var virtualBytes: UInt64
        var residentPages: UInt64

        /// nil: not that file's text. The name in brackets may hold spaces and brackets, hence the last one.
        init?(_ text: String) {
            guard let end = text.lastIndex(of: ")") else { return nil }
            // The first of these is field 3.
            let fields = text[text.index(after: end)...].split(separator: " ").map { UInt64($0) }
            func field(_ number: Int) -> UInt64? { fields.indices.contains(number - 3) ? fields[number - 3] : nil }
            guard let user = field(14), let system = field(15), let start = field(22), let virtual = field(23), let resident = field(24)
            else { return nil }
            (self.user, self.system, self.start, virtualBytes, residentPages) = (user, system, start, virtual, resident)
        }
    }

    /// Seconds since 1970.
    private static let bootTime: Double? = {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst("btime ".count)) }
    }()
}
