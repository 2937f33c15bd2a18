#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Exponentials of the last dimension divided by their sum.
///
/// - Parameter x: [..., D].
/// - Returns: [..., D], contiguous; each row sums to one. A row with NaN or +infinity is NaN.
public func softmax(_ x: Tensor) -> Tensor {
  guard let width = x.shape.last else { preconditionFailure("a single number has no rows") }
  let problem = SoftmaxProblem(rows: x.count / max(1, width), width: width)
  let input = x.contiguous()
  x.refuseGradient("softmax")
  return withTensors(input) {
    Tensor(shape: x.shape) { destination in
      guard x.count > 0 else { return }
      let implementation = SoftmaxTable.table.choose(problem)
      OpProfile.measure(problem, implementation.name) {
        implementation.body(input.base, destination, problem)
      }
    }
  }
}

/// The sizes of a softmax.
struct SoftmaxProblem: Sendable, CustomStringConvertible {
  let rows: Int
  let width: Int

  var description: String { "\(rows)x\(width)" }
}

extension SoftmaxProblem: ProfiledProblem {
  var op: String { "softmax" }
  var kind: OpProfile.Kind { .elementwise }
}

/// The ways to compute softmax.
enum SoftmaxTable {
  typealias Body =
    @Sendable (
      UnsafePointer<Float>, UnsafeMutablePointer<Float>, SoftmaxProblem
    ) -> Void

  static let table = DispatchTable(op: "softmax", implementations: fast + [portable, reference])

  static let portable = Implementation<SoftmaxProblem, Body>(
    name: "portable", isa: .generic
  ) { source, destination, problem in
    let width = problem.width
    Parallel.run(count: problem.rows, grain: max(1, elementwiseGrain / width)) { rows in
      for row in rows {
        let line = destination + row * width
        line.update(from: source + row * width, count: width)
        let sum = VectorMath.exponentiate(line, minus: VectorMath.maximum(line, width), width)
        let scale = 1 / sum
        for index in 0..<width { line[index] *= scale }
      }
    }
  }

  static let reference = Implementation<SoftmaxProblem, Body>(
    name: "reference", isa: .reference
  ) { source, destination, problem in
    let width = problem.width
    Parallel.run(count: problem.rows, grain: max(1, elementwiseGrain / width)) { rows in
      for row in rows {
        let x = source + row * width
        var largest = -Double.infinity
        for index in 0..<width where !(Double(x[index]) <= largest) { largest = Double(x[index]) }
        var sum = 0.0
        for index in 0..<width { sum += exp(Double(x[index]) - largest) }
        for index in 0..<width {
          destination[row * width + index] = Float(exp(Double(x[index]) - largest) / sum)
        }
      }
    }
  }
}
