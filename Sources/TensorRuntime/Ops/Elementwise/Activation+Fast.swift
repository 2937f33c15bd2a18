extension ActivationTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<ElementwiseProblem, Body>] = []
}
