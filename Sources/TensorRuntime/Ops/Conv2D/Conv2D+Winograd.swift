import CKernels

/// Stride-1 3x3 convolutions by Winograd's F(4x4, 3x3): 36 multiplications where 144 would be.
///
/// Weights are transformed at each call: that is cheaper than reading four times as many weights
/// from memory, and takes none. Tiles go by in groups whose transformed input stays in cache. Where
/// there are many groups, each task makes all of one by itself, with weights transformed ahead;
/// otherwise the tasks share a group and each makes one panel of output channels.
struct WinogradConv: ConvKernel {
  private let parameters: ConvParameters
  private let weights: PackedPanels

  /// The most tiles in a group that tasks share, and the most memory of its transformed input: many
  /// tiles share the transformed weights, but their sums must stay in the second-level cache.
  private static let groupTiles = 128
  private static let groupBytes = 24 << 20
  /// Tiles in a group that one task makes alone, and the most memory for weights transformed ahead.
  private static let aloneTiles = 64
  private static let preparedBytes = 64 << 20
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
    let preparedFloats = weights.panels * table.pointee.winograd_weight_floats(p.inputChannels)
    let alone = (tiles + Self.aloneTiles - 1) / Self.aloneTiles
    call.withKernelInput { input in
      func problem(_ range: Range<Int>, _ transformed: UnsafeMutablePointer<Float>) -> ck_winograd {
        ck_winograd(
          input: input, weights: weights.pointer, weight_type: weights.type,
          out_channels: p.outputChannels, out: call.output,
          epilogue: call.epilogue(bias: parameters.bias), tile_begin: range.lowerBound,
          tile_end: range.upperBound, transformed: transformed, prepared: nil)
      }
      if alone >= 4 * Parallel.threadCount && 4 * preparedFloats <= Self.preparedBytes {
        runAlone(groups: alone, tiles: tiles, preparedFloats: preparedFloats, problem)
      } else {
        runTogether(tiles: tiles, channels: p.inputChannels, problem)
      }
    }
  }

  /// Each task transforms, multiplies and stores whole groups of tiles in memory of its own.
  private func runAlone(
    groups: Int, tiles: Int, preparedFloats: Int,
    _ problem: (Range<Int>, UnsafeMutablePointer<Float>) -> ck_winograd
  ) {
    let table = weights.kernels.table
    Scratch.floats(preparedFloats) { prepared in
      let whole = problem(0..<tiles, prepared)
      withUnsafePointer(to: whole) { whole in
        Parallel.run(count: weights.panels, grain: 1) { range in
          for panel in range { table.pointee.winograd_weights(whole, panel, prepared) }
        }
      }
      let largest = (tiles + groups - 1) / groups
      let channels = whole.input.channels
      let inputFloats = table.pointee.winograd_input_floats(largest, channels)
      let scratch = inputFloats + table.pointee.winograd_scratch_floats(largest, channels)
      Parallel.run(count: groups, grain: 1, scratch: scratch) { range, memory in
        for group in range {
          let part = share(group, of: groups, tiles)
          var own = problem(part, memory)
          own.prepared = UnsafePointer(prepared)
          withUnsafePointer(to: own) { own in
            table.pointee.winograd_input(own, 0, part.count)
            for panel in 0..<weights.panels {
              table.pointee.winograd_output(own, 0, part.count, panel, memory + inputFloats)
            }
          }
        }
      }
    }
  }

  /// All tasks work on one group of tiles after the other.
  private func runTogether(
    tiles: Int, channels: Int,
    _ problem: (Range<Int>, UnsafeMutablePointer<Float>) -> ck_winograd
  ) {
    let table = weights.kernels.table
    let tileBytes = 4 * table.pointee.winograd_input_floats(1, channels)
    let largest = max(1, min(Self.groupTiles, Self.groupBytes / tileBytes))
    let groups = (tiles + largest - 1) / largest
    let inputFloats = table.pointee.winograd_input_floats((tiles + groups - 1) / groups, channels)
    Scratch.floats(inputFloats) { transformed in
      for group in 0..<groups { run(problem(share(group, of: groups, tiles), transformed)) }
    }
  }

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
      Parallel.run(count: panels * splits, grain: 1, scratch: scratch) { range, memory in
        for index in range {
          let part = share(index % splits, of: splits, tiles)
          table.pointee.winograd_output(
            problem, part.lowerBound, part.upperBound, index / splits, memory)
        }
      }
    }
  }
}
