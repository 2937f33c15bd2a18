import GraphRuntime
import ResgraphFiles
import ResgraphPictures

/// Writes a configuration of the ResAdapter authors' runner as a graph.
///
/// Where the runner has defects the graph does what was meant: both sides of a comparison start
/// from the same seed. The pictures of a prompt are one batch; those that start from a picture are
/// drawn one after the other from one generator.
struct ResAdapterGraph {
  private let config: ResAdapterConfig
  private var params: [(name: String, text: String)] = []
  private var nodes: [(name: String, text: String)] = []
  private var outputs: [(name: String, text: String)] = []

  /// The graph of a configuration.
  ///
  /// - Parameters:
  ///   - config: The configuration.
  ///   - file: What the header calls its file.
  /// - Returns: YAML.
  static func text(_ config: ResAdapterConfig, file: String) -> String {
    var graph = ResAdapterGraph(config)
    graph.addShared()
    for index in config.prompts.indices { graph.add(prompt: index) }
    return graph.render(file: file)
  }

  private init(_ config: ResAdapterConfig) { self.config = config }

  // MARK: Parts

  private mutating func path(_ name: String, _ value: String?) {
    params.append((name, value.map { "{type: path, default: \(quoted($0))}" } ?? Self.needed))
  }

  private static let needed = "{type: path, required: true}"

  private mutating func node(_ name: String, _ type: String, _ ports: [(String, String)]) {
    let list = [("type", type)] + ports
    nodes.append((name, "{" + list.map { "\($0): \($1)" }.joined(separator: ", ") + "}"))
  }

  /// Models, the negative prompt, and the blank that text-to-image starts from.
  private mutating func addShared() {
    path("model", config.model)
    node(
      "base", "CheckpointLoad",
      [("path", "$params.model"), ("family", config.isXL ? "sdxl" : "sd15")])
    var bare = "$base.unet"
    if let lcm = config.lcm {
      path("lcm", lcm.path)
      node(
        "fast", "LCM-LoRA", [("unet", bare), ("path", "$params.lcm"), ("weight", "\(lcm.weight)")])
      bare = "$fast"
    }
    unets = [("bare", "Baseline", bare)]
    if let adapter = config.adapter {
      path("resadapter", adapter.path)
      params.append(("resadapter_weight", "{type: float, default: \(adapter.weight)}"))
      node(
        "wide", "ResAdapterLoad",
        [("unet", bare), ("path", "$params.resadapter"), ("weight", "$params.resadapter_weight")])
      if !config.compares { unets = [] }
      unets.insert(("wide", "ResAdapter", "$wide"), at: 0)
    }
    if case .controlNet = config.task { path("controlnet", config.controlNet) }
    if config.task == .t2iAdapter { path("t2i_adapter", config.t2iAdapter) }
    if config.imagePrompt != nil { path("ip_adapter", config.imagePromptPath) }
    let sides = [("width", config.size?.width), ("height", config.size?.height)]
    for (name, side) in sides {
      let value = side.map { "default: \($0)" } ?? "required: true"
      params.append((name, "{type: int, \(value), min: 8, multiple_of: 8}"))
    }
    params.append(("negative", "{type: string, default: \(quoted(config.negative))}"))
    params.append(("seed", "{type: seed, default: \(config.seed)}"))
    node(
      "avoid", "TextEncode",
      [("text_encoder", "$base.text_encoder"), ("prompt", "$params.negative")])
    if config.strength == nil {
      node(
        "start", "EmptyLatent",
        [("width", "$params.width"), ("height", "$params.height"), ("batch", "\(config.count)")])
    }
  }

  /// The denoisers that draw: without and with the ResAdapter.
  private var unets: [(name: String, label: String, value: String)] = []

  private mutating func add(prompt index: Int) {
    let number = index + 1
    params.append(("prompt_\(number)", "{type: string, default: \(quoted(config.prompts[index]))}"))
    node(
      "text_\(number)", "TextEncode",
      [("text_encoder", "$base.text_encoder"), ("prompt", "$params.prompt_\(number)")])
    let control = addControl(index)
    let start = addStart(index)
    addImagePrompt(index)
    var pictures: [(name: String, label: String, values: [String])] = []
    for unet in unets {
      var value = unet.value
      if config.imagePrompt != nil { value = addImagePrompt(index, on: unet) }
      let values = addDraws(index, unet.name, value, start: start, control: control)
      pictures.append(("\(unet.name)_\(number)", unet.label, values))
    }
    addOutputs(number, pictures)
  }

  /// Adds the control of a task, and returns its reference; nil for tasks without one.
  private mutating func addControl(_ index: Int) -> String? {
    let number = index + 1
    guard !config.sources.isEmpty else { return nil }
    path("source_\(number)", config.sources[index])
    node("source_\(number)", "ImageLoad", sized("$params.source_\(number)"))
    switch config.task {
    case .controlNet:
      node(
        "edges_\(number)", "Canny",
        [("image", "$source_\(number).image"), ("low", "100"), ("high", "200")])
      // The pipelines' defaults are 0.8 with a picture to start from, and 1 without.
      node(
        "guide_\(number)", "ControlNet",
        [
          ("path", "$params.controlnet"), ("image", "$edges_\(number)"),
          ("weight", config.strength == nil ? "1.0" : "0.8"),
        ])
    case .t2iAdapter:
      node(
        "guide_\(number)", "T2IAdapter",
        [("path", "$params.t2i_adapter"), ("image", "$source_\(number).image")])
    default: return nil
    }
    return "$guide_\(number)"
  }

  private func sized(_ path: String) -> [(String, String)] {
    [
      ("path", path), ("width", "$params.width"), ("height", "$params.height"),
      ("method", "bicubic"),
    ]
  }

  /// Adds the latent from which a prompt's pictures start.
  private mutating func addStart(_ index: Int) -> String {
    let number = index + 1
    guard config.strength != nil else { return "$start" }
    node(
      "encoded_\(number)", "VAEEncode",
      [
        ("vae", "$base.vae"), ("image", "$source_\(number).image"), ("sample", "random"),
        ("seed", "$params.seed"),
      ])
    guard config.task == .imagePrompt(.inpaint) else { return "$encoded_\(number)" }
    path("mask_\(number)", config.masks[index])
    node("mask_\(number)", "ImageLoad", sized("$params.mask_\(number)"))
    node(
      "marked_\(number)", "InpaintLatent",
      [("latent", "$encoded_\(number)"), ("mask", "$mask_\(number).mask")])
    return "$marked_\(number)"
  }

  private mutating func addImagePrompt(_ index: Int) {
    guard config.imagePrompt != nil else { return }
    let number = index + 1
    path("picture_\(number)", config.promptPictures[index])
    node("picture_\(number)", "ImageLoad", sized("$params.picture_\(number)"))
  }

  private mutating func addImagePrompt(
    _ index: Int, on unet: (name: String, label: String, value: String)
  ) -> String {
    let name = "\(unet.name)_sees_\(index + 1)"
    node(
      name, "IPAdapter",
      [
        ("unet", unet.value), ("path", "$params.ip_adapter"),
        ("image", "$picture_\(index + 1).image"), ("weight", "\(config.imagePrompt?.scale ?? 1)"),
      ])
    return "$\(name)"
  }

  /// Denoising and decoding: one batch from nothing, or one run per picture from a picture.
  private mutating func addDraws(
    _ index: Int, _ name: String, _ unet: String, start: String, control: String?
  ) -> [String] {
    let number = index + 1
    var ports = [
      ("unet", unet), ("positive", "$text_\(number)"), ("negative", "$avoid"), ("latent", start),
    ]
    if let control { ports.append(("control", "[\(control)]")) }
    if let strength = config.strength { ports.append(("strength", "\(strength)")) }
    let runs = config.strength == nil ? 1 : config.count
    return (1...runs).map { run in
      let id = runs == 1 ? "\(name)_\(number)" : "\(name)_\(number)_\(run)"
      var own = ports
      if config.strength != nil {
        addNoise(run, like: "$encoded_\(number)")
        own.append(("noise", "$noise_\(run)"))
      }
      node("draw_\(id)", "UNetDenoise", own)
      node("image_\(id)", "VAEDecode", [("vae", "$base.vae"), ("latent", "$draw_\(id)")])
      return "$image_\(id)"
    }
  }

  /// Adds the noise of a run that starts from a picture.
  ///
  /// The encoder draws first, then each run after the other.
  private mutating func addNoise(_ run: Int, like latent: String) {
    guard !nodes.contains(where: { $0.name == "noise_\(run)" }) else { return }
    node(
      "noise_\(run)", "Noise",
      [("latent", latent), ("seed", "$params.seed"), ("skip", "\(run)")])
  }

  private mutating func addOutputs(
    _ number: Int, _ pictures: [(name: String, label: String, values: [String])]
  ) {
    if config.isSplit || pictures.count == 1 {
      for (name, _, values) in pictures {
        for (index, value) in values.enumerated() {
          outputs.append((values.count == 1 ? name : "\(name)_\(index + 1)", "\(value).image"))
        }
      }
      return
    }
    let labels = pictures.flatMap { Array(repeating: $0.label, count: config.count) }
    var ports = [
      ("columns", "\(config.count)"),
      ("images", "[" + pictures.flatMap(\.values).joined(separator: ", ") + "]"),
    ]
    if config.hasLabels { ports.append(("labels", "[" + labels.joined(separator: ", ") + "]")) }
    node("grid_\(number)", "ImageGrid", ports)
    outputs.append(("prompt_\(number)", "$grid_\(number).image"))
  }

  // MARK: Text

  private func render(file: String) -> String {
    var lines = [
      "# Made by `resgraph import \(file.filter { $0 != "\n" })` from a configuration of the ResAdapter authors' runner.",
      "# Relative paths are the configuration's: give the folder that they start from with --model-path.",
    ]
    if !config.leftOut.isEmpty {
      lines.append("# Left out: \(config.leftOut.joined(separator: ", ")).")
    }
    lines += ["version: 1", "name: \(quoted(graphName))", "params:"]
    lines += rows(params)
    let (sampler, schedule) = config.sampling
    let sampling =
      "sampler: \(sampler), schedule: \(schedule), steps: \(config.steps), guidance: \(config.guidance)"
    lines += ["defaults:", "  UNetDenoise: {\(sampling), seed: $params.seed}", "nodes:"]
    lines += rows(nodes)
    lines += ["outputs:"] + rows(outputs)
    return lines.joined(separator: "\n") + "\n"
  }

  /// The name as a file name, which graphs are called by.
  private var graphName: String {
    let kept = config.name.map {
      $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) ? $0 : "-"
    }
    return kept.isEmpty ? "imported" : String(kept.prefix(64))
  }

  private func rows(_ list: [(name: String, text: String)]) -> [String] {
    list.map { "  \($0.name): \($0.text)" }
  }
}
