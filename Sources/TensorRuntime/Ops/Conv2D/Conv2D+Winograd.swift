import CKernels

/// Stride-1 3x3 convolutions by Winograd's F(4x4, 3x3): 36 multiplications where 144 would be.
///
/// Weights are transformed at each call, next to their use: that is cheaper than reading four times
/// as many weights from memory, and takes none. Tiles go by in groups whose transformed input stays
/// in the last-level cache; within a group each task makes one panel of output channels.
struct WinogradConv: ConvKernel {
  private let parameters: ConvParameters
  private let weights: PackedPanels

  /// The most memory of a group's transformed input.
  private static let groupBytes = 24 << 20
  /// Fewer channels than this fill too little of a vector.
  private static let fewestChannels = 16

  @Sendable static func refusal(_ problem: ConvProblem) -> Refusal? {
    if problem.kernelHeight != 3 || problem.kernelWidth != 3 { return Refusal("not 3x3") }
    if problem.stride != 1 { return Refusal("stride \(problem.stride)") }
    if problem.inputChannels < fewestChannels { return Refusal("few inputs") }
    if problem.outputHeight * problem.outputWidth <= 4 { return Refusal("smaller than a tile") }
    return nil
  }

  init(_ parameters: ConvParameters, kernels: KernelSet) {
    self.parameters = parameters
    weights = PackedPanels(parameters.weight, kernels: kernels, cache: parameters.packs)
  }

  func run(_ call: ConvCall) {
    let p = call.problem
    let table = weights.kernels.table
    let tiles = p.batch * ((p.outputHeight + 3) / 4) * ((p.outputWidth + 3) / 4)
    let tileBytes = 4 * table.pointee.winograd_input_floats(1, p.inputChannels)
    let largest = max(1, min(Self.groupTiles(p.inputChannels), Self.groupBytes / tileBytes))
    let groups = (tiles + largest - 1) / largest
    let inputFloats = table.pointee.winograd_input_floats(
      (tiles + groups - 1) / groups, p.inputChannels)
    Scratch.floats(inputFloats) { transformed in
      call.withKernelInput { input in
        for group in 0..<groups {
          let range = share(group, of: groups, tiles)
          run(
            ck_winograd(
              input: input, weights: weights.pointer, weight_type: weights.type,
              out_channels: p.outputChannels, out: call.output,
              epilogue: call.epilogue(bias: parameters.bias), tile_begin: range.lowerBound,
              tile_end: range.upperBound, transformed: transformed))
        }
      }
    }
  }

  /// The most tiles in a group: many share the transformed weights, but their sums must stay in the
  /// second-level cache, which matters more the fewer products there are for each.
  private static func groupTiles(_ channels: Int) -> Int { channels < 256 ? 64 : 128 }

  private func run(_ group: ck_winograd) {
    let table = weights.kernels.table
    let tiles = group.tile_end - group.tile_begin
    let panels = weights.panels
    // Few panels on many threads: tiles are split too, at the price of transforming weights twice.
    let wanted = (2 * Parallel.threadCount + panels - 1) / panels
    let splits = max(1, min(wanted, tiles / 14))
    let scratch = table.pointee.winograd_scratch_floats(
      (tiles + splits - 1) / splits, group.input.channels)
    withUnsafePointer(to: group) { problem in
      Parallel.run(count: tiles, grain: 8) { range in
        table.pointee.winograd_input(problem, range.lowerBound, range.upperBound)
      }
      Parallel.run(count: panels * splits, grain: 1) { range in
        Scratch.floats(scratch) { memory in
          for index in range {
            let part = share(index % splits, of: splits, tiles)
            table.pointee.winograd_output(
              problem, part.lowerBound, part.upperBound, index / splits, memory)
          }
        }
      }
    }
  }
}
