/// The implementations of convolutions.
enum ConvTable {
  typealias Maker = @Sendable (ConvParameters) -> any ConvKernel

  static let table = DispatchTable(op: "conv2d", implementations: fast + [openBLAS, reference])

  static let openBLAS = Implementation<ConvProblem, Maker>(
    name: "openblas_im2col", isa: .generic, body: { OpenBLASConv($0) })

  static let reference = Implementation<ConvProblem, Maker>(
    name: "reference", isa: .reference, body: { ReferenceConv($0) })
}
