/// A queue with cheap appends and removals; the room of removed elements is reclaimed in steps.
struct FIFO<Element> {
    private var elements: [Element?] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func append(contentsOf others: [Element]) { elements.append(contentsOf: others) }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        elements[head] = nil
        head += 1
        if head == elements.count {
            elements.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 256, head * 2 >= elements.count {
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    /// Changes the first element in place, when there is one.
    mutating func updateFirst(_ change: (inout Element) -> Void) {
        guard head < elements.count, var element = elements[head] else { return }
        elements[head] = nil
        change(&element)
        elements[head] = element
    }

    mutating func removeAll() -> [Element] {
        defer {
            elements = []
            head = 0
        }
        return elements[head...].compactMap { $0 }
    }

    func forEach(_ body: (Element) -> Void) {
        for element in elements[head...] { if let element { body(element) } }
    }
}
