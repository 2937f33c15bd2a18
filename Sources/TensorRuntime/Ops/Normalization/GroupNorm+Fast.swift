extension GroupNormTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<GroupNormProblem, Body>] = []
}
