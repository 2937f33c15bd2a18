import ResgraphFiles

/// Speeds as a text file: a header, then one line for each way with each instruction set.
extension ConvolutionTuning {
  private static let header = "resgraph convolution speeds 1"
  private static let longest = 1 << 16

  /// Where measured speeds are kept; nil where the environment names no cache folder.
  public static var defaultPath: String? {
    CacheFolder.path.map { joinPath($0, "convolution-speeds.txt") }
  }

  /// What the cache folder holds, read once.
  static let stored: (tuning: ConvolutionTuning?, problem: String?) =
    defaultPath.map { found(at: $0) } ?? (nil, nil)

  /// The speeds in a file, or why there are none; neither where there is no such file.
  static func found(at path: String) -> (tuning: ConvolutionTuning?, problem: String?) {
    guard FileStatus(path: path) != nil else { return (nil, nil) }
    if let tuning = load(path) { return (tuning, nil) }
    return (
      nil,
      "\(path) holds no convolution speeds that can be read: built-in ones are used; "
        + "`resgraph-bench tune` writes it anew"
    )
  }

  /// Reads stored speeds.
  ///
  /// - Parameter path: The file.
  /// - Returns: The speeds, or nil when there is no such file or it is damaged in any way.
  public static func load(_ path: String) -> ConvolutionTuning? {
    guard let bytes = try? FileReader.bytes(path, limit: longest) else { return nil }
    return ConvolutionTuning(text: String(decoding: bytes, as: UTF8.self))
  }

  /// Stores the speeds, in one step: a reader sees the old file or the new one.
  ///
  /// - Parameter path: The file; folders that are missing are made.
  /// - Throws: `FileError` when the file cannot be written.
  public func save(to path: String) throws {
    try AtomicFile.write(Array(text.utf8), to: path)
  }

  /// Equal for speeds that lead to the same choices.
  package var identity: String { String(Digest.fields([text]).prefix(12)) }

  /// The lines of the file, in a fixed order.
  var text: String {
    var lines = [Self.header]
    for isa in ISA.allCases {
      for algorithm in Algorithm.allCases {
        guard let speed = speeds[isa]?[algorithm] else { continue }
        lines.append(
          "\(isa.rawValue) \(algorithm.rawValue) \(speed.operations) \(speed.transforms)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Reads the lines of a file; nil when any is not as `text` writes it.
  init?(text: String) {
    let lines = text.split(separator: "\n")
    guard lines.first.map(String.init) == Self.header, text.last == "\n" else { return nil }
    var speeds: [ISA: [Algorithm: Speed]] = [:]
    for line in lines.dropFirst() {
      let fields = line.split(separator: " ")
      guard fields.count == 4, let isa = ISA(rawValue: String(fields[0])),
        let algorithm = Algorithm(rawValue: String(fields[1])),
        let operations = Double(String(fields[2])), let transforms = Double(String(fields[3]))
      else { return nil }
      let speed = Speed(operations: operations, transforms: transforms)
      guard speed.isPlausible, speeds[isa]?[algorithm] == nil else { return nil }
      speeds[isa, default: [:]][algorithm] = speed
    }
    self.init(speeds: speeds)
  }
}
