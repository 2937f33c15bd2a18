import ResgraphFiles

/// One model in diffusers' or transformers' layout: a folder of `config.json` and weights.
///
/// Weights are looked for in this order: `.safetensors` before `.bin`, one file before shards, and for
/// each the wanted variant before the plain file. Without a wanted variant the plain file is preferred;
/// a folder that only has variants gives `fp16`, `bf16` or its only one.
public struct ComponentFolder: Sendable {
  /// The folder.
  public let path: String
  /// Its `config.json`.
  public let config: JSONValue
  /// The tensors under the names that diffusers uses today.
  public let source: any WeightSource
  /// The weight file, or the index of the shards.
  public let weightPath: String
  /// Choices that differ from the request, in one sentence each.
  public let notes: [String]

  /// Opens a folder; only headers are read.
  ///
  /// - Parameters:
  ///   - path: The folder.
  ///   - variant: A wanted variant such as `fp16`; the plain file is the fallback, with a note.
  /// - Throws: `WeightError` when something is missing or malformed.
  public init(path: String, variant: String? = nil) throws {
    self.path = path
    guard FileSystem.isDirectory(path) else { throw WeightError.fileMissing(path: path) }
    config = try JSONValue.read(path: joinPath(path, "config.json"))
    guard config.objectValue != nil else {
      throw WeightError.malformed(
        path: joinPath(path, "config.json"), format: "configuration",
        reason: "it is not an object")
    }
    let choice = try WeightFileChoice(folder: path, variant: variant)
    weightPath = choice.path
    notes = choice.note.map { ["\(path): \($0)"] } ?? []
    let opened: any WeightSource =
      choice.path.hasSuffix(".json")
      ? try ShardedSource(index: choice.path) : try openWeightFile(choice.path)
    source = normalized(opened)
  }
}

/// The weight file of a component folder.
struct WeightFileChoice {
  let path: String
  let note: String?

  static let stems = ["diffusion_pytorch_model", "model", "pytorch_model"]

  init(folder: String, variant: String?) throws(WeightError) {
    let names = Set(try FileSystem.names(in: folder))
    let present = Self.variants(names)
    var order: [String?] = [nil]
    if let variant {
      order = [variant, nil]
    } else if present.count == 1 || !present.isDisjoint(with: ["fp16", "bf16"]) {
      order = [nil, "fp16", "bf16"] + present.sorted().filter { $0 != "fp16" && $0 != "bf16" }
    }
    for candidate in order {
      guard let name = Self.find(names, variant: candidate) else { continue }
      path = joinPath(folder, name)
      note = Self.note(wanted: variant, found: candidate)
      return
    }
    let several = present.count > 1 ? "; it has the variants \(listed(present.sorted()))" : ""
    throw .partMissing(
      path: folder,
      reason: "no weight file (expected \(Self.stems[0]).safetensors or the like)\(several)")
  }

  private static func note(wanted: String?, found: String?) -> String? {
    if wanted == found { return nil }
    if let wanted { return "there is no '\(wanted)' variant; the plain weights are used" }
    return found.map { "there is only the '\($0)' variant; it is used" }
  }

  /// Finds the file of a variant.
  ///
  /// The newest way of naming is tried first, then the older one, which puts variant and shard
  /// number in the other order.
  private static func find(_ names: Set<String>, variant: String?) -> String? {
    for ending in ["safetensors", "bin"] {
      for stem in stems {
        let candidates: [String]
        if let variant {
          candidates = [
            "\(stem).\(variant).\(ending)", "\(stem).\(ending).index.\(variant).json",
            "\(stem).\(ending).\(variant).index.json",
          ]
        } else {
          candidates = ["\(stem).\(ending)", "\(stem).\(ending).index.json"]
        }
        if let name = candidates.first(where: names.contains) { return name }
      }
    }
    return nil
  }

  /// The variants that one-file weights or indices of a folder have.
  private static func variants(_ names: Set<String>) -> Set<String> {
    var variants: Set<String> = []
    for name in names {
      guard let stem = stems.first(where: { name.hasPrefix($0 + ".") }) else { continue }
      let parts = name.dropFirst(stem.count + 1).split(separator: ".").map(String.init)
      if parts.count == 2, ["safetensors", "bin"].contains(parts[1]) {
        if !parts[0].contains("-of-") { variants.insert(parts[0]) }
      } else if parts.count == 4, parts[3] == "json" {
        variants.insert(parts[1] == "index" ? parts[2] : parts[1])
      }
    }
    return variants
  }
}

/// Gives the tensors of older files today's names: those of text encoders that lack the outer
/// member, and those of the first autoencoders' attention.
///
/// Index buffers, which are no weights, are dropped.
func normalized(_ source: any WeightSource) -> any WeightSource {
  let isBareText = source.entry("embeddings.token_embedding.weight") != nil
  var origins: [String: WeightOrigin] = [:]
  var isChanged = false
  for key in source.keys {
    if key.hasSuffix("position_ids") {
      isChanged = true
      continue
    }
    var name = key
    var transform = WeightTransform.identity
    if isBareText && key != "text_projection.weight" { name = "text_model." + key }
    if let renamed = modernAttentionName(key) {
      name = renamed
      transform = .matrix
    }
    if name != key { isChanged = true }
    origins[name] = WeightOrigin(key: key, transform: transform)
  }
  return isChanged ? RenamedSource(base: source, origins: origins) : source
}

/// Renames an attention of older autoencoders: `encoder.mid_block.attentions.0.query.weight`
/// becomes `….to_q.weight`, and so on.
private func modernAttentionName(_ key: String) -> String? {
  let names = [
    ".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0.",
  ]
  guard key.contains(".attentions.") else { return nil }
  for (old, new) in names {
    if let range = key.firstRange(of: old) { return key.replacingCharacters(in: range, with: new) }
  }
  return nil
}

extension String {
  /// Returns this text with one range replaced.
  func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
