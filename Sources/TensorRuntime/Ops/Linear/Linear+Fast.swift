extension LinearTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<LinearProblem, Maker>] = []
}
