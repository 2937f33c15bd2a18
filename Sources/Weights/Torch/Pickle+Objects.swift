import ResgraphFiles
import TensorRuntime

/// The constructors that stand for data are carried out. All other names have no effect.
extension PickleReader {
  mutating func pushGlobal() throws(PickleFault) {
    let module = try line()
    try push(.global("\(module).\(try line())"))
  }

  private mutating func line() throws(PickleFault) -> String {
    let rest = bytes[position...].prefix(1024)
    guard let end = rest.firstIndex(of: 0x0A) else { throw fail("a class name does not end") }
    let name = try text(count: end - position)
    position += 1
    return name
  }

  /// Carries out REDUCE and NEWOBJ, which make a value from a callable and its arguments.
  mutating func reduce() throws(PickleFault) {
    let arguments = try pop()
    let callable = try pop()
    guard case .sequence(let index) = arguments else {
      throw fail("the arguments of a call are no tuple")
    }
    guard case .global(let name) = callable else {
      if case .opaque(let name) = callable { return try push(.opaque(name)) }
      throw fail("something that is no class is called")
    }
    let values = document.sequences[index]
    switch name {
    case "collections.OrderedDict": try pushOrderedDictionary(values)
    case "torch._utils._rebuild_tensor_v2": try pushTensor(values, name: name, counts: 6...7)
    case "torch._utils._rebuild_tensor": try pushTensor(values, name: name, counts: 4...4)
    case "torch._utils._rebuild_parameter": try pushParameter(values)
    case "torch.Size":
      guard values.count == 1, case .sequence = values[0] else { throw fail("a size is no tuple") }
      try push(values[0])
    default: try push(.opaque(name))
    }
  }

  /// Carries out BUILD.
  ///
  /// It ignores the attributes of a dictionary or tensor, such as `_metadata`, for they hold no
  /// weights.
  mutating func buildState() throws(PickleFault) {
    _ = try pop()
    switch stack.last {
    case .dictionary, .opaque, .tensor: break
    default: throw fail("state is set on something that is no object")
    }
  }

  private mutating func pushOrderedDictionary(_ arguments: [PickleValue]) throws(PickleFault) {
    guard let first = arguments.first else { return try pushDictionary([]) }
    guard arguments.count == 1, case .sequence(let index) = first else {
      throw fail("OrderedDict of something that is no list of pairs")
    }
    try charge(2 * document.sequences[index].count)
    var items: [(key: PickleValue, value: PickleValue)] = []
    for pair in document.sequences[index] {
      guard case .sequence(let pairIndex) = pair, document.sequences[pairIndex].count == 2 else {
        throw fail("OrderedDict of something that is no list of pairs")
      }
      items.append((document.sequences[pairIndex][0], document.sequences[pairIndex][1]))
    }
    try pushDictionary(items)
  }

  private mutating func pushParameter(_ arguments: [PickleValue]) throws(PickleFault) {
    guard arguments.count == 3 else { throw fail("a parameter of \(arguments.count) arguments") }
    switch arguments[0] {
    case .tensor, .opaque: try push(arguments[0])
    default: throw fail("a parameter that is no tensor")
    }
  }

  private mutating func pushTensor(
    _ arguments: [PickleValue], name: String, counts: ClosedRange<Int>
  ) throws(PickleFault) {
    guard counts.contains(arguments.count) else {
      throw fail("\(name) with \(arguments.count) arguments")
    }
    if case .opaque(let reason) = arguments[0] { return try push(.opaque(reason)) }
    for case .sequence(let index) in arguments[2...3] {
      let rank = document.sequences[index].count
      guard rank <= PickleTensor.maximumRank else { throw fail("a tensor of \(rank) dimensions") }
    }
    guard case .storage(let storage) = arguments[0], case .int(let offset) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3])
    else { throw fail("\(name) with arguments of other types") }
    let tensor = PickleTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    if let reason = tensor.fault { throw fail(reason) }
    try push(.tensor(tensor))
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .sequence(let index) = value else { return nil }
    var integers: [Int] = []
    for element in document.sequences[index] {
      guard case .int(let integer) = element else { return nil }
      integers.append(integer)
    }
    return integers
  }

  /// Carries out BINPERSID, whose argument is `('storage', type, key, location, element count)`.
  mutating func pushPersistent() throws(PickleFault) {
    guard case .sequence(let index) = try pop() else { throw fail("a persistent id is no tuple") }
    let parts = document.sequences[index]
    guard parts.count >= 5, case .string("storage") = parts[0], case .global(let type) = parts[1],
      case .string(let key) = parts[2], case .int(let count) = parts[4], count >= 0
    else { throw fail("a persistent id that describes no storage") }
    guard let dtype = Self.dtype(ofStorage: type) else {
      return try push(.opaque("storage \(type)"))
    }
    guard !count.multipliedReportingOverflow(by: dtype.byteCount).overflow else {
      throw fail("a storage of \(count) elements")
    }
    try push(.storage(PickleStorage(dtype: dtype, key: key, count: count)))
  }

  private static func dtype(ofStorage name: String) -> DType? {
    switch name {
    case "torch.DoubleStorage": .float64
    case "torch.FloatStorage": .float32
    case "torch.HalfStorage": .float16
    case "torch.BFloat16Storage": .bfloat16
    case "torch.LongStorage": .int64
    case "torch.IntStorage": .int32
    case "torch.ShortStorage": .int16
    case "torch.CharStorage": .int8
    case "torch.ByteStorage", "torch.UntypedStorage", "torch.storage.UntypedStorage": .uint8
    case "torch.BoolStorage": .bool
    default: nil
    }
  }
}

extension PickleTensor {
  /// The most dimensions that a tensor may have.
  static let maximumRank = 32

  /// Says why this is not a valid view of its storage; nil if it is one.
  var fault: String? {
    guard shape.count == strides.count else {
      return "a tensor of \(shape.count) sizes and \(strides.count) strides"
    }
    guard shape.count <= Self.maximumRank else { return "a tensor of \(shape.count) dimensions" }
    guard offset >= 0, shape.allSatisfy({ $0 >= 0 }), strides.allSatisfy({ $0 >= 0 }) else {
      return "a tensor with a negative size, stride or offset"
    }
    var count = storage.dtype.byteCount
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if overflow { return "a tensor of shape \(shape) overflows" }
      count = product
    }
    return count == 0 ? nil : reachFault
  }

  /// Says why the last element lies outside the storage; nil if it lies inside.
  private var reachFault: String? {
    var last = offset
    for (size, stride) in zip(shape, strides) {
      let (step, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, sumOverflow) = last.addingReportingOverflow(step)
      if overflow || sumOverflow { return "a tensor whose strides \(strides) overflow" }
      last = sum
    }
    guard last < storage.count else {
      return "a tensor of shape \(shape), strides \(strides) and offset \(offset) "
        + "reaches beyond its storage of \(storage.count) elements"
    }
    return nil
  }

  /// Whether the elements lie in row-major order without gaps.
  var isContiguous: Bool {
    // A tensor without elements has no gaps, whatever its strides are.
    if shape.contains(0) { return true }
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }
}
