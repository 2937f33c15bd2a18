import GraphRuntime
import Synchronization

/// A model as the tests know it: a name and a family, read from a one-line file.
struct StubModel: PortValue {
  static let typeName = "Model"
  var name: String
  var family: String?
}

/// A number that only a run can make.
struct Number: PortValue {
  static let typeName = "Number"
  var value: Int
  var byteCount: Int { 8 }

  init(value: Int) { self.value = value }
  func encoded() throws -> [UInt8] { Array("number \(value)".utf8) }
  init(encoded bytes: [UInt8]) throws {
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard words.count == 2, words[0] == "number", let value = Int(words[1]) else {
      throw PortValueError.damaged(Self.typeName)
    }
    self.value = value
  }
}

/// A number that claims to be large.
struct Heavy: PortValue {
  static let typeName = "Heavy"
  var value: Int
  var byteCount: Int
}

/// Records which nodes ran, across runs.
final class RunLog: Sendable {
  private let entries = Mutex<[String]>([])
  var all: [String] { entries.withLock { $0 } }
  func add(_ entry: String) { entries.withLock { $0.append(entry) } }
  func take() -> [String] {
    entries.withLock { entries in
      defer { entries = [] }
      return entries
    }
  }
}

extension NodeContext {
  func log() { services.find(RunLog.self)?.add(nodeID) }
}

/// Reads a model file: its text is `family name`.
struct ModelLoad: NodeType {
  static let summary = "Loads a model."
  static let resources = ResourceClass.light
  @Param("The model file") var path: InputPath
  @Param("How much of it", min: 0, max: 2) var weight = 1.0
  @Output("The model") var model: StubModel

  mutating func run(_ context: NodeContext) throws {
    context.log()
    let words = try TestFiles.read(path.resolved).split(separator: " ")
    guard words.count == 2 else {
      throw NodeError(
        "not a model file", port: "path", expected: "`family name`", got: "\(words.count) words")
    }
    model = StubModel(name: String(words[1]), family: String(words[0]))
  }
}

/// Puts an adapter on a model of its own family.
struct AdapterLoad: NodeType {
  static let name = "Adapter-Load"
  static let summary = "Puts an adapter on a model."
  static let resources = ResourceClass.light
  @Input("The model") var model: StubModel
  @Param("The adapter file") var path: InputPath
  @Output("The model with the adapter", name: "model", family: .same(as: "model"))
  var adapted: StubModel

  mutating func run(_ context: NodeContext) throws {
    context.log()
    let family = try TestFiles.read(path.resolved)
    guard family == model.family else {
      throw NodeError(
        "the adapter is for another model", port: "path", expected: model.family, got: family)
    }
    adapted = StubModel(name: model.name + "+" + family, family: model.family)
  }
}

/// Makes a number with a model: the stub of a long compute node.
struct Sample: NodeType {
  static let summary = "Draws a number from a model."
  @Input("The model", family: .oneOf(["small", "large"])) var model: StubModel
  @Input("Where to start") var start: Number?
  @Input("More numbers") var extras: [Number]
  @Param("Steps", min: 1, max: 100) var steps = 3
  @Param("Seed of the noise") var seed: Seed = 0
  @Param("What to draw") var prompt = ""
  @Param("How") var method = Method.plain
  @Output("The number") var number: Number
  enum Method: String, ChoiceParam { case plain, fancy }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    MemoryEstimate(workingBytes: 1000 * steps, outputBytes: 100)
  }

  mutating func run(_ context: NodeContext) throws {
    context.log()
    for step in 1...steps {
      try context.checkCancellation()
      context.progress(step: step, of: steps)
    }
    number = Number(value: (start?.value ?? 0) + steps + extras.map(\.value).reduce(0, +))
  }
}

/// Makes a constant.
struct Constant: NodeType {
  static let summary = "Makes a number."
  static let resources = ResourceClass.io
  @Param("The number") var value: Int
  @Output("The number") var number: Number

  mutating func run(_ context: NodeContext) throws {
    context.log()
    number = Number(value: value)
  }
}

/// Adds any numbers.
struct Sum: NodeType {
  static let summary = "Adds numbers."
  @Input("The numbers", minimumCount: 1) var numbers: [Number]
  @Output("The sum") var sum: Number

  mutating func run(_ context: NodeContext) throws {
    context.log()
    sum = Number(value: numbers.map(\.value).reduce(0, +))
  }
}

/// Divides with remainder: two outputs.
struct Divide: NodeType {
  static let summary = "Divides with remainder."
  @Input("What to divide") var number: Number
  @Param("By what") var by = 2
  @Output("The quotient") var quotient: Number
  @Output("The remainder") var rest: Number
  @Output("The quotient as a plain number") var plain: Int

  mutating func run(_ context: NodeContext) throws {
    context.log()
    guard by != 0 else {
      throw NodeError("division by zero", port: "by", hint: "use another number")
    }
    (quotient, rest) = (Number(value: number.value / by), Number(value: number.value % by))
    plain = quotient.value
  }
}

/// Every kind of parameter.
struct Everything: NodeType {
  static let summary = "Takes one parameter of every kind."
  @Param("A whole number", min: 64, multipleOf: 8) var width = 64
  @Param("A number", min: 0, max: 1) var amount: Double
  @Param("A text") var text = "a"
  @Param("A truth value") var flag = false
  @Param("A file") var file: InputPath?
  @Param("A file to write") var target: OutputPath?
  @Param("Texts") var labels: [String]
  @Param("A seed") var seed: Seed = 0
  @Output("The parameters as a text") var text2: String

  mutating func run(_ context: NodeContext) throws {
    context.log()
    text2 = "\(width) \(amount) \(text) \(flag) \(labels) \(seed.value)"
  }
}

/// The catalog of all stubs.
let stubTypes: [any NodeType.Type] = [
  ModelLoad.self, AdapterLoad.self, Sample.self, Constant.self, Sum.self, Divide.self,
  Everything.self,
]
