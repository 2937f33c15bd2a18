extension JSONValue {
  /// The one canonical text of this value: names sorted by their UTF-8 bytes, no spaces, integral
  /// numbers without fraction, other numbers in the shortest form that reads back to the same double.
  ///
  /// Non-finite numbers are written as Python writes them (`NaN`, `Infinity`, `-Infinity`).
  public func canonicalText() -> String {
    var output: [UInt8] = []
    write(to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  private func write(to output: inout [UInt8]) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): output.append(contentsOf: String(value).utf8)
    case .number(let value): output.append(contentsOf: numberText(value).utf8)
    case .string(let text): writeString(text, to: &output)
    case .array(let elements): writeArray(elements, to: &output)
    case .object(let members): writeObject(members, to: &output)
    }
  }

  private func writeArray(_ elements: [JSONValue], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      element.write(to: &output)
    }
    output.append(UInt8(ascii: "]"))
  }

  private func writeObject(_ members: [String: JSONValue], to output: inout [UInt8]) {
    let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    output.append(UInt8(ascii: "{"))
    for (index, member) in sorted.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      writeString(member.key, to: &output)
      output.append(UInt8(ascii: ":"))
      member.value.write(to: &output)
    }
    output.append(UInt8(ascii: "}"))
  }
}

/// An integral double below 2^53 prints as an integer, so that equal values have equal texts.
private func numberText(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
  if value.magnitude < 9_007_199_254_740_992, let integer = Int(exactly: value),
    !(value == 0 && value.sign == .minus)
  {
    return String(integer)
  }
  return "\(value)"
}

private func writeString(_ text: String, to output: inout [UInt8]) {
  output.append(UInt8(ascii: "\""))
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      output.append(UInt8(ascii: "\\"))
      output.append(byte)
    case 0x0A: output.append(contentsOf: "\\n".utf8)
    case 0x0D: output.append(contentsOf: "\\r".utf8)
    case 0x09: output.append(contentsOf: "\\t".utf8)
    case 0..<0x20:
      let digits = String(byte, radix: 16)
      output.append(
        contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
    default: output.append(byte)
    }
  }
  output.append(UInt8(ascii: "\""))
}
