import Foundation
import GraphRuntime
import ResgraphFiles
import ResgraphPictures

/// A configuration of the ResAdapter authors' runner (bytedance/res-adapter, `main.py --config`).
struct ResAdapterConfig {
  /// The task: what is drawn, and from which inputs.
  enum Task: Equatable {
    case textToImage
    case accelerated
    case controlNet(fromImage: Bool)
    case imagePrompt(ImagePromptTask)
    case t2iAdapter
  }

  /// What an IP-Adapter's picture is for.
  enum ImagePromptTask: String {
    case variation = "image_variation"
    case imageToImage = "image_to_image"
    case inpaint
  }

  var task = Task.textToImage
  var name = "imported"
  var isXL = false
  var model = ""
  var adapter: (path: String, weight: Double)?
  var lcm: (path: String, weight: Double)?
  var controlNet = ""
  var t2iAdapter: String?
  var imagePrompt: (path: String, scale: Double, isGeneral: Bool)?
  /// nil where the configuration gives none, or the size of pictures that cannot be read.
  var size: PixelSize?
  var steps = 25
  var guidance = 7.5
  var count = 2
  var prompts: [String] = []
  var negative = ""
  var sources: [String] = []
  var masks: [String] = []
  var promptPictures: [String] = []
  var seed = 0
  var compares = false
  var hasLabels = false
  var isSplit = false
  /// The keys that were left out, because they have no meaning here or are not known.
  var leftOut: [String] = []

  /// The strength that the runner has for each task that starts from a picture.
  var strength: Double? {
    switch task {
    case .controlNet(fromImage: true): 0.8
    case .imagePrompt(.imageToImage): 0.6
    case .imagePrompt(.inpaint): 0.5
    default: nil
    }
  }

  /// The runner's sampler and schedule.
  var sampling: (sampler: String, schedule: String) {
    switch task {
    case .accelerated: ("lcm", "default")
    case .controlNet: ("unipc", "default")
    case .imagePrompt where imagePrompt?.isGeneral == true: ("ddim", "default")
    default: ("dpmpp_2m_sde", "karras")
    }
  }

  /// The adapter's file in its authors' folder.
  var imagePromptPath: String {
    guard let imagePrompt else { return "" }
    let path = imagePrompt.path
    if [".bin", ".safetensors", ".pt"].contains(where: path.hasSuffix) { return path }
    let file =
      isXL
      ? "sdxl_models/ip-adapter_sdxl.bin"
      : imagePrompt.isGeneral
        ? "models/ip-adapter_sd15.bin" : "models/ip-adapter-full-face_sd15.bin"
    return path.hasSuffix("/") ? path + file : "\(path)/\(file)"
  }
}

extension ResAdapterConfig {
  /// Reads a configuration.
  ///
  /// - Parameters:
  ///   - file: The file.
  ///   - folders: Where pictures whose size is wanted are looked for.
  /// - Returns: The configuration, with warnings of what is left out.
  /// - Throws: `Diagnostics` with everything that is wrong.
  static func read(
    _ file: ConfigFile, folders: [String]
  ) throws -> (config: ResAdapterConfig, warnings: Diagnostics) {
    var keys = ConfigKeys(file.root)
    var config = ResAdapterConfig()
    let stem = URL(filePath: file.source.name).deletingPathExtension().lastPathComponent
    let experiment = keys.text("experiment_name") ?? ""
    config.name = experiment.isEmpty ? stem : experiment
    config.readTask(&keys)
    config.readModels(&keys)
    config.readPictures(&keys)
    config.readSize(&keys, folders)
    config.readNumbers(&keys)
    config.leftOut = keys.ignore(["enable_xformers", "device"]) + keys.unknown
    keys.reportUnknown()
    let found = Diagnostics(keys.found, sources: [file.source])
    guard keys.isSound else { throw found }
    return (config, found)
  }

  private mutating func readTask(_ keys: inout ConfigKeys) {
    let name = keys.text("task")
    let part = keys.text("sub_task") ?? ""
    switch name {
    case "t2i": task = .textToImage
    case "t2i_accelerate": task = .accelerated
    case "t2i_adapter": task = .t2iAdapter
    case "controlnet":
      task = .controlNet(fromImage: part == "image_to_image")
      if part != "image_to_image" && part != "text_to_image" {
        keys.error("sub_task", "not known", expected: "image_to_image or text_to_image")
      }
    case "ip_adapter":
      guard let known = ImagePromptTask(rawValue: part) else {
        keys.error("sub_task", "not known", expected: "image_variation, image_to_image or inpaint")
        return
      }
      task = .imagePrompt(known)
    default:
      keys.error(
        "task", "not known", expected: "t2i, t2i_accelerate, controlnet, ip_adapter or t2i_adapter")
    }
  }

  private mutating func readModels(_ keys: inout ConfigKeys) {
    func path(_ key: String) -> String {
      if let text = keys.text(key), !text.isEmpty { return text }
      keys.error(key, "a path is needed", expected: "a path")
      return ""
    }
    model = path("diffusion_model")
    switch keys.text("model_type") {
    case "sd1.5", nil: isXL = false
    case "sdxl": isXL = true
    default: keys.error("model_type", "not known", expected: "sd1.5 or sdxl")
    }
    let weight = keys.number("res_adapter_alpha") ?? 1
    if let path = keys.text("res_adapter_model"), !path.isEmpty { adapter = (path, weight) }
    switch task {
    case .accelerated: lcm = (path("lcm_lora_path"), keys.number("lcm_lora_alpha") ?? 1)
    case .controlNet: controlNet = path("controlnet_model")
    case .t2iAdapter:
      t2iAdapter = keys.text("t2i_adapter_model")
      if t2iAdapter == nil {
        keys.warn("task", "the runner has no key for the T2I-Adapter; give the graph its path")
      }
    case .imagePrompt:
      let name = keys.text("ip_adapter_weight_name") ?? "general"
      if name != "general" && name != "face" {
        keys.error("ip_adapter_weight_name", "not known", expected: "general or face")
      }
      imagePrompt = (
        path("ip_adapter_model"), keys.number("ip_adapter_scale") ?? 1, name == "general"
      )
    case .textToImage: break
    }
  }

  private mutating func readPictures(_ keys: inout ConfigKeys) {
    prompts = keys.texts("prompts")
    negative = keys.text("n_prompt") ?? ""
    if prompts.isEmpty { keys.error("prompts", "at least one is needed", expected: "a list") }
    func pictures(_ key: String) -> [String] {
      let paths = keys.texts(key)
      if paths.count < prompts.count {
        keys.error(key, "one picture per prompt is needed", expected: "\(prompts.count) paths")
      }
      return paths
    }
    switch task {
    case .controlNet: sources = pictures("source_images")
    case .t2iAdapter: sources = pictures("condition_images")
    case .imagePrompt(let kind):
      promptPictures = pictures("ip_adapter_images")
      if kind != .variation { sources = pictures("source_images") }
      if kind == .inpaint { masks = pictures("mask_images") }
    case .textToImage, .accelerated: break
    }
  }

  private mutating func readSize(_ keys: inout ConfigKeys, _ folders: [String]) {
    let width = keys.whole("width", in: 8...16_384)
    let height = keys.whole("height", in: 8...16_384)
    let ratio = keys.number("scale_ratio") ?? 0
    guard ratio != 0, let picture = (sources + promptPictures).first else {
      let side = isXL ? 1_024 : 512
      let wanted = PixelSize(width: width ?? side, height: height ?? side)
      size = PixelSize(width: wanted.width / 8 * 8, height: wanted.height / 8 * 8)
      if let size, size != wanted {
        keys.warn("width", "sides are multiples of 8; \(size.width)x\(size.height) is taken")
      }
      return
    }
    guard ratio > 0, ratio <= 64 else {
      keys.error("scale_ratio", "out of range", expected: "above 0, at most 64")
      return
    }
    let places = folders.map { joinPath($0, picture) }
    guard let found = places.lazy.compactMap({ try? ImageFile.size(path: $0) }).first else {
      keys.warn(
        "scale_ratio",
        "\(picture) cannot be read, so its size is not known; give the graph width and height")
      return
    }
    // The runner rounds down to whole numbers, and the pipeline then to multiples of 8.
    func scaled(_ side: Int) -> Int { max(8, Int(Double(side) * ratio) / 8 * 8) }
    size = PixelSize(width: scaled(found.width), height: scaled(found.height))
    let others = (sources + promptPictures).dropFirst()
    if !others.isEmpty { keys.warn("scale_ratio", "the first picture's size is taken for all") }
  }

  private mutating func readNumbers(_ keys: inout ConfigKeys) {
    steps = keys.whole("num_inference_steps", in: 1...1_000) ?? 25
    guidance = keys.number("guidance_scale") ?? 7.5
    count = keys.whole("num_images_per_prompt", in: 1...256) ?? 2
    compares = (keys.flag("enable_compare") ?? false) && adapter != nil
    hasLabels = keys.flag("draw_text") ?? false
    isSplit = keys.flag("split_images") ?? false
    if let given = keys.whole("seed", in: 0...Int(UInt32.max)) {
      seed = given
      if given == 0 { keys.warn("seed", "0 means a random one to the runner; here it is a seed") }
    } else {
      keys.warn("seed", "none is given; 0 is taken")
    }
    if guidance < 0 { keys.error("guidance_scale", "out of range", expected: "0 or more") }
  }
}
