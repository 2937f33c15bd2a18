/// The elements of one block of an elementwise loop.
///
/// Computing a block takes longer than waking a thread.
let elementwiseGrain = 1 << 16

/// A function of one number.
///
/// Operations are types, not closures, so that the compiler specialises and vectorises each loop.
protocol UnaryOperation: Sendable {
  func callAsFunction(_ x: Float) -> Float
}

/// A function of two numbers.
protocol BinaryOperation: Sendable {
  func callAsFunction(_ a: Float, _ b: Float) -> Float
}

struct Sum: BinaryOperation {
  @inline(__always) func callAsFunction(_ a: Float, _ b: Float) -> Float { a + b }
}

struct Difference: BinaryOperation {
  @inline(__always) func callAsFunction(_ a: Float, _ b: Float) -> Float { a - b }
}

struct Product: BinaryOperation {
  @inline(__always) func callAsFunction(_ a: Float, _ b: Float) -> Float { a * b }
}

struct Quotient: BinaryOperation {
  @inline(__always) func callAsFunction(_ a: Float, _ b: Float) -> Float { a / b }
}

struct WeightedSum: BinaryOperation {
  let x: Float
  let y: Float
  @inline(__always) func callAsFunction(_ a: Float, _ b: Float) -> Float { a * x + b * y }
}

struct Negation: UnaryOperation {
  @inline(__always) func callAsFunction(_ x: Float) -> Float { -x }
}

/// Limits to a range; NaN stays NaN.
struct Limiting: UnaryOperation {
  let low: Float
  let high: Float
  @inline(__always) func callAsFunction(_ x: Float) -> Float {
    x < low ? low : (x > high ? high : x)
  }
}

/// An operation whose first operand is fixed.
struct BindLeft<Operation: BinaryOperation>: UnaryOperation {
  let operation: Operation
  let left: Float

  init(_ operation: Operation, _ left: Float) {
    self.operation = operation
    self.left = left
  }

  @inline(__always) func callAsFunction(_ x: Float) -> Float { operation(left, x) }
}

/// An operation whose second operand is fixed.
struct BindRight<Operation: BinaryOperation>: UnaryOperation {
  let operation: Operation
  let right: Float

  init(_ operation: Operation, _ right: Float) {
    self.operation = operation
    self.right = right
  }

  @inline(__always) func callAsFunction(_ x: Float) -> Float { operation(x, right) }
}

extension Tensor {
  /// Applies an operation to every element.
  func map<Operation: UnaryOperation>(_ operation: Operation) -> Tensor {
    let source = base
    return withTensors(self) {
      Tensor(shape: shape, layout: layout) { destination in
        OpProfile.measure(ValueProblem(op: "map", count: count), "loop") {
          Parallel.run(count: count, grain: elementwiseGrain) { range in
            let (from, to) = (source + range.lowerBound, destination + range.lowerBound)
            for index in 0..<range.count { to[index] = operation(from[index]) }
          }
        }
      }
    }
  }

  /// Combines two tensors of equal shape element by element, in the first one's layout.
  static func zip<Operation: BinaryOperation>(
    _ lhs: Tensor, _ rhs: Tensor, _ operation: Operation
  ) -> Tensor {
    precondition(lhs.shape == rhs.shape, "shapes differ: \(lhs.shape) and \(rhs.shape)")
    let other = rhs.inLayout(lhs.layout)
    let first = lhs.base
    let second = other.base
    return withTensors(lhs, other) {
      Tensor(shape: lhs.shape, layout: lhs.layout) { destination in
        OpProfile.measure(ValueProblem(op: "combine", count: lhs.count), "loop") {
          Parallel.run(count: lhs.count, grain: elementwiseGrain) { range in
            let (a, b) = (first + range.lowerBound, second + range.lowerBound)
            let result = destination + range.lowerBound
            for index in 0..<range.count { result[index] = operation(a[index], b[index]) }
          }
        }
      }
    }
  }
}
