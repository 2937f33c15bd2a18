import ResgraphFiles

/// What is in a cache on disk.
public struct CacheStats: Sendable, Codable, Equatable {
  /// The cache folder.
  public var folder: String
  /// Results of nodes.
  public var results: Int
  /// Files of values; equal values share one.
  public var objects: Int
  /// States of unfinished nodes.
  public var snapshots: Int
  /// The bytes of all of these.
  public var bytes: Int
  /// The bytes that may be kept; nil when nobody has said and the file system does not tell its size.
  public var limit: Int?
  /// Seconds that it took to compute the results.
  public var seconds: Double
  /// Results by node type.
  public var nodes: [String: Int]

  private enum CodingKeys: String, CodingKey {
    case folder
    case results
    case objects
    case snapshots
    case bytes
    case limit = "limit_bytes"
    case seconds = "seconds_saved_per_use"
    case nodes
  }
}

/// What was found when every file of a cache was read.
public struct CacheVerification: Sendable, Codable, Equatable {
  /// Results whose record and values are sound.
  public var sound: Int
  /// Files that were damaged, and results whose values were; they are moved aside.
  public var damaged: [String]
}

/// What was removed from a cache.
public struct CacheCollection: Sendable, Codable, Equatable {
  /// Results that were removed to make room.
  public var results = 0
  /// Values that no result names any more, states of nodes that nobody went on with, and what
  /// interrupted processes left.
  public var files = 0
  /// The bytes that they had.
  public var freedBytes = 0
  /// The bytes that are left.
  public var bytes = 0

  private enum CodingKeys: String, CodingKey {
    case results
    case files
    case freedBytes = "freed_bytes"
    case bytes
  }
}
