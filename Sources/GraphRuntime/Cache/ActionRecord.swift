import ResgraphFiles

/// What a cache on disk knows of a node's result: which objects hold the outputs.
struct ActionRecord: Equatable {
  /// One output.
  struct Output: Equatable {
    /// The port type's name.
    var type: String
    /// The SHA-256 of the stored bytes.
    var digest: String
    var bytes: Int
  }

  var key: String
  /// The node type and its version, for people: the key holds both.
  var node: String
  var version: Int
  var outputs: [String: Output]
  /// How long it took to compute them.
  var seconds: Double
  /// When that was, in seconds since 1970.
  var created: Int

  /// The number of this form; records of another are not read.
  private static let form = 1
  /// No record is longer.
  static let longest = 1 << 16

  /// The bytes of all outputs.
  var bytes: Int { outputs.values.reduce(0) { $0 + $1.bytes } }

  /// The record as a line of JSON that ends in a digest of the rest.
  var text: String {
    var members = members
    members["check"] = .string(Self.check(members))
    return JSONValue.object(members).canonicalText() + "\n"
  }

  private var members: [String: JSONValue] {
    [
      "form": .integer(Self.form), "key": .string(key), "node": .string(node),
      "version": .integer(version), "seconds": .number(seconds), "created": .integer(created),
      "outputs": .object(
        outputs.mapValues {
          ["type": .string($0.type), "sha256": .string($0.digest), "bytes": .integer($0.bytes)]
        }),
    ]
  }

  private static func check(_ members: [String: JSONValue]) -> String {
    Digest.fields([JSONValue.object(members).canonicalText()])
  }
}

extension ActionRecord {
  /// Reads a record; nil when it is not as `text` writes it.
  init?(text: String) {
    guard let json = try? JSONValue.parse(text), var members = json.objectValue,
      let check = members.removeValue(forKey: "check")?.stringValue,
      check == Self.check(members), json.int("form") == Self.form,
      let key = json.string("key"), let node = json.string("node"),
      let version = json.int("version"), let seconds = json.double("seconds"),
      let created = json.int("created"), let stored = json["outputs"]?.objectValue
    else { return nil }
    var outputs: [String: Output] = [:]
    for (port, output) in stored {
      guard let type = output.string("type"), let digest = output.string("sha256"),
        let bytes = output.int("bytes"), bytes >= 0, isDigest(digest)
      else { return nil }
      outputs[port] = Output(type: type, digest: digest, bytes: bytes)
    }
    self.init(
      key: key, node: node, version: version, outputs: outputs, seconds: seconds,
      created: created)
    guard self.text == text else { return nil }
  }

  /// Reads the record in a file; nil when there is none or it is damaged.
  init?(path: String) {
    guard let bytes = try? FileReader.bytes(path, limit: Self.longest) else { return nil }
    self.init(text: String(decoding: bytes, as: UTF8.self))
  }
}
