import TensorRuntime

/// A storage that a pickle refers to.
///
/// A zip entry holds its bytes.
struct PickleStorage: Sendable {
  let dtype: DType
  let key: String
  let count: Int
}

/// A tensor as a view of a storage, in elements.
struct PickleTensor: Sendable {
  let storage: PickleStorage
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}

/// A value of a pickle.
///
/// Containers are indices into the document, so that deep or cyclic nesting needs no recursion, not
/// even to release the memory.
enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// A list, tuple or set: an index into `PickleDocument.sequences`.
  case sequence(Int)
  /// An index into `PickleDocument.dictionaries`.
  case dictionary(Int)
  indirect case storage(PickleStorage)
  indirect case tensor(PickleTensor)
  /// The name of a class or function. Nothing is ever looked up or called.
  case global(String)
  /// Stands for an object of a class that is not known; the text names the class.
  case opaque(String)
}

/// The content of a pickle.
struct PickleDocument {
  var sequences: [[PickleValue]] = []
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var root: PickleValue = .none
}

/// The reason why a pickle is refused.
///
/// The caller adds the file's path.
struct PickleFault: Error {
  let offset: Int
  let reason: String
}

/// Reads the pickles that `torch.save` writes, and executes nothing.
///
/// It knows exactly the operations that torch's own weights-only reader allows. It carries out only
/// the calls of a few constructors that stand for data (`OrderedDict`, tensors, sizes). The result
/// of any other call is an opaque value without effect.
struct PickleReader {
  /// The longest pickle that is read.
  ///
  /// Those of checkpoints have a few hundred kilobytes.
  static let maximumBytes = 64 << 20
  /// The most values that one pickle may make.
  static let maximumValues = 1_000_000

  let bytes: UnsafeRawBufferPointer
  var position = 0
  var stack: [PickleValue] = []
  var marks: [Int] = []
  var memo: [UInt32: PickleValue] = [:]
  var valueCount = 0
  var document = PickleDocument()

  /// Reads a whole pickle.
  static func read(_ bytes: UnsafeRawBufferPointer) throws(PickleFault) -> PickleDocument {
    guard bytes.count <= maximumBytes else {
      throw PickleFault(offset: 0, reason: "a pickle of \(bytes.count) bytes")
    }
    var reader = PickleReader(bytes: bytes)
    try reader.run()
    return reader.document
  }

  private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private mutating func run() throws(PickleFault) {
    guard try byte() == 0x80, try byte() == 2 else {
      position = 0
      throw fail("not a pickle of protocol 2")
    }
    while true {
      let operation = try byte()
      if operation == UInt8(ascii: ".") { break }
      try step(operation)
    }
    document.root = try pop()
    guard stack.isEmpty, marks.isEmpty else { throw fail("values are left over at the end") }
    guard position == bytes.count else { throw fail("bytes follow the end") }
  }

  /// Carries out one operation other than STOP.
  private mutating func step(_ operation: UInt8) throws(PickleFault) {
    if try pushConstant(operation) { return }
    if try build(operation) { return }
    switch operation {
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "h"): try recall(UInt32(byte()))
    case UInt8(ascii: "j"): try recall(integer(UInt32.self))
    case UInt8(ascii: "q"): try remember(UInt32(byte()))
    case UInt8(ascii: "r"): try remember(integer(UInt32.self))
    case UInt8(ascii: "c"): try pushGlobal()
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try buildState()
    case 0x81: try reduce()
    case UInt8(ascii: "Q"): try pushPersistent()
    case 0x80: throw fail("a second protocol marker")
    default:
      position -= 1
      throw fail("operation 0x\(String(operation, radix: 16)) is not one that torch.save writes")
    }
  }

  private mutating func pushConstant(_ operation: UInt8) throws(PickleFault) -> Bool {
    switch operation {
    case UInt8(ascii: "N"): try push(.none)
    case 0x88: try push(.bool(true))
    case 0x89: try push(.bool(false))
    case UInt8(ascii: "J"): try push(.int(Int(integer(Int32.self))))
    case UInt8(ascii: "K"): try push(.int(Int(byte())))
    case UInt8(ascii: "M"): try push(.int(Int(integer(UInt16.self))))
    case 0x8A: try pushLong()
    case UInt8(ascii: "G"):
      try push(.double(Double(bitPattern: integer(UInt64.self).byteSwapped)))
    case UInt8(ascii: "X"): try push(.string(text(count: Int(integer(UInt32.self)))))
    case UInt8(ascii: "U"): try push(.string(shortText()))
    default: return false
    }
    return true
  }

  private mutating func build(_ operation: UInt8) throws(PickleFault) -> Bool {
    switch operation {
    case UInt8(ascii: "}"): try pushDictionary([])
    case UInt8(ascii: "]"), UInt8(ascii: ")"), 0x8F: try pushSequence([])
    case UInt8(ascii: "t"): try pushSequence(popToMark())
    case 0x85: try pushSequence([pop()])
    case 0x86:
      let second = try pop()
      try pushSequence([pop(), second])
    case 0x87:
      let third = try pop()
      let second = try pop()
      try pushSequence([pop(), second, third])
    case UInt8(ascii: "a"): try append([pop()])
    case UInt8(ascii: "e"): try append(popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try setItems([pop(), value])
    case UInt8(ascii: "u"): try setItems(popToMark())
    default: return false
    }
    return true
  }
}

/// The operations on bytes and stack.
extension PickleReader {
  func fail(_ reason: String) -> PickleFault { PickleFault(offset: position, reason: reason) }

  mutating func byte() throws(PickleFault) -> UInt8 {
    guard position < bytes.count else { throw fail("the pickle is truncated") }
    position += 1
    return bytes[position - 1]
  }

  mutating func integer<Value: FixedWidthInteger>(_: Value.Type) throws(PickleFault) -> Value {
    let size = MemoryLayout<Value>.size
    guard bytes.count - position >= size else { throw fail("the pickle is truncated") }
    position += size
    return Value(
      littleEndian: bytes.loadUnaligned(fromByteOffset: position - size, as: Value.self))
  }

  mutating func take(_ count: Int) throws(PickleFault) -> Slice<UnsafeRawBufferPointer> {
    guard count <= bytes.count - position else {
      throw fail("a text of \(count) bytes in a pickle that has \(bytes.count - position) left")
    }
    position += count
    return bytes[(position - count)..<position]
  }

  mutating func text(count: Int) throws(PickleFault) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw fail("a text is not UTF-8")
    }
    return text
  }

  /// Reads a string of Python 2, which may be any bytes.
  ///
  /// As in torch it is read as Latin-1 if it is no UTF-8.
  mutating func shortText() throws(PickleFault) -> String {
    let slice = try take(Int(byte()))
    return String(validating: slice, as: UTF8.self)
      ?? String(String.UnicodeScalarView(slice.map { Unicode.Scalar($0) }))
  }

  mutating func pushLong() throws(PickleFault) {
    let slice = Array(try take(Int(byte())))
    guard slice.count <= 8 else { return try push(.opaque("an integer of \(slice.count) bytes")) }
    var value: UInt64 = slice.last.map { $0 >= 0x80 ? .max : 0 } ?? 0
    for byte in slice.reversed() { value = value << 8 | UInt64(byte) }
    try push(.int(Int(Int64(bitPattern: value))))
  }

  mutating func push(_ value: PickleValue) throws(PickleFault) {
    try charge(1)
    stack.append(value)
  }

  /// Counts values against the limit before memory is taken for them.
  ///
  /// Whatever copies values must call it: a few bytes of a pickle can copy a long list often.
  mutating func charge(_ count: Int) throws(PickleFault) {
    valueCount += count
    guard valueCount <= Self.maximumValues else {
      throw fail("more than \(Self.maximumValues) values")
    }
  }

  mutating func pop() throws(PickleFault) -> PickleValue {
    guard stack.count > marks.last ?? 0, let value = stack.popLast() else {
      throw fail("the stack is empty")
    }
    return value
  }

  mutating func popToMark() throws(PickleFault) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw fail("no mark on the stack") }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values
  }

  mutating func pushSequence(_ values: [PickleValue]) throws(PickleFault) {
    document.sequences.append(values)
    try push(.sequence(document.sequences.count - 1))
  }

  mutating func pushDictionary(
    _ items: [(key: PickleValue, value: PickleValue)]
  ) throws(PickleFault) {
    document.dictionaries.append(items)
    try push(.dictionary(document.dictionaries.count - 1))
  }

  mutating func recall(_ index: UInt32) throws(PickleFault) {
    guard let value = memo[index] else { throw fail("memo \(index) was never set") }
    try push(value)
  }

  mutating func remember(_ index: UInt32) throws(PickleFault) {
    guard stack.count > marks.last ?? 0, let value = stack.last else {
      throw fail("the stack is empty")
    }
    try charge(1)
    memo[index] = value
  }

  /// Returns the container that APPEND and SETITEM add to, which stays on the stack.
  private func target() throws(PickleFault) -> PickleValue {
    guard stack.count > marks.last ?? 0, let value = stack.last else {
      throw fail("the stack is empty")
    }
    return value
  }

  mutating func append(_ values: [PickleValue]) throws(PickleFault) {
    switch try target() {
    case .sequence(let index): document.sequences[index].append(contentsOf: values)
    case .opaque: break
    default: throw fail("items are appended to something that is no list")
    }
  }

  mutating func setItems(_ values: [PickleValue]) throws(PickleFault) {
    guard values.count % 2 == 0 else { throw fail("a dictionary item has no value") }
    switch try target() {
    case .dictionary(let index):
      for position in stride(from: 0, to: values.count, by: 2) {
        document.dictionaries[index].append((values[position], values[position + 1]))
      }
    case .opaque: break
    default: throw fail("items are set in something that is no dictionary")
    }
  }
}
