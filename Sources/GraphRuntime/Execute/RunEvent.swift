/// An event of a run.
///
/// The progress bar and `--progress json` show them.
public enum RunEvent: Sendable, Hashable {
  /// A run begins.
  case runStart(graph: String, nodes: Int, hits: Int)
  /// A node begins to run.
  case nodeStart(node: String, type: String)
  /// A step of a node is done.
  case nodeStep(node: String, step: Int, count: Int)
  /// A node's result exists already; `source` says where: `memory` or `validation`.
  case nodeHit(node: String, type: String, source: String)
  /// A node is done.
  case nodeDone(node: String, type: String, seconds: Double, bytes: Int)
  /// A node warns of something.
  case nodeWarning(node: String, message: String)
  /// An output is written.
  case output(name: String, node: String, paths: [String])
  /// A run ends, with the exit code.
  case runEnd(status: ExitStatus, seconds: Double, error: String?)

  /// The event's name in JSON.
  public var name: String {
    switch self {
    case .runStart: "run.start"
    case .nodeStart: "node.start"
    case .nodeStep: "node.step"
    case .nodeHit: "node.hit"
    case .nodeDone: "node.done"
    case .nodeWarning: "node.warning"
    case .output: "output"
    case .runEnd: "run.end"
    }
  }
}

extension RunEvent: Codable {
  private enum Keys: String, CodingKey {
    case event
    case graph
    case nodes
    case hits
    case node
    case type
    case step
    case count
    case source
    case seconds
    case bytes
    case message
    case name
    case paths
    case status
    case error
  }

  /// Writes the event as one flat object with its name under `event`.
  ///
  /// - Parameter encoder: Where to write.
  /// - Throws: Any error of the encoder.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Keys.self)
    try object.encode(name, forKey: .event)
    switch self {
    case .runStart(let graph, let nodes, let hits):
      try object.encode(graph, forKey: .graph)
      try object.encode(nodes, forKey: .nodes)
      try object.encode(hits, forKey: .hits)
    case .nodeStart(let node, let type):
      try object.encode(node, forKey: .node)
      try object.encode(type, forKey: .type)
    case .nodeStep(let node, let step, let count):
      try object.encode(node, forKey: .node)
      try object.encode(step, forKey: .step)
      try object.encode(count, forKey: .count)
    case .nodeHit(let node, let type, let source):
      try object.encode(node, forKey: .node)
      try object.encode(type, forKey: .type)
      try object.encode(source, forKey: .source)
    case .nodeDone(let node, let type, let seconds, let bytes):
      try object.encode(node, forKey: .node)
      try object.encode(type, forKey: .type)
      try object.encode(seconds, forKey: .seconds)
      try object.encode(bytes, forKey: .bytes)
    case .nodeWarning(let node, let message):
      try object.encode(node, forKey: .node)
      try object.encode(message, forKey: .message)
    case .output(let name, let node, let paths):
      try object.encode(name, forKey: .name)
      try object.encode(node, forKey: .node)
      try object.encode(paths, forKey: .paths)
    case .runEnd(let status, let seconds, let error):
      try object.encode(status, forKey: .status)
      try object.encode(seconds, forKey: .seconds)
      try object.encodeIfPresent(error, forKey: .error)
    }
  }

  /// Reads an event that `encode(to:)` wrote.
  ///
  /// - Parameter decoder: Where to read.
  /// - Throws: `DecodingError` when it is no event.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Keys.self)
    func text(_ key: Keys) throws -> String { try object.decode(String.self, forKey: key) }
    func number(_ key: Keys) throws -> Int { try object.decode(Int.self, forKey: key) }
    func seconds() throws -> Double { try object.decode(Double.self, forKey: .seconds) }
    switch try text(.event) {
    case "run.start":
      self = .runStart(graph: try text(.graph), nodes: try number(.nodes), hits: try number(.hits))
    case "node.start": self = .nodeStart(node: try text(.node), type: try text(.type))
    case "node.step":
      self = .nodeStep(node: try text(.node), step: try number(.step), count: try number(.count))
    case "node.hit":
      self = .nodeHit(node: try text(.node), type: try text(.type), source: try text(.source))
    case "node.done":
      self = .nodeDone(
        node: try text(.node), type: try text(.type), seconds: try seconds(),
        bytes: try number(.bytes))
    case "node.warning":
      self = .nodeWarning(node: try text(.node), message: try text(.message))
    case "output":
      self = .output(
        name: try text(.name), node: try text(.node),
        paths: try object.decode([String].self, forKey: .paths))
    case "run.end":
      self = .runEnd(
        status: try object.decode(ExitStatus.self, forKey: .status), seconds: try seconds(),
        error: try object.decodeIfPresent(String.self, forKey: .error))
    default:
      throw DecodingError.dataCorruptedError(
        forKey: .event, in: object, debugDescription: "unknown event")
    }
  }
}
