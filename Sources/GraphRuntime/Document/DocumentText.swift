/// Reads a text as JSON or YAML.
enum DocumentText {
  /// Decodes and parses bytes.
  ///
  /// - Parameters:
  ///   - bytes: The file's bytes.
  ///   - file: What messages call the file.
  ///   - folder: The folder against which its relative paths are resolved first.
  ///   - limits: How large it may be.
  /// - Returns: The text, its root (nil when it cannot be read), and what is wrong.
  static func read(
    _ bytes: [UInt8], file: String, folder: String? = nil, limits: YAMLLimits = YAMLLimits()
  ) -> (source: SourceText, root: YAMLNode?, found: [Diagnostic]) {
    let text: String
    do {
      text = try TextCheck.decode(bytes, file: file, limits: limits)
    } catch {
      let shown = String(decoding: bytes.prefix(limits.byteCount), as: UTF8.self)
      let source = SourceText(name: file, text: shown, folder: folder)
      guard let fatal = error as? FatalDiagnostic else {
        preconditionFailure("the text check throws nothing else: \(error)")
      }
      return (source, nil, [fatal.diagnostic])
    }
    let source = SourceText(name: file, text: text, folder: folder)
    if let first = text.unicodeScalars.first(where: { !$0.properties.isWhitespace }), first == "{" {
      let json = JSONReader.read(text, file: file, limits: limits)
      if json.root != nil || file.hasSuffix(".json") { return (source, json.root, json.found) }
    }
    let yaml = YAMLReader.read(text, file: file, limits: limits)
    return (source, yaml.root, yaml.found)
  }
}
