import CVocabulary

/// The properties of characters that CLIP's tokenizer needs, in the Unicode version of
/// transformers.
struct UnicodeTables: Sendable {
  static let shared = UnicodeTables()

  private let letters: ScalarRanges
  private let numbers: ScalarRanges
  private let spaces: ScalarRanges
  private let lowercase: [UInt32: [UInt32]]
  private let decompositions: [UInt32: [UInt32]]
  private let compositions: [UInt64: UInt32]
  private let combiningClasses: [UInt32: UInt8]

  private init() {
    letters = ScalarRanges(cv_letters)
    numbers = ScalarRanges(cv_numbers)
    spaces = ScalarRanges(cv_spaces)
    lowercase = Self.expansions(cv_lowercase, columns: 3)
    decompositions = Self.expansions(cv_decompositions, columns: 5)

    var compositions: [UInt64: UInt32] = [:]
    for row in tableRows(cv_compositions, columns: 3) {
      compositions[Self.pairKey(row[0], row[1])] = row[2]
    }
    self.compositions = compositions

    var classes: [UInt32: UInt8] = [:]
    for row in tableRows(cv_combining_classes, columns: 3) {
      for scalar in row[0]...row[1] { classes[scalar] = UInt8(row[2]) }
    }
    combiningClasses = classes
  }

  func isLetter(_ scalar: UInt32) -> Bool { letters.contains(scalar) }
  func isNumber(_ scalar: UInt32) -> Bool { numbers.contains(scalar) }
  func isSpace(_ scalar: UInt32) -> Bool { spaces.contains(scalar) }

  /// The lower case of `scalar` where it differs from the scalar itself.
  func lowercased(_ scalar: UInt32) -> [UInt32]? { lowercase[scalar] }

  /// The full canonical decomposition of a scalar that has one, Hangul aside.
  func decomposition(_ scalar: UInt32) -> [UInt32]? { decompositions[scalar] }

  /// The primary composite of two scalars, Hangul aside.
  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    compositions[Self.pairKey(first, second)]
  }

  func combiningClass(_ scalar: UInt32) -> UInt8 {
    scalar < 0x300 ? 0 : combiningClasses[scalar] ?? 0
  }

  private static func pairKey(_ first: UInt32, _ second: UInt32) -> UInt64 {
    UInt64(first) << 32 | UInt64(second)
  }

  /// Rows of (scalar, replacement...) padded with zeros.
  private static func expansions(_ table: CTable, columns: Int) -> [UInt32: [UInt32]] {
    var result: [UInt32: [UInt32]] = [:]
    for row in tableRows(table, columns: columns) {
      result[row[0]] = row.dropFirst().filter { $0 != 0 }
    }
    return result
  }
}

/// A constant table in C: returns its rows one after another and writes their number.
private typealias CTable = (UnsafeMutablePointer<Int>?) -> UnsafePointer<UInt32>?

private func tableRows(_ table: CTable, columns: Int) -> [[UInt32]] {
  var count = 0
  guard let values = table(&count) else { return [] }
  return (0..<count).map { row in
    Array(UnsafeBufferPointer(start: values + row * columns, count: columns))
  }
}

/// Sorted, disjoint scalar ranges with a direct table for ASCII.
private struct ScalarRanges: Sendable {
  private var ascii = [Bool](repeating: false, count: 128)
  private var first: [UInt32] = []
  private var last: [UInt32] = []

  init(_ table: CTable) {
    for row in tableRows(table, columns: 2) {
      first.append(row[0])
      last.append(row[1])
    }
    for scalar in UInt32(0)..<128 { ascii[Int(scalar)] = search(scalar) }
  }

  func contains(_ scalar: UInt32) -> Bool {
    scalar < 128 ? ascii[Int(scalar)] : search(scalar)
  }

  private func search(_ scalar: UInt32) -> Bool {
    var low = 0
    var high = first.count
    while low < high {
      let middle = (low + high) / 2
      if last[middle] < scalar { low = middle + 1 } else { high = middle }
    }
    return low < first.count && first[low] <= scalar
  }
}
