import TensorRuntime

/// The part of a sampler that changes from step to step.
///
/// A sampler made with the same configuration and step count continues from it bit for bit.
public struct SamplerState: Sendable {
  var cursor: StepCursor
  private var counters: [String: Int] = [:]
  private var scalars: [String: Float] = [:]
  private var tensors: [String: [Tensor]] = [:]

  init(cursor: StepCursor = StepCursor()) { self.cursor = cursor }

  subscript(name: String) -> Int? {
    get { counters[name] }
    set { counters[name] = newValue }
  }

  subscript(name: String) -> Float? {
    get { scalars[name] }
    set { scalars[name] = newValue }
  }

  /// A tensor that a sampler does not always hold; its name stays where it holds none.
  subscript(name: String) -> Tensor? {
    get { tensors[name]?.first }
    set { tensors[name] = newValue.map { [$0] } ?? [] }
  }

  subscript(name: String) -> [Tensor] {
    get { tensors[name] ?? [] }
    set { tensors[name] = newValue }
  }
}

extension SamplerState {
  /// Refuses a state with parts of other names.
  func expect(
    counters: Set<String> = [], scalars: Set<String> = [], tensors: Set<String> = []
  ) throws {
    guard Set(self.counters.keys) == counters, Set(self.scalars.keys) == scalars,
      Set(self.tensors.keys) == tensors
    else { throw SavedStateError("it belongs to another sampler") }
  }

  func counter(_ name: String) throws -> Int {
    guard let value = counters[name] else { throw SavedStateError("it has no \(name)") }
    return value
  }

  func tensors(_ name: String, atMost count: Int) throws -> [Tensor] {
    guard let values = tensors[name], values.count <= count else {
      throw SavedStateError("it has too many \(name)")
    }
    return values
  }

  /// The cursor, if it lies inside a schedule of `count` entries.
  func cursor(within count: Int) throws -> StepCursor {
    guard (cursor.index ?? 0) <= count, (cursor.begin ?? 0) < max(count, 1) else {
      throw SavedStateError("it belongs to a longer schedule")
    }
    return cursor
  }

  private static let header: [UInt8] = Array("RGSS".utf8) + [2]

  /// The state as bytes, little-endian.
  public var encoded: [UInt8] {
    var writer = ByteWriter(header: Self.header)
    for value in [cursor.index ?? -1, cursor.begin ?? -1] { writer.write(value) }
    writer.write(counters) { $0.write($1) }
    writer.write(scalars) { $0.write($1) }
    writer.write(tensors) { writer, tensors in
      writer.write(tensors.count)
      for tensor in tensors { writer.write(tensor) }
    }
    return writer.bytes
  }

  /// Reads a state.
  ///
  /// - Parameter bytes: The bytes of `encoded`.
  /// - Throws: `SavedStateError` when the bytes are something else.
  public init(encoded bytes: [UInt8]) throws {
    var reader = try ByteReader(bytes, header: Self.header)
    let (index, begin) = (try reader.int(), try reader.int())
    cursor = StepCursor(index: index < 0 ? nil : index, begin: begin < 0 ? nil : begin)
    counters = try reader.dictionary { try $0.int() }
    scalars = try reader.dictionary { try $0.float() }
    tensors = try reader.dictionary { try $0.tensors() }
    guard reader.isAtEnd else { throw SavedStateError("trailing bytes") }
  }
}
