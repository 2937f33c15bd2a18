extension LayerNormTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<LayerNormProblem, Body>] = []
}
