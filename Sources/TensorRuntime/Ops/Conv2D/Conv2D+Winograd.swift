import CKernels

/// The sizes m of output tiles for which there are Winograd convolutions, F(m x m, 3x3).
enum WinogradTile: Int, Sendable, CaseIterable {
  /// Takes 16 multiplications instead of 36, with errors hardly above those of the direct sum.
  case two = 2
  /// Takes 36 multiplications instead of 144.
  case four = 4
  /// Takes 64 multiplications instead of 324, with four times the error of `four`.
  case six = 6

  /// The kernels of this size.
  func kernels(_ table: UnsafePointer<ck_kernels>) -> ck_winograd_kernels {
    switch self {
    case .two: table.pointee.winograd2.pointee
    case .four: table.pointee.winograd4.pointee
    case .six: table.pointee.winograd6.pointee
    }
  }

  /// Tiles over all maps of a batch.
  func count(_ problem: ConvProblem) -> Int {
    let (down, across) = (problem.outputHeight, problem.outputWidth)
    return problem.batch * ((down + rawValue - 1) / rawValue) * ((across + rawValue - 1) / rawValue)
  }
}

/// Computes 3x3 convolutions of stride 1 by Winograd's method: products of transformed tiles and
/// transformed weights.
///
/// Weights are transformed just before they are used, because that is cheaper than reading the
/// transformed ones from memory, which are two to seven times as many. Tiles are computed in
/// groups. Where there are many groups, each task computes a whole group by itself. Otherwise the
/// tasks share a group, and each computes some panels of output channels. Both ways give the same
/// bits.
struct WinogradConv: ConvKernel {
  private let parameters: ConvParameters
  private let weights: PackedPanels
  private let tile: WinogradTile
  private let table: ck_winograd_kernels
  /// Results of at least this size are written past the caches, for they would leave them anyway
  /// before they are read again.
  private let streamedBytes: Int

  /// The tiles of a group that one task computes alone.
  ///
  /// They share each transformed weight.
  private static let aloneTiles = 64
  /// The most tiles of a group that tasks share, and the most floats of its transformed input.
  private static let groupTiles = 128
  private static let groupBytes = 24 << 20
  /// The fewest channels that fill enough of a vector.
  private static let fewestChannels = 16

  @Sendable static func refusal(_ problem: ConvProblem) -> Refusal? {
    if problem.kernelHeight != 3 || problem.kernelWidth != 3 { return Refusal("not 3x3") }
    if problem.stride != 1 { return Refusal("stride \(problem.stride)") }
    if problem.inputChannels < fewestChannels { return Refusal("few inputs") }
    if problem.outputHeight * problem.outputWidth <= 4 { return Refusal("smaller than a tile") }
    return nil
  }

  init(
    _ parameters: ConvParameters, kernels: KernelSet, tile: WinogradTile,
    streamedBytes: Int = 24 << 20
  ) {
    self.streamedBytes = streamedBytes
    self.parameters = parameters
    self.tile = tile
    table = tile.kernels(kernels.table)
    weights = PackedPanels(parameters.weight, kernels: kernels, cache: parameters.packs)
  }

  func run(_ call: ConvCall) {
    let p = call.problem
    let tiles = tile.count(p)
    let outputBytes = p.outputPixels * p.outputChannels * MemoryLayout<Float>.stride
    let alone = (tiles + Self.aloneTiles - 1) / Self.aloneTiles
    call.withKernelInput(tile: tile.rawValue) { input in
      func problem(_ range: Range<Int>, _ transformed: UnsafeMutablePointer<Float>) -> ck_winograd {
        ck_winograd(
          input: input, weights: weights.pointer, weight_type: weights.type,
          out_channels: p.outputChannels, out: call.output,
          epilogue: call.epilogue(bias: parameters.bias), tile_begin: range.lowerBound,
          tile_end: range.upperBound, transformed: transformed,
          streaming: outputBytes >= streamedBytes)
      }
      if alone >= 4 * Parallel.threadCount {
        runAlone(groups: alone, tiles: tiles, channels: p.inputChannels, problem)
      } else {
        runTogether(tiles: tiles, channels: p.inputChannels, problem)
      }
    }
  }

  /// How many panels to compute in one call: their sums over all tiles and their weights stay in
  /// the second-level cache together.
  private func panelsPerCall(tiles: Int) -> Int {
    let sums = table.positions * tiles * weights.kernels.panel * MemoryLayout<Float>.stride
    return min(4, max(1, CacheSize.secondLevel * 3 / 8 / sums))
  }

  /// Lets each task transform, multiply and store whole groups of tiles, in memory of its own.
  private func runAlone(
    groups: Int, tiles: Int, channels: Int,
    _ problem: (Range<Int>, UnsafeMutablePointer<Float>) -> ck_winograd
  ) {
    let largest = (tiles + groups - 1) / groups
    let panels = panelsPerCall(tiles: largest)
    let inputFloats = table.input_floats(largest, channels)
    let scratch = inputFloats + table.scratch_floats(largest, panels)
    Parallel.run(count: groups, grain: 1, scratch: scratch) { range, memory in
      for group in range {
        let part = share(group, of: groups, tiles)
        withUnsafePointer(to: problem(part, memory)) { own in
          table.input(own, 0, part.count)
          for first in stride(from: 0, to: weights.panels, by: panels) {
            table.output(
              own, 0, part.count, first, min(first + panels, weights.panels), memory + inputFloats)
          }
        }
      }
    }
  }

  /// Lets all tasks work on the same group of tiles, one group after the other.
  private func runTogether(
    tiles: Int, channels: Int,
    _ problem: (Range<Int>, UnsafeMutablePointer<Float>) -> ck_winograd
  ) {
    let tileBytes = 4 * table.input_floats(1, channels)
    let largest = max(1, min(Self.groupTiles, Self.groupBytes / tileBytes))
    let groups = (tiles + largest - 1) / largest
    let inputFloats = table.input_floats((tiles + groups - 1) / groups, channels)
    Scratch.floats(inputFloats) { transformed in
      for group in 0..<groups { run(problem(share(group, of: groups, tiles), transformed)) }
    }
  }

  private func run(_ group: ck_winograd) {
    let tiles = group.tile_end - group.tile_begin
    // Where there are fewer panels than threads the tiles are split too, although weights are then
    // transformed more than once.
    let wanted = (2 * Parallel.threadCount + weights.panels - 1) / weights.panels
    let splits = max(1, min(wanted, tiles / 14))
    let largest = (tiles + splits - 1) / splits
    let spread = max(1, weights.panels * splits / (4 * Parallel.threadCount))
    let panels = min(spread, panelsPerCall(tiles: largest))
    let calls = (weights.panels + panels - 1) / panels
    let scratch = table.scratch_floats(largest, panels)
    withUnsafePointer(to: group) { problem in
      Parallel.run(count: tiles, grain: 8) { range in
        table.input(problem, range.lowerBound, range.upperBound)
      }
      Parallel.run(count: calls * splits, grain: 1, scratch: scratch) { range, memory in
        for index in range {
          let part = share(index % splits, of: splits, tiles)
          let first = index / splits * panels
          table.output(
            problem, part.lowerBound, part.upperBound, first, min(first + panels, weights.panels),
            memory)
        }
      }
    }
  }
}
