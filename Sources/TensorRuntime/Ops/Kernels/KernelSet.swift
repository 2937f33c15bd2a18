import CKernels

/// The C kernels of one instruction set.
struct KernelSet: @unchecked Sendable {
  /// What the processor must have.
  let isa: ISA
  /// The functions; the table is constant.
  let table: UnsafePointer<ck_kernels>

  /// The name of the instruction set, part of the names of implementations.
  var name: String { String(cString: table.pointee.name) }
  /// Columns of a panel of packed weights.
  var panel: Int { table.pointee.panel }

  /// The kernels compiled for the baseline of the architecture.
  static let portable = KernelSet(isa: .baseline, table: ck_kernels_generic())

  /// Every set compiled for this architecture, best first, whether or not the processor can run it.
  static let compiled: [KernelSet] = {
    var sets: [KernelSet] = []
    if let table = ck_kernels_avx512() { sets.append(KernelSet(isa: .avx512, table: table)) }
    if let table = ck_kernels_avx2() { sets.append(KernelSet(isa: .avx2, table: table)) }
    return sets + [portable]
  }()

  /// The set for work whose results do not depend on the instruction set: copies, exact conversions.
  static var best: KernelSet {
    let cap = Dispatch.effectiveCap
    return compiled.first { cap.allows($0.isa) } ?? portable
  }

  /// The sets that dispatch tables offer.
  static let offered = compiled.filter { ISA.ladder.contains($0.isa) }
}

extension Activation {
  /// The same function as the C kernels name it.
  var kernel: ck_activation {
    switch self {
    case .none: CK_IDENTITY
    case .silu: CK_SILU
    case .gelu: CK_GELU
    case .quickGELU: CK_QUICK_GELU
    case .relu: CK_RELU
    }
  }
}

/// Cuts `count` items into equal parts: part `index` of `parts`.
func share(_ index: Int, of parts: Int, _ count: Int) -> Range<Int> {
  count * index / parts..<count * (index + 1) / parts
}

extension DType {
  /// The bytes that an element of a weight takes once a layer has packed it.
  ///
  /// Half precision stays as it is where the kernels of an instruction set read it.
  public var packedByteCount: Int {
    let readsHalves = KernelSet.offered.contains { Dispatch.effectiveCap.allows($0.isa) }
    return readsHalves && (self == .float16 || self == .bfloat16) ? 2 : 4
  }
}
