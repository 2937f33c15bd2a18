/// Makes `JSONValue`s.
struct JSONValueBuilder: JSONBuilder {
  let roundsLargeIntegers: Bool

  func place(_ offset: Int) -> Int { offset }

  func scalar(
    _ scalar: JSONScalar, from start: Int, to end: Int
  ) throws(JSONError) -> JSONValue {
    switch scalar {
    case .null: .null
    case .bool(let value): .bool(value)
    case .string(let text): .string(text)
    case .nonFinite(let value): .number(value)
    case .number(let text, let isInteger, let offset):
      try number(text, isInteger: isInteger, offset: offset)
    }
  }

  private func number(
    _ text: String, isInteger: Bool, offset: Int
  ) throws(JSONError) -> JSONValue {
    // "-0" is a double: an integer would lose its sign.
    if isInteger, text != "-0", let value = Int(text) { return .integer(value) }
    if isInteger, text != "-0", !roundsLargeIntegers {
      throw JSONError(offset: offset, reason: "integer \(text.prefix(40)) does not fit 64 bits")
    }
    guard let value = Double(text), value.isFinite else {
      throw JSONError(offset: offset, reason: "number \(text.prefix(40)) is out of range")
    }
    return .number(value)
  }

  func array(_ elements: [JSONValue], from start: Int, to end: Int) -> JSONValue {
    .array(elements)
  }

  func members() -> [String: JSONValue] { [:] }

  func add(
    _ value: JSONValue, named name: String, from start: Int, to end: Int,
    to members: inout [String: JSONValue]
  ) throws(JSONError) {
    guard members.updateValue(value, forKey: name) == nil else {
      throw JSONError(offset: start, reason: "duplicate member '\(name)'")
    }
  }

  func object(_ members: [String: JSONValue], from start: Int, to end: Int) -> JSONValue {
    .object(members)
  }
}

extension JSONValue {
  /// Parses a whole text strictly: no duplicate names, no trailing characters, no comments.
  ///
  /// - Parameters:
  ///   - bytes: The text in UTF-8.
  ///   - limits: What is refused as too large.
  /// - Returns: The document.
  /// - Throws: `JSONError` with the byte offset of the first fault.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = .standard
  ) throws(JSONError) -> JSONValue {
    let builder = JSONValueBuilder(roundsLargeIntegers: limits.roundsLargeIntegers)
    var parser = JSONParser(bytes, limits: limits, builder: builder)
    return try parser.document()
  }

  /// Parses a string strictly.
  ///
  /// - Parameters:
  ///   - text: The document.
  ///   - limits: What is refused as too large.
  /// - Returns: The document.
  /// - Throws: `JSONError` with the byte offset of the first fault.
  public static func parse(
    _ text: String, limits: JSONLimits = .standard
  ) throws(JSONError) -> JSONValue {
    let result: Result<JSONValue, JSONError> = Array(text.utf8).withUnsafeBytes { bytes in
      do throws(JSONError) { return .success(try parse(bytes, limits: limits)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
