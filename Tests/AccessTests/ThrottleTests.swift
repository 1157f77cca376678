import Platform
import Testing

@testable import Access

struct ThrottleTests {
    private let clock = ManualTime()

    private func throttle(_ text: String) throws -> Throttle { try #require(Throttle(try ThrottleRule.parse(text), clock: clock)) }

    /// Seconds to wait; nil: let through.
    private func refusal(_ throttle: Throttle, _ operation: String = "UpdateAgentRuntime", account: String = "1") -> Int? {
        do throws(SignalboxError) { try throttle.take(account: account, operation: operation) } catch {
            guard case .throttled(let seconds) = error.kind, error.message == "Rate exceeded" else { return -1 }
            return seconds
        }
        return nil
    }

    @Test func aBucketEmptiesAndFills() throws {
        let throttle = try throttle("UpdateAgentRuntime=2/3")
        for _ in 0..<3 { #expect(refusal(throttle) == nil) }
        #expect(refusal(throttle) == 1)
        clock.advance(by: .milliseconds(499))
        #expect(refusal(throttle) == 1, "refusals cost nothing and give nothing")
        clock.advance(by: .milliseconds(2))
        #expect(refusal(throttle) == nil)
        #expect(refusal(throttle) == 1)
        clock.advance(by: .seconds(100))
        for _ in 0..<3 { #expect(refusal(throttle) == nil) }
        #expect(refusal(throttle) != nil, "never more than the burst")
    }

    @Test func slowRatesSayWhen() throws {
        let throttle = try throttle("UpdateAgentRuntime=0.1")
        #expect(refusal(throttle) == nil && refusal(throttle) == 10)
        clock.advance(by: .milliseconds(7500))
        #expect(refusal(throttle) == 3)
    }

    @Test func accountsAndOperationsAreApart() throws {
        let throttle = try throttle("Update*=1")
        #expect(refusal(throttle) == nil && refusal(throttle) == 1)
        #expect(refusal(throttle, account: "2") == nil)
        #expect(refusal(throttle, "UpdateAgentRuntimeEndpoint") == nil)
        for _ in 0..<10 { #expect(refusal(throttle, "GetAgentRuntime") == nil, "no rule") }
    }

    @Test func theMostSpecificRuleCountsAndTheLastOfEquals() throws {
        let throttle = try throttle("Get*=1, GetAgentRuntime=3, GetAgent*=2, GetAgentRuntime=4")
        for (operation, count) in [("GetAgentRuntime", 4), ("GetAgentRuntimeEndpoint", 2), ("GetResourcePolicy", 1)] {
            for _ in 0..<count { #expect(refusal(throttle, operation) == nil, "\(operation)") }
            #expect(refusal(throttle, operation) == 1, "\(operation)")
        }
        let aws = try self.throttle("aws,InvokeAgentRuntime=1")
        #expect(refusal(aws, "InvokeAgentRuntime") == nil && refusal(aws, "InvokeAgentRuntime") == 1)
        for _ in 0..<5 { #expect(refusal(aws, "ListAgentRuntimes") == nil) }
        #expect(refusal(aws, "ListAgentRuntimes") == 1)
    }

    @Test func objectsHaveNumbersOfTheirOwn() throws {
        let aws = try throttle("aws")
        for _ in 0..<3500 { #expect(refusal(aws, "DeleteObject") == nil) }
        #expect(refusal(aws, "DeleteObject") == 1)
        for _ in 0..<5500 { #expect(refusal(aws, "ListObjects") == nil) }
        #expect(refusal(aws, "ListObjects") == 1)
        let own = try throttle("aws,DeleteObject=1,Complete*=2")
        #expect(refusal(own, "DeleteObject") == nil && refusal(own, "DeleteObject") == 1)
    }

    @Test func fullBucketsAreForgotten() throws {
        let throttle = try throttle("Update*=1")
        for account in 0..<100 { _ = refusal(throttle, account: "\(account)") }
        #expect(throttle.count == 100)
        clock.advance(by: .seconds(61))
        _ = refusal(throttle)
        #expect(throttle.count == 1)
    }

    @Test(arguments: [
        "x", "=1", "Get*=", "Get*=0", "Get*=-1", "Get*=1/0.5", "Get*=a", "Get*=1/2/3", "GetAgentRunTime=1", "Got*=1", "Get*=nan",
    ])
    func wrongOnesAreNamed(text: String) { #expect(throws: ThrottleRuleError.self) { try ThrottleRule.parse(text) } }

    @Test func nothingToDo() throws {
        #expect(Throttle([]) == nil)
        #expect(try ThrottleRule.parse("") == [])
    }
}
