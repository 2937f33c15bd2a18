import ResgraphFiles
import TensorRuntime

/// A model whose tensors are spread over several files, which an index file names.
struct ShardedSource: WeightSource {
  let location: String
  let keys: [String]
  private let shards: [String: any WeightSource]
  private let shardOfKey: [String: String]

  /// Opens the shards that an index names; only their headers are read.
  init(index path: String) throws {
    let index = try JSONValue.read(path: path)
    guard let map = index["weight_map"]?.objectValue, !map.isEmpty else {
      throw WeightError.malformed(path: path, format: "index", reason: "no weight_map")
    }
    var shardOfKey: [String: String] = [:]
    var shards: [String: any WeightSource] = [:]
    let folder = folderName(of: path)
    for (key, value) in map {
      let name = try Self.fileName(value, key: key, path: path)
      if shards[name] == nil { shards[name] = try openWeightFile(joinPath(folder, name)) }
      guard shards[name]?.entry(key) != nil else {
        throw WeightError.malformed(
          path: path, format: "index", reason: "tensor '\(key)' is not in '\(name)'")
      }
      shardOfKey[key] = name
    }
    self.shards = shards
    self.shardOfKey = shardOfKey
    location = path
    keys = shardOfKey.keys.sorted()
  }

  /// Returns the file name of a shard, which must lie beside its index.
  private static func fileName(
    _ value: JSONValue, key: String, path: String
  ) throws(WeightError) -> String {
    guard let name = value.stringValue, !name.isEmpty else {
      throw .malformed(path: path, format: "index", reason: "tensor '\(key)': no file name")
    }
    guard !name.contains("/"), !name.contains("\\"), name != ".", name != "..",
      !name.utf8.contains(0)
    else {
      throw .malformed(
        path: path, format: "index", reason: "tensor '\(key)': '\(name)' leaves the folder")
    }
    return name
  }

  func entry(_ key: String) -> WeightEntry? {
    shardOfKey[key].flatMap { shards[$0] }?.entry(key)
  }

  func tensor(_ key: String) throws -> RawTensor {
    guard let shard = shardOfKey[key].flatMap({ shards[$0] }) else { throw missing(key) }
    return try shard.tensor(key)
  }

  var digest: String {
    get throws {
      var fields = ["sharded"]
      for name in shards.keys.sorted() { fields.append(try shards[name]?.digest ?? "") }
      for key in keys { fields.append(contentsOf: [key, shardOfKey[key] ?? ""]) }
      return Digest.fields(fields)
    }
  }
}
