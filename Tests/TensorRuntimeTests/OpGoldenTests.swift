import Foundation
import TestSupport
import Testing

@testable import TensorRuntime

/// Every implementation of every op, the reference included, against torch.
@Suite struct OpGoldenTests {
  struct Packed: Decodable {
    let shape: [Int]
    let values: [Float]
    var tensor: Tensor { Tensor(values, shape: shape) }
    var raw: RawTensor { RawTensor(values, shape: shape) }
  }

  struct Options: Decodable {
    var stride: Int?
    var padding: [Int]?
    var size: [Int]?
    var activation: String?
    var groups: Int?
    var eps: Float?
    var heads: Int?
    var causal: Bool?
    var kernel: Int?
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let op: String
    let name: String
    let options: Options
    let result: Packed
    let tensors: [String: Packed]
    var testDescription: String { "\(op): \(name)" }

    func tensor(_ key: String) throws -> Tensor { try #require(tensors[key]).tensor }
    func raw(_ key: String) throws -> RawTensor { try #require(tensors[key]).raw }
    func activation() throws -> Activation {
      try #require(options.activation.flatMap(Activation.init(rawValue:)))
    }
  }

  struct File: Decodable { let cases: [Case] }

  static let cases: [Case] = {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/ops.json")
    guard let data = try? Data(contentsOf: path) else { return [] }
    return (try? JSONDecoder().decode(File.self, from: data).cases) ?? []
  }()

  @Test func fixturesAreThere() { #expect(Self.cases.count == 32) }

  @Test(arguments: OpGoldenTests.cases)
  func agreesWithTorch(_ golden: Case) throws {
    let expected = golden.result.tensor
    for cap in ISA.allCases {
      let found = try Dispatch.$cap.withValue(cap) { try compute(golden) }
      let tolerance: Tolerance =
        switch golden.op {
        case "conv2d": .transformed
        // A mean of 100 leaves the deviations five digits.
        case "group_norm": Tolerance(maxError: 2e-5, nmse: 1e-10)
        default: .reordered
        }
      expectClose(found, expected, within: tolerance, "\(golden.op) \(golden.name), \(cap)")
    }
  }

  private func compute(_ golden: Case) throws -> Tensor {
    switch golden.op {
    case "conv2d": try convolution(golden)
    case "group_norm":
      GroupNorm(
        groups: try #require(golden.options.groups), weight: try golden.raw("weight"),
        bias: try golden.raw("bias"), eps: try #require(golden.options.eps))(
          try golden.tensor("x"), activation: try golden.activation())
    case "layer_norm":
      LayerNorm(
        weight: try golden.raw("weight"), bias: try golden.raw("bias"),
        eps: try #require(golden.options.eps))(try golden.tensor("x"))
    case "attention":
      scaledDotProductAttention(
        query: try golden.tensor("query"), key: try golden.tensor("key"),
        value: try golden.tensor("value"), heads: try #require(golden.options.heads),
        causal: golden.options.causal == true)
    case "linear":
      Linear(weight: try golden.raw("weight"), bias: try golden.raw("bias"))(
        try golden.tensor("x"), residual: golden.tensors["residual"]?.tensor,
        activation: try golden.activation())
    case "geglu":
      Linear(weight: try golden.raw("weight"), bias: try golden.raw("bias"))
        .geglu(try golden.tensor("x"))
    case "activation":
      activate(try golden.tensor("x"), try golden.activation())
    case "softmax": softmax(try golden.tensor("x"))
    case "upsample":
      upsampleNearest(
        try golden.tensor("x"), height: try #require(golden.options.size?.first),
        width: try #require(golden.options.size?.last))
    case "average_pool":
      averagePool2D(
        try golden.tensor("x"), kernel: try #require(golden.options.kernel),
        stride: try #require(golden.options.stride))
    default: throw UnknownOp(name: golden.op)
    }
  }

  struct UnknownOp: Error { let name: String }

  private func convolution(_ golden: Case) throws -> Tensor {
    let padding = try #require(golden.options.padding)
    let size = try #require(golden.options.size)
    let layer = Conv2D(
      weight: try golden.raw("weight"), bias: golden.tensors["bias"]?.raw,
      stride: try #require(golden.options.stride),
      padding: Padding(top: padding[0], left: padding[1], bottom: padding[2], right: padding[3]))
    return layer(
      try golden.tensor("x"), residual: golden.tensors["residual"]?.tensor,
      activation: try golden.activation(),
      perChannel: golden.tensors["channels"]?.tensor,
      upsampledTo: size.isEmpty ? nil : (size[0], size[1]))
  }
}
