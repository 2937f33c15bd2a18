/// Everything on which a node's result depends, in parts.
///
/// The cache key is their hash.
///
/// The node's name, the order of nodes and ports, paths and thread counts do not belong to it.
struct KeyRecord: Sendable, Hashable {
  /// One value of a port.
  indirect enum Part: Sendable, Hashable {
    /// A plain value in canonical form.
    case literal(Literal)
    /// A file; its content is among the digests.
    case file
    /// An output of another node.
    case output(CacheKey, port: String)
    /// Several values in order.
    case list([Part])
  }

  var type: String
  var version: Int
  var numericMode: String
  var params: [String: Part]
  var inputs: [String: Part]
  /// Digests of files, in order.
  var contents: [String]

  /// The key of these parts.
  ///
  /// Whoever changes this encoding must change the number in the domain.
  var key: CacheKey {
    var encoder = CanonicalEncoder(domain: "resgraph-node-1")
    encoder.add(type)
    encoder.add(count: version)
    encoder.add(numericMode)
    for ports in [params, inputs] {
      encoder.add(count: ports.count)
      for (name, part) in ports.sorted(by: { $0.key < $1.key }) {
        encoder.add(name)
        Self.add(part, to: &encoder)
      }
    }
    encoder.add(count: contents.count)
    for content in contents { encoder.add(content) }
    return encoder.key()
  }

  private static func add(_ part: Part, to encoder: inout CanonicalEncoder) {
    switch part {
    case .literal(let literal):
      encoder.add("literal")
      encoder.add(literal)
    case .file: encoder.add("file")
    case .output(let key, let port):
      encoder.add("output")
      encoder.add(key.hex)
      encoder.add(port)
    case .list(let items):
      encoder.add("list")
      encoder.add(count: items.count)
      for item in items { add(item, to: &encoder) }
    }
  }

  /// The parts in words, as a history keeps them.
  var trace: KeyTrace {
    KeyTrace(
      type: type, version: version, numericMode: numericMode,
      params: params.mapValues(\.description), inputs: inputs.mapValues(\.description),
      contents: contents)
  }
}

extension KeyRecord.Part: CustomStringConvertible {
  /// The value as a graph writes it; of other nodes' outputs the key.
  var description: String {
    switch self {
    case .literal(let literal): literal.description
    case .file: "a file"
    case .output(let key, let port): "\(key.hex).\(port)"
    case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
    }
  }
}
