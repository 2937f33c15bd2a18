import ArgumentParser
import GraphRuntime
import Resgraph
import ResgraphFiles

/// `resgraph train`.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Trains a ResAdapter on a folder of captioned pictures.",
    discussion: """
      resgraph train --pretrained_model=models/sd15 --dataset=pictures --output_dir=adapter \\
        --train_batch_size=4 --rank=8 --random_flip

      Every parameter of the node ResAdapterTrain is a flag of the same name: `resgraph node \
      ResAdapterTrain` lists them. A flag without a value turns a switch on. A training that was \
      stopped goes on from the last checkpoint in its output folder.
      """)

  @OptionGroup var engine: EngineOptions
  @OptionGroup var paths: ModelPathOptions
  @Option(help: "Progress on standard error: auto, plain, json or none.")
  var progress = ProgressMode.auto
  @Argument(
    parsing: .allUnrecognized, help: ArgumentHelp("Flags of the training.", visibility: .hidden))
  var flags: [String] = []

  func run() throws {
    Interruption.install()
    let engine = try engine.engine()
    guard let schema = engine.catalog.schema(named: "ResAdapterTrain") else {
      preconditionFailure("the catalog has no ResAdapterTrain")
    }
    let values = try TrainingFlags(flags, schema)
    let request = GraphRequest(
      path: "train", contents: Array(values.graph.utf8), modelPaths: paths.all)
    let valid = try engine.validate(request)
    let reporter = RunReporter(progress: progress, printsPaths: false)
    reporter.show(valid.diagnostics)
    _ = try engine.run(engine.plan(valid), into: nil, onEvent: reporter.handle)
    Terminal.result(values.output)
  }
}

/// The flags of a training as the graph that they stand for.
struct TrainingFlags {
  /// The graph, as JSON.
  let graph: String
  /// The folder of the adapter.
  let output: String

  /// Names of other training scripts for the same things.
  private static let aliases = [
    "pretrained_model_name_or_path": "pretrained_model", "train_data_dir": "dataset",
    "dataset_name": "dataset", "data": "dataset",
  ]

  /// Reads `--name=value`, `--name value` and, for switches, `--name`.
  ///
  /// - Throws: `ValidationError` for what is no flag of a training, and for what is missing.
  init(_ arguments: [String], _ schema: NodeSchema) throws {
    let switches = Set(schema.params.filter { $0.kind == .bool }.map(\.name))
    let known = ["pretrained_model", "dataset"] + schema.params.map(\.name).filter { $0 != "data" }
    var values: [String: String] = [:]
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      guard argument.hasPrefix("--") else { throw ValidationError("what is \"\(argument)\"?") }
      let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
      let written = (parts.first ?? "").replacing("-", with: "_")
      let name = Self.aliases[written] ?? written
      guard known.contains(name) else {
        let hint = didYouMean(name, among: known).map { "; \($0)" } ?? ""
        throw ValidationError("a training has no --\(written)\(hint)")
      }
      if parts.count == 2 {
        values[name] = parts[1]
      } else if switches.contains(name), rest.first?.hasPrefix("--") ?? true {
        values[name] = "true"
      } else if let value = rest.popFirst() {
        values[name] = value
      } else {
        throw ValidationError("--\(written) needs a value")
      }
    }
    guard let model = values.removeValue(forKey: "pretrained_model") else {
      throw ValidationError("--pretrained_model is missing")
    }
    values["data"] = values.removeValue(forKey: "dataset")
    for (name, flag) in [("data", "dataset"), ("output_dir", "output_dir")]
    where values[name] == nil { throw ValidationError("--\(flag) is missing") }
    output = values["output_dir"] ?? ""
    let texts = Set(
      schema.params.filter { ["String", "Path"].contains($0.kind.portTypeNames.first) }.map(\.name))
    let members = values.sorted { $0.key < $1.key }.map { name, value in
      "\(quoted(name)): \(texts.contains(name) ? quoted(value) : Self.literal(value))"
    }
    graph = """
      {"version": 1, "nodes": {
        "base": {"type": "CheckpointLoad", "path": \(quoted(model))},
        "train": {"type": "ResAdapterTrain", "unet": "$base.unet",
          "text_encoder": "$base.text_encoder", "vae": "$base.vae",
          \(members.joined(separator: ", "))}},
        "outputs": {"adapter": "$train.adapter"}}
      """
  }

  /// A number or a switch as JSON writes it; everything else as a text.
  private static func literal(_ value: String) -> String {
    if let number = Int(value) { return "\(number)" }
    if let number = Double(value), number.isFinite { return "\(number)" }
    return ["true", "false"].contains(value.lowercased()) ? value.lowercased() : quoted(value)
  }
}
