import CKernels

/// A weight matrix in the panels of one instruction set, stored in the type it came in.
struct PackedPanels: Sendable {
  /// How the sum over a weight's inputs and taps is ordered.
  enum DepthOrder: String {
    /// (tap, input): as patches of a channels-last map lie.
    case tapsFirst
    /// (input, tap): as the weight lies.
    case inputsFirst
  }

  let kernels: KernelSet
  private let storage: Storage
  let type: ck_weight_type
  /// The length of a sum.
  let depth: Int
  /// Outputs; twice the width of the result when gated.
  let columns: Int
  let gated: Bool

  /// The address the kernels read from.
  var pointer: UnsafeRawPointer { UnsafeRawPointer(storage.pointer) }
  /// Panels across the outputs; a gated one holds half as many pairs.
  var panels: Int { (columns + kernels.panel - 1) / kernels.panel }

  /// Packs [outputs, inputs, taps...], or finds it packed in the cache.
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

  /// Half precision stays as it is; everything else becomes float32.
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

  /// Multiplies all rows of a problem whose weights these are.
  ///
  /// Blocks of rows share a group of panels, so groups vary slowest. Each block copies its rows for
  /// each group, and panels flow in ahead of their use: a group may be as large as a shared cache holds.
  func multiply(rows: Int, _ problem: ck_gemm) {
    let table = kernels.table
    let tallest = depth > 8 * CK_BLOCK_DEPTH ? CK_BLOCK_ROWS / 2 : CK_BLOCK_ROWS
    let fewest = (rows + tallest - 1) / tallest
    // A few blocks go evenly into the threads; of many, one more or less for a thread does not show,
    // and fewer blocks than threads stay tall: then the groups of panels are split.
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
