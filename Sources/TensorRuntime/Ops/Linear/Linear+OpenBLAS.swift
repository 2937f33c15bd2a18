/// Computes tiles of the result by single-threaded OpenBLAS, and finishes each while it is in
/// cache.
struct OpenBLASLinear: LinearKernel {
  private let weight: FloatView
  private let bias: FloatView?

  init(_ parameters: LinearParameters) {
    weight = parameters.plainWeight
    bias = parameters.bias
  }

  func run(_ call: LinearCall) {
    let problem = call.problem
    let width = problem.gated ? problem.outputs / 2 : problem.outputs
    let tile = Self.tile(rows: problem.rows, columns: width)
    let rowTiles = (problem.rows + tile.rows - 1) / tile.rows
    let columnTiles = (width + tile.columns - 1) / tile.columns
    Parallel.run(count: rowTiles * columnTiles, grain: 1) { tiles in
      for index in tiles {
        let row = index / columnTiles * tile.rows
        let column = index % columnTiles * tile.columns
        let rows = row..<min(problem.rows, row + tile.rows)
        let columns = column..<min(width, column + tile.columns)
        if problem.gated {
          gatedTile(call, rows, columns, width: width)
        } else {
          tileOf(call, rows, columns)
        }
      }
    }
  }

  /// The sides of a tile, which depend on the problem alone.
  ///
  /// Tiles are large for speed, but small enough that all cores have some.
  static func tile(rows: Int, columns: Int) -> (rows: Int, columns: Int) {
    let tallest = 512
    let tileRows = min(rows, tallest)
    let rowTiles = (rows + tallest - 1) / tallest
    let wanted = max(1, 16 / rowTiles)
    let share = (columns + wanted - 1) / wanted
    return (tileRows, max(1, min(columns, max(128, (share + 63) / 64 * 64))))
  }

  private func multiply(
    _ call: LinearCall, _ rows: Range<Int>, _ columns: Range<Int>,
    into output: (pointer: UnsafeMutablePointer<Float>, stride: Int)
  ) {
    let inputs = call.problem.inputs
    BLAS.multiply(
      (rows.count, columns.count, inputs),
      BLAS.Matrix(pointer: call.input + rows.lowerBound * inputs, stride: inputs),
      BLAS.Matrix(
        pointer: weight.pointer + columns.lowerBound * inputs, stride: inputs, transposed: true),
      into: output)
  }

  private func tileOf(_ call: LinearCall, _ rows: Range<Int>, _ columns: Range<Int>) {
    let width = call.problem.outputs
    let first = rows.lowerBound * width + columns.lowerBound
    multiply(call, rows, columns, into: (call.output + first, width))
    for row in rows {
      let start = row * width + columns.lowerBound
      let line = call.output + start
      if let bias { addInPlace(line, bias.pointer + columns.lowerBound, columns.count) }
      if let residual = call.residual { addInPlace(line, residual + start, columns.count) }
      call.problem.activation.apply(line, count: columns.count)
    }
  }

  private func gatedTile(
    _ call: LinearCall, _ rows: Range<Int>, _ columns: Range<Int>, width: Int
  ) {
    let tileCount = rows.count * columns.count
    Scratch.floats(tileCount) { gates in
      let first = call.output + rows.lowerBound * width + columns.lowerBound
      multiply(call, rows, columns, into: (first, width))
      let gateColumns = columns.lowerBound + width..<columns.upperBound + width
      multiply(call, rows, gateColumns, into: (gates, columns.count))
      for row in 0..<rows.count {
        let values = first + row * width
        let gate = gates + row * columns.count
        if let bias {
          addInPlace(values, bias.pointer + columns.lowerBound, columns.count)
          addInPlace(gate, bias.pointer + gateColumns.lowerBound, columns.count)
        }
        call.problem.activation.apply(gate, count: columns.count)
        for column in 0..<columns.count { values[column] *= gate[column] }
      }
    }
  }
}

/// Adds one run of floats to another.
@inline(__always)
func addInPlace(
  _ destination: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, _ count: Int
) {
  for index in 0..<count { destination[index] += source[index] }
}
