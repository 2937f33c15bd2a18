/// An existing file or folder that a node reads; its content is part of the cache key.
///
/// It is also the `Path` port type, for nodes that produce files for others.
public struct InputPath: ParamValue, ScalarPortValue, Hashable {
  /// The path as the graph writes it.
  public var written: String
  /// The path of the existing file.
  public var resolved: String

  /// Names an existing file.
  ///
  /// - Parameters:
  ///   - written: The path as the graph writes it.
  ///   - resolved: The path of the file; the written one when nil.
  public init(_ written: String, resolved: String? = nil) {
    self.written = written
    self.resolved = resolved ?? written
  }

  /// An existing path.
  public static var kind: ParamKind { .path }
  /// `Path`.
  public static var typeName: String { "Path" }
  /// The path of the file found.
  public var literal: Literal { .string(resolved) }
  /// Refuses: the file may be another one, or gone, when the value is read back.
  public func encoded() throws -> [UInt8] { throw PortValueError.notStorable(Self.typeName) }
  /// Finds the file.
  public init(literal: Literal, paths: any PathResolving) throws {
    let text = try PathText(literal, kind: "path").text
    self.init(text, resolved: try paths.existing(text))
  }
}

/// A file or folder that a node writes.
public struct OutputPath: ParamValue, Hashable {
  /// The path as the graph writes it.
  public var written: String
  /// The path to write to.
  public var resolved: String

  /// Names a file to be written.
  ///
  /// - Parameters:
  ///   - written: The path as the graph writes it.
  ///   - resolved: The path to write to; the written one when nil.
  public init(_ written: String, resolved: String? = nil) {
    self.written = written
    self.resolved = resolved ?? written
  }

  /// A path to write.
  public static var kind: ParamKind { .outputPath }
  /// The path as written.
  public var literal: Literal { .string(written) }
  /// Makes the path to write to.
  public init(literal: Literal, paths: any PathResolving) throws {
    let text = try PathText(literal, kind: "output path").text
    self.init(text, resolved: paths.writable(text))
  }
}

/// A text that can be a path: it is not empty, and has no zero byte.
private struct PathText {
  let text: String

  init(_ literal: Literal, kind: String) throws {
    guard case .string(let text) = literal, !text.isEmpty, !text.utf8.contains(0) else {
      throw ValueMismatch(.wrongType, expected: kind, got: literal.summary)
    }
    self.text = text
  }
}
