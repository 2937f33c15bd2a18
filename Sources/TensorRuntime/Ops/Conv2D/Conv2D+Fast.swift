extension ConvTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<ConvProblem, Maker>] = []
}
