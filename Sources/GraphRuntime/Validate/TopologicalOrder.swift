/// Orders nodes so that each comes after its dependencies.
struct TopologicalOrder {
  /// The nodes that lie on no cycle and depend on none, in their order.
  private(set) var order: [String] = []
  /// Each cycle found: the nodes in order, the first repeated at the end.
  private(set) var cycles: [[String]] = []

  private enum Mark {
    case open
    case done
    case broken
  }

  /// Orders nodes depth first, in the order given; without recursion, since a chain may be long.
  ///
  /// - Parameters:
  ///   - nodes: Where to start.
  ///   - dependencies: What each node depends on; unknown names are left out.
  init(_ nodes: [String], dependencies: [String: [String]]) {
    var marks: [String: Mark] = [:]
    for start in nodes where marks[start] == nil {
      var path: [(node: String, next: Int)] = [(start, 0)]
      marks[start] = .open
      while let (node, next) = path.last {
        let needs = dependencies[node] ?? []
        if next == needs.count {
          path.removeLast()
          let isBroken = needs.contains { marks[$0] == .broken } || marks[node] == .broken
          marks[node] = isBroken ? .broken : .done
          if !isBroken { order.append(node) }
          continue
        }
        path[path.count - 1].next += 1
        let needed = needs[next]
        switch marks[needed] {
        case .open, .broken:
          // A node of a cycle that was found before may still be on the path.
          if let first = path.firstIndex(where: { $0.node == needed }) {
            let cycle = path[first...].map(\.node) + [needed]
            cycles.append(cycle)
            for member in cycle { marks[member] = .broken }
          }
        case .done: break
        case nil where dependencies[needed] != nil:
          marks[needed] = .open
          path.append((needed, 0))
        case nil: break
        }
      }
    }
  }
}
