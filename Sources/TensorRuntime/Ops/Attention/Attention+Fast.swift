extension AttentionTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<AttentionProblem, Body>] = []
}
