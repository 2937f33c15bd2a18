import GraphRuntime
import Resgraph

/// What `run --json` prints.
struct RunReport: Encodable {
  struct Output: Encodable {
    let name: String
    let paths: [String]
  }

  let schemaVersion = 1
  let graph: String
  let outputs: [Output]
  let params: [String: ParamReport]
  let seconds: Double
  let peakTensorBytes: Int

  init(_ plan: Plan, _ result: RunResult) {
    graph = plan.graph.name
    outputs = result.outputs.map { Output(name: $0.name, paths: $0.paths) }
    params = plan.graph.paramValues.mapValues(ParamReport.init)
    seconds = result.seconds
    peakTensorBytes = Engine.peakTensorBytes
  }

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case graph
    case outputs
    case params
    case seconds
    case peakTensorBytes = "peak_tensor_bytes"
  }
}

/// A parameter's value in JSON's own types.
struct ParamReport: Encodable {
  let value: Literal

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch value {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .float(let number) where number.isFinite: try container.encode(number)
    case .float: try container.encode(value.description)
    case .string(let value): try container.encode(value)
    case .list(let items): try container.encode(items.map(ParamReport.init))
    }
  }
}
