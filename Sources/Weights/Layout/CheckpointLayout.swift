import ResgraphFiles

/// A checkpoint whose headers have been read: its parts with their tensors under diffusers' names.
///
/// It looks the same for a diffusers folder and for a single file of SD 1.x, SD 2.x or SDXL.
public struct CheckpointLayout: Sendable {
  /// One model of a checkpoint.
  struct Part: Sendable {
    let source: any WeightSource
    let config: JSONValue
  }

  /// The folder or file.
  public let path: String
  /// Whether it is a folder in diffusers' layout, with a `config.json` for every part.
  public let isFolder: Bool
  /// The model family, whose adapters fit.
  public let family: ModelFamily
  /// The content of `scheduler_config.json`.
  ///
  /// A single file has none, and gets the one that the family's repositories have. Nil for a folder
  /// whose index names no scheduler.
  public let schedulerConfig: JSONValue?
  /// Whether a negative prompt that is left out means conditioning on zeros instead of the empty
  /// prompt.
  ///
  /// SDXL does this unless `model_index.json` says `"force_zeros_for_empty_prompt": false`.
  public let zeroesMissingPrompt: Bool
  /// Choices that differ from the request, in one sentence each.
  public let notes: [String]
  /// The keys of a single file that have a place in the model and those that have none; empty for
  /// folders.
  public let report: LoadReport
  private let parts: [Component: Part]
  private let tokenizers: [Component: String]

  /// The parts that the checkpoint has, in the order of `Component`.
  public var components: [Component] { Component.allCases.filter { parts[$0] != nil } }

  /// Opens a checkpoint.
  ///
  /// - Parameters:
  ///   - path: A folder with `model_index.json`, or a single file.
  ///   - variant: A wanted variant of a folder's weights, such as `fp16`.
  /// - Returns: The opened checkpoint.
  /// - Throws: `WeightError` when something is missing, malformed or of an unsupported family.
  public static func open(path: String, variant: String? = nil) throws -> CheckpointLayout {
    if try FileSystem.kind(of: path) == .folder {
      return try CheckpointLayout(folder: path, variant: variant)
    }
    let file = try openWeightFile(path)
    return try CheckpointLayout(path: path, file: SingleFileCheckpoint(file))
  }

  private init(path: String, file: SingleFileCheckpoint) {
    self.path = path
    isFolder = false
    family = file.family
    schedulerConfig = file.schedulerConfig
    zeroesMissingPrompt = file.family == .sdxl
    notes = []
    report = file.report
    parts = file.parts
    tokenizers = [:]
  }

  private init(folder: String, variant: String?) throws {
    let indexPath = joinPath(folder, "model_index.json")
    guard FileSystem.exists(indexPath) else {
      throw WeightError.partMissing(
        path: folder, reason: "no model_index.json: not a checkpoint in diffusers' layout")
    }
    let index = try JSONValue.read(path: indexPath)
    var parts: [Component: Part] = [:]
    var notes: [String] = []
    var tokenizers: [Component: String] = [:]
    for component in Component.allCases where Self.has(component.rawValue, index) {
      let opened = try ComponentFolder(
        path: joinPath(folder, component.rawValue), variant: variant)
      parts[component] = Part(source: opened.source, config: opened.config)
      notes.append(contentsOf: opened.notes)
      let tokenizer = joinPath(
        folder, component == .textEncoder2 ? "tokenizer_2" : "tokenizer")
      if FileSystem.isDirectory(tokenizer) {
        try Self.checkTokenizer(tokenizer)
        tokenizers[component] = tokenizer
      } else if Self.has(fileName(of: tokenizer), index), component != .unet,
        component != .vae
      {
        throw WeightError.partMissing(
          path: tokenizer, reason: "no such folder, but model_index.json names it")
      }
    }
    guard let unet = parts[.unet] else {
      throw WeightError.invalidLayout(path: folder, reason: "model_index.json names no unet")
    }
    if let variant, notes.count == parts.count {
      throw WeightError.invalidLayout(path: folder, reason: "no part has a '\(variant)' variant")
    }
    self.path = folder
    isFolder = true
    family = ModelFamily(
      unetConfig: unet.config, hasSecondTextEncoder: parts[.textEncoder2] != nil)
    schedulerConfig = try Self.schedulerConfig(folder, index)
    zeroesMissingPrompt = family == .sdxl && index.bool("force_zeros_for_empty_prompt") != false
    self.notes = notes
    report = LoadReport()
    self.parts = parts
    self.tokenizers = tokenizers
  }

  /// Checks that a tokenizer's folder has a vocabulary.
  private static func checkTokenizer(_ path: String) throws(WeightError) {
    let names = try FileSystem.names(in: path)
    guard names.contains("tokenizer.json") || names.contains("vocab.json") else {
      throw .partMissing(path: path, reason: "no tokenizer.json, and no vocab.json and merges.txt")
    }
    guard names.contains("tokenizer.json") || names.contains("merges.txt") else {
      throw .partMissing(path: path, reason: "no merges.txt beside vocab.json")
    }
  }

  /// Checks from headers that every tensor of every part can be read.
  ///
  /// - Throws: `WeightError.unsupportedTensor` naming the first one that cannot.
  public func checkReadable() throws {
    for component in components {
      // All parts of a single file read the same source, which also holds tensors of no part.
      try part(component).source.checkReadable(SingleFileCheckpoint.isWeight)
    }
  }

  /// Reads the scheduler's configuration, which must exist when the index names it.
  private static func schedulerConfig(_ folder: String, _ index: JSONValue) throws -> JSONValue? {
    let path = joinPath(folder, "scheduler/scheduler_config.json")
    // `nil` would mean JSON's null here.
    guard has("scheduler", index) || FileSystem.exists(path) else { return .none }
    let config = try JSONValue.read(path: path)
    // Folders that older versions of diffusers saved name two classes; diffusers builds the index's.
    guard has("scheduler", index), case .object(var values) = config,
      let name = index["scheduler"]?.arrayValue?[1].stringValue
    else { return config }
    values["_class_name"] = .string(name)
    return .object(values)
  }

  /// Whether the index names a part, as in `["diffusers", "UNet2DConditionModel"]`; `[null, null]`
  /// means that there is none.
  private static func has(_ name: String, _ index: JSONValue) -> Bool {
    guard let pair = index[name]?.arrayValue, pair.count == 2 else { return false }
    return !pair[1].isNull
  }

  /// The tensors of a part under diffusers' names.
  ///
  /// - Parameter component: The part.
  /// - Returns: The source; nothing but headers has been read.
  /// - Throws: `WeightError.invalidLayout` when the checkpoint lacks the part.
  public func source(_ component: Component) throws -> any WeightSource {
    try part(component).source
  }

  /// The configuration of a part: its `config.json`, or one derived from the shapes in a single
  /// file.
  ///
  /// - Parameter component: The part.
  /// - Returns: A JSON object.
  /// - Throws: `WeightError.invalidLayout` when the checkpoint lacks the part.
  public func config(_ component: Component) throws -> JSONValue { try part(component).config }

  /// The identity of a part: its tensors and its configuration.
  ///
  /// - Parameter component: The part.
  /// - Returns: A SHA-256 in hexadecimal; reads the whole file the first time.
  /// - Throws: `WeightError` when the checkpoint lacks the part or its files cannot be read.
  public func digest(_ component: Component) throws -> String {
    let part = try part(component)
    return try Digest.fields([part.source.digest, part.config.canonicalText()])
  }

  /// The folder of a text encoder's vocabulary; nil for single files, which carry none.
  ///
  /// - Parameter component: A text encoder.
  /// - Returns: A folder of `tokenizer.json` or `vocab.json` and `merges.txt`.
  public func tokenizerFolder(_ component: Component) -> String? { tokenizers[component] }

  private func part(_ component: Component) throws(WeightError) -> Part {
    guard let part = parts[component] else {
      throw .invalidLayout(path: path, reason: "has no \(component.rawValue)")
    }
    return part
  }
}
