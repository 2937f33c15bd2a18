/// The implementations of linear layers.
enum LinearTable {
  typealias Maker = @Sendable (LinearParameters) -> any LinearKernel

  static let table = DispatchTable(op: "linear", implementations: fast + [openBLAS, reference])

  static let openBLAS = Implementation<LinearProblem, Maker>(
    name: "openblas", isa: .generic, body: { OpenBLASLinear($0) })

  static let reference = Implementation<LinearProblem, Maker>(
    name: "reference", isa: .reference, body: { ReferenceLinear($0) })
}
