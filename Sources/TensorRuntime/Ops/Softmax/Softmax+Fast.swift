extension SoftmaxTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<SoftmaxProblem, Body>] = []
}
