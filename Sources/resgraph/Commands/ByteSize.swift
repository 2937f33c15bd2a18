import ArgumentParser

/// A number of bytes, written as `8G`, `512M`, `1.5GiB` or `1073741824`.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    var text = argument.lowercased()[...]
    for ending in ["ib", "b"] where text.hasSuffix(ending) {
      text = text.dropLast(ending.count)
      break
    }
    var shift = 0
    if let unit = ["k": 10, "m": 20, "g": 30, "t": 40][String(text.suffix(1))] {
      shift = unit
      text = text.dropLast()
    }
    guard let number = Double(text), number > 0, number.isFinite else { return nil }
    let bytes = number * Double(1 << shift)
    guard bytes < 1e18 else { return nil }
    self.bytes = Int(bytes)
  }
}
