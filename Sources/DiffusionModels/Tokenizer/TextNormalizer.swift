/// Normalises text for CLIP's tokenizer: NFC, runs of white space as one space, lower case.
enum TextNormalizer {
  /// Normalises scalars in the order of transformers.
  ///
  /// Lower-casing comes last and changes each scalar by itself: a final sigma becomes a plain one,
  /// and the result may not be NFC any more.
  static func normalize(_ scalars: [UInt32]) -> [UInt32] {
    lowercase(collapseSpaces(compose(scalars)))
  }

  private static func collapseSpaces(_ scalars: [UInt32]) -> [UInt32] {
    let tables = UnicodeTables.shared
    var result: [UInt32] = []
    result.reserveCapacity(scalars.count)
    var inSpace = false
    for scalar in scalars {
      let space = tables.isSpace(scalar)
      if !space { result.append(scalar) } else if !inSpace { result.append(0x20) }
      inSpace = space
    }
    return result
  }

  private static func lowercase(_ scalars: [UInt32]) -> [UInt32] {
    let tables = UnicodeTables.shared
    var result: [UInt32] = []
    result.reserveCapacity(scalars.count)
    for scalar in scalars {
      if scalar < 0x80 {
        result.append(0x41...0x5A ~= scalar ? scalar + 32 : scalar)
      } else if let lower = tables.lowercased(scalar) {
        result.append(contentsOf: lower)
      } else {
        result.append(scalar)
      }
    }
    return result
  }
}

// MARK: - Canonical composition (Unicode Standard Annex 15)

extension TextNormalizer {
  /// NFC of `scalars`.
  static func compose(_ scalars: [UInt32]) -> [UInt32] {
    if scalars.allSatisfy({ $0 < 0x300 }) { return scalars }
    return recompose(decompose(scalars))
  }

  /// The full canonical decomposition, marks in canonical order.
  private static func decompose(_ scalars: [UInt32]) -> [UInt32] {
    let tables = UnicodeTables.shared
    var result: [UInt32] = []
    result.reserveCapacity(scalars.count)
    for scalar in scalars {
      if let syllable = Hangul.decompose(scalar) {
        result.append(contentsOf: syllable)
      } else if let parts = tables.decomposition(scalar) {
        result.append(contentsOf: parts)
      } else {
        result.append(scalar)
      }
    }
    sortMarks(&result)
    return result
  }

  /// Sorts every run of marks by combining class, keeping the order of equal classes.
  private static func sortMarks(_ scalars: inout [UInt32]) {
    let tables = UnicodeTables.shared
    var start = 0
    while start < scalars.count {
      guard tables.combiningClass(scalars[start]) != 0 else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, tables.combiningClass(scalars[end]) != 0 { end += 1 }
      let sorted = scalars[start..<end].enumerated().sorted { a, b in
        let (left, right) = (tables.combiningClass(a.element), tables.combiningClass(b.element))
        return left == right ? a.offset < b.offset : left < right
      }
      scalars.replaceSubrange(start..<end, with: sorted.map(\.element))
      start = end
    }
  }

  private static func recompose(_ scalars: [UInt32]) -> [UInt32] {
    let tables = UnicodeTables.shared
    var result: [UInt32] = []
    result.reserveCapacity(scalars.count)
    var starter: Int?
    var lastClass: UInt8 = 0
    for scalar in scalars {
      let markClass = tables.combiningClass(scalar)
      if let index = starter {
        let adjacent = index == result.count - 1
        // A mark does not combine across an earlier mark of its class or a higher one, and a
        // starter does not combine across any mark.
        let blocked = !adjacent && (markClass == 0 || lastClass >= markClass)
        if !blocked, let whole = pairComposition(result[index], scalar) {
          result[index] = whole
          continue
        }
      }
      if markClass == 0 { starter = result.count }
      lastClass = markClass
      result.append(scalar)
    }
    return result
  }

  private static func pairComposition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.compose(first, second) ?? UnicodeTables.shared.composition(first, second)
  }
}

/// Hangul syllables decompose by arithmetic, not by table.
private enum Hangul {
  static let syllables: UInt32 = 0xAC00
  static let leading: UInt32 = 0x1100
  static let vowel: UInt32 = 0x1161
  static let trailing: UInt32 = 0x11A7
  static let leadingCount: UInt32 = 19
  static let vowelCount: UInt32 = 21
  static let trailingCount: UInt32 = 28
  static let count = leadingCount * vowelCount * trailingCount

  static func decompose(_ scalar: UInt32) -> [UInt32]? {
    guard scalar >= syllables, scalar < syllables + count else { return nil }
    let index = scalar - syllables
    let parts = [
      leading + index / (vowelCount * trailingCount),
      vowel + index % (vowelCount * trailingCount) / trailingCount,
    ]
    let last = index % trailingCount
    return last == 0 ? parts : parts + [trailing + last]
  }

  static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= leading, first < leading + leadingCount, second >= vowel,
      second < vowel + vowelCount
    {
      return syllables + ((first - leading) * vowelCount + (second - vowel)) * trailingCount
    }
    let isOpenSyllable =
      first >= syllables && first < syllables + count
      && (first - syllables) % trailingCount == 0
    if isOpenSyllable, second > trailing, second < trailing + trailingCount {
      return first + (second - trailing)
    }
    return nil
  }
}
