import CKernels

/// A weight matrix packed in panels for one instruction set, in the element type it was stored in.
struct PackedPanels: Sendable {
  /// How the sum over a weight's inputs and taps is ordered.
  enum DepthOrder: String {
    /// (tap, input), the order of a patch of a channels-last map.
    case tapsFirst
    /// (input, tap), the order of the stored weight.
    case inputsFirst
  }

  let kernels: KernelSet
  private let storage: Storage
  let type: ck_weight_type
  /// The length of a sum.
  let depth: Int
  /// The number of outputs, which is twice the width of the result when gated.
  let columns: Int
  let gated: Bool

  /// The address the kernels read from.
  var pointer: UnsafeRawPointer { UnsafeRawPointer(storage.pointer) }
  /// The number of panels across the outputs.
  ///
  /// A panel of a gated layer holds half as many pairs.
  var panels: Int { (columns + kernels.panel - 1) / kernels.panel }

  /// Packs a weight [outputs, inputs, taps...], or finds it packed in the cache.
  init(
    _ weight: RawTensor, kernels: KernelSet, order: DepthOrder = .inputsFirst,
    gated: Bool = false, cache: PackCache
  ) {
    self.kernels = kernels
    self.gated = gated
    columns = weight.shape[0]
    depth = weight.shape.dropFirst().reduce(1, *)
    let type = Self.type(of: weight.dtype)
    self.type = type
    let (columns, depth) = (columns, depth)
    let form = "panels \(kernels.panel) \(order)\(gated ? " gated" : "")"
    storage = cache.pack(form) {
      Self.pack(weight, (kernels, order, gated, type), depth: depth, columns: columns)
    }
  }

  /// The packed type: half precision stays as it is, all other types become float32.
  private static func type(of dtype: DType) -> ck_weight_type {
    switch dtype {
    case .float16: CK_FLOAT16
    case .bfloat16: CK_BFLOAT16
    default: CK_FLOAT32
    }
  }

  private static func pack(
    _ weight: RawTensor,
    _ form: (kernels: KernelSet, order: DepthOrder, gated: Bool, type: ck_weight_type),
    depth: Int, columns: Int
  ) -> Storage {
    let table = form.kernels.table
    let bytes = table.pointee.packed_bytes(depth, columns, form.gated, form.type)
    let storage = Storage(lasting: (bytes + 3) / 4)
    let inputs = weight.shape[1]
    let panel = form.kernels.panel
    let panels = (columns + panel - 1) / panel
    func pack(_ source: UnsafeRawPointer) {
      let packing = ck_packing(
        source: source, source_type: form.type, outputs: columns, inputs: inputs,
        taps: depth / inputs, taps_first: form.order == .tapsFirst, gated: form.gated,
        packed: storage.pointer, packed_type: form.type)
      withUnsafePointer(to: packing) { packing in
        Parallel.run(count: panels, grain: 1) { range in
          table.pointee.pack_weights(packing, range.lowerBound, range.upperBound)
        }
      }
    }
    if weight.dtype == .float32 || form.type != CK_FLOAT32 {
      weight.withBytesReadOnce { bytes in
        if let base = bytes.baseAddress { pack(base) }
      }
    } else {
      let floats = weight.alignedFloats()
      withExtendedLifetime(floats) { pack(floats.pointer) }
    }
    return storage
  }

  /// Multiplies all rows of a problem with these weights.
  ///
  /// All blocks of rows use the same group of panels before the next group is begun. Each block
  /// copies its rows again for each group. A group may be as large as the cache that the cores
  /// share, because panels are prefetched.
  func multiply(rows: Int, _ problem: ck_gemm) {
    let table = kernels.table
    let tallest = depth > 8 * CK_BLOCK_DEPTH ? CK_BLOCK_ROWS / 2 : CK_BLOCK_ROWS
    let fewest = (rows + tallest - 1) / tallest
    // A small number of blocks should divide evenly among the threads. Of many blocks one more for
    // a thread hardly matters. Where there are fewer blocks than threads the blocks stay tall, and
    // the groups of panels are split instead.
    let threads = Parallel.threadCount
    let rowBlocks =
      fewest >= threads && fewest < 16 * threads
      ? min(rows, (fewest + threads - 1) / threads * threads) : fewest
    let panelBytes = depth * kernels.panel * 4
    let cached = max(4, CacheSize.sharedWeights / max(1, panelBytes))
    let wanted = max(
      (panels + cached - 1) / cached, (4 * threads + rowBlocks - 1) / rowBlocks)
    let groups = min(panels, wanted)
    let scratch = table.pointee.gemm_scratch_floats((rows + rowBlocks - 1) / rowBlocks, depth)
    withUnsafePointer(to: problem) { problem in
      Parallel.run(count: groups * rowBlocks, grain: 1, scratch: scratch) { range, memory in
        for index in range {
          let part = share(index % rowBlocks, of: rowBlocks, rows)
          let group = share(index / rowBlocks, of: groups, panels)
          table.pointee.gemm(
            problem, part.lowerBound, part.upperBound, group.lowerBound, group.upperBound, memory)
        }
      }
    }
  }
}

/// Divides `count` items into `parts` parts of nearly equal size, and returns the one at `index`.
func share(_ index: Int, of parts: Int, _ count: Int) -> Range<Int> {
  count * index / parts..<count * (index + 1) / parts
}

extension DType {
  /// The bytes that an element of a weight takes once a layer has packed it.
  ///
  /// Half precision is not widened where there are kernels that read it.
  public var packedByteCount: Int {
    let readsHalves = KernelSet.offered.contains { Dispatch.effectiveCap.allows($0.isa) }
    return readsHalves && (self == .float16 || self == .bfloat16) ? 2 : 4
  }
}
