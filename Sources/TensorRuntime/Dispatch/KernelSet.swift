import CKernels

/// The C kernels of one instruction set.
struct KernelSet: @unchecked Sendable {
  /// The instruction set that the processor must have.
  let isa: ISA
  /// The functions.
  ///
  /// Nobody writes to the table.
  let table: UnsafePointer<ck_kernels>

  /// The name of the instruction set, which is part of the names of implementations.
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

  /// The set for work whose results do not depend on the instruction set, such as copies and exact
  /// conversions.
  static var best: KernelSet {
    let cap = Dispatch.effectiveCap
    return compiled.first { cap.allows($0.isa) } ?? portable
  }

  /// The sets that dispatch tables offer.
  static let offered = compiled.filter { ISA.ladder.contains($0.isa) }
}
