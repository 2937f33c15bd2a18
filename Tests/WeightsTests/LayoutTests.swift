import Foundation
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

@Suite("Single-file checkpoints")
struct SingleFileTests {
  private func path(_ name: String) -> String { "\(fixtures)/single/\(name).safetensors" }

  @Test(
    "every tensor has the name, shape and values that diffusers' converters give it",
    arguments: [("sd1", ModelFamily.sd1), ("sd2", .sd2), ("sdxl", .sdxl)])
  func names(name: String, family: ModelFamily) throws {
    let layout = try CheckpointLayout.open(path: path(name))
    let expected = try SafetensorsFile(path: path(name + "_expected"))
    #expect(layout.family == family)
    let found = try layout.components.flatMap { component in
      try layout.source(component).keys.map { "\(component.rawValue)/\($0)" }
    }
    #expect(Set(found) == Set(expected.keys))
    for key in expected.keys {
      let parts = key.split(separator: "/", maxSplits: 1).map(String.init)
      let component = try #require(Component(rawValue: parts[0]))
      let source = try layout.source(component)
      #expect(identical(try source.tensor(parts[1]), try expected.tensor(key)), "\(key)")
      #expect(source.entry(parts[1]) == expected.entry(key), "\(key)")
    }
  }

  @Test("what is no weight of a part is reported, known constants are not")
  func report() throws {
    let layout = try CheckpointLayout.open(path: path("sd1"))
    #expect(layout.report.unused.isEmpty && layout.report.matched.count == 480)
    let folder = try TemporaryFolder()
    var tensors = try allTensors(SafetensorsFile(path: path("sd1")))
    tensors["model.diffusion_model.extra.weight"] = testTensor([1])
    let odd = try CheckpointLayout.open(path: folder.write(tensors, to: "odd.safetensors"))
    #expect(odd.report.unused == ["model.diffusion_model.extra.weight"])
  }

  @Test("configurations are read off the shapes")
  func configurations() throws {
    let sd1 = try CheckpointLayout.open(path: path("sd1"))
    let unet = try sd1.config(.unet)
    #expect(unet.int("in_channels") == 9 && unet.int("out_channels") == 4)
    #expect(unet.ints("block_out_channels") == [2, 4] && unet.int("layers_per_block") == 2)
    #expect(unet.strings("down_block_types") == ["CrossAttnDownBlock2D", "DownBlock2D"])
    #expect(unet.strings("up_block_types") == ["UpBlock2D", "CrossAttnUpBlock2D"])
    #expect(unet.int("cross_attention_dim") == 3 && unet.int("attention_head_dim") == 8)
    #expect(unet.bool("use_linear_projection") == false)
    #expect(try sd1.config(.vae).ints("block_out_channels") == [2, 4])
    #expect(try sd1.config(.vae).int("layers_per_block") == 2)
    #expect(try sd1.config(.vae).double("scaling_factor") == 0.18215)
    #expect(try sd1.config(.textEncoder).string("hidden_act") == "quick_gelu")
    #expect(sd1.schedulerConfig?.string("_class_name") == "PNDMScheduler")
    #expect(sd1.schedulerConfig?.string("prediction_type") == "epsilon")

    let sd2 = try CheckpointLayout.open(path: path("sd2"))
    #expect(try sd2.config(.unet).bool("use_linear_projection") == true)
    #expect(try sd2.config(.unet).ints("attention_head_dim") == [1, 1])
    #expect(try sd2.config(.textEncoder).int("num_hidden_layers") == 3)
    #expect(try sd2.config(.textEncoder).string("hidden_act") == "gelu")
    #expect(sd2.schedulerConfig?.string("prediction_type") == "v_prediction")

    let sdxl = try CheckpointLayout.open(path: path("sdxl"))
    let config = try sdxl.config(.unet)
    #expect(config.string("addition_embed_type") == "text_time")
    #expect(config.int("projection_class_embeddings_input_dim") == 6)
    #expect(config.ints("transformer_layers_per_block") == [1, 1, 2])
    #expect(try sdxl.config(.vae).double("scaling_factor") == 0.13025)
    #expect(try sdxl.config(.textEncoder2).int("projection_dim") == 4)
    #expect(sdxl.tokenizerFolder(.textEncoder) == nil)
  }

  @Test("the step count of the SD 2 base model means noise prediction")
  func prediction() throws {
    let folder = try TemporaryFolder()
    var tensors = try allTensors(SafetensorsFile(path: path("sd2")))
    for (step, expected) in [(875_000, "epsilon"), (140_000, "v_prediction")] {
      tensors["global_step"] = .owned(dtype: .int64, shape: [], elements: [Int64(step)])
      let layout = try CheckpointLayout.open(path: folder.write(tensors, to: "\(step).safetensors"))
      #expect(layout.schedulerConfig?.string("prediction_type") == expected)
    }
  }

  @Test("a file without one of its parts says so when the part is asked for")
  func missingPart() throws {
    let folder = try TemporaryFolder()
    let tensors = try allTensors(SafetensorsFile(path: path("sd1")))
      .filter { !$0.key.hasPrefix("first_stage_model.decoder") }
    let layout = try CheckpointLayout.open(path: folder.write(tensors, to: "x.safetensors"))
    #expect(layout.components == [.unet, .textEncoder])
    #expect(refusal { _ = try layout.source(.vae) }?.contains("has no vae") == true)
  }

  @Test("numbers in names may be anything")
  func hugeIndices() throws {
    let folder = try TemporaryFolder()
    let huge = "9223372036854775807"
    var tensors = try allTensors(SafetensorsFile(path: path("sd1")))
    for name in [
      "first_stage_model.decoder.up.\(huge).block.0.conv1.weight",
      "model.diffusion_model.input_blocks.\(huge).0.in_layers.0.weight",
      "model.diffusion_model.output_blocks.\(huge).1.conv.weight",
    ] { tensors[name] = testTensor([1]) }
    let layout = try CheckpointLayout.open(path: folder.write(tensors, to: "x.safetensors"))
    #expect(layout.report.unused.count == 3)
    #expect(
      LDMNames.original(unet: "up_blocks.\(huge).resnets.0.conv1", layersPerBlock: 2) { _ in true }
        == nil)
  }

  @Test("files that are no checkpoint are named for what they are")
  func otherFiles() throws {
    let folder = try TemporaryFolder()
    let cases: [(String, String)] = [
      ("control_model.time_embed.0.weight", "ControlNet"),
      ("model.diffusion_model.double_blocks.0.x", "Flux"), ("down_blocks.0.x", "UNet alone"),
      ("decoder.conv_in.weight", "autoencoder alone"), ("lora_unet_x.lora_down.weight", "LoRA"),
      ("anything", "no Stable Diffusion checkpoint"),
    ]
    for (index, (key, expected)) in cases.enumerated() {
      let path = try folder.write([key: testTensor([1])], to: "\(index).safetensors")
      let message = refusal { _ = try CheckpointLayout.open(path: path) }
      #expect(message?.contains(expected) == true, "\(message ?? "accepted")")
    }
    #expect(throws: WeightError.self) { try CheckpointLayout.open(path: folder.file("absent")) }
  }

  @Test("module names of LoRA files in the original words come back to diffusers'")
  func inverse() throws {
    for name in ["sd1", "sdxl"] {
      let file = try SafetensorsFile(path: path(name))
      let unet = try CheckpointLayout.open(path: path(name)).source(.unet)
      let scope = WeightScope(unet)
      for key in file.keys where key.hasPrefix("model.diffusion_model.") {
        let original = String(key.dropFirst("model.diffusion_model.".count))
        let today = try #require(LDMNames.unet(original, layersPerBlock: 2))
        let back = LDMNames.original(unet: today, layersPerBlock: 2) {
          scope.has("up_blocks.\($0).attentions")
        }
        // Upsamplers and downsamplers end in the module alone.
        #expect(back.map { original.hasPrefix($0) } == true, "\(original) -> \(today)")
      }
    }
  }
}

/// All tensors of a source in memory.
func allTensors(_ source: any WeightSource) throws -> [String: RawTensor] {
  var tensors: [String: RawTensor] = [:]
  for key in source.keys { tensors[key] = try source.tensor(key) }
  return tensors
}

@Suite("Folders")
struct FolderTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(
      #"{"unet":["diffusers","UNet2DConditionModel"],"vae":["diffusers","AutoencoderKL"],"safety_checker":[null,null],"text_encoder":["transformers","CLIPTextModel"],"tokenizer":["transformers","CLIPTokenizer"]}"#,
      to: "model_index.json")
    try folder.write(#"{"cross_attention_dim":768,"attention_head_dim":8}"#, to: "unet/config.json")
    try folder.write(#"{"scaling_factor":0.5}"#, to: "vae/config.json")
    try folder.write("{}", to: "text_encoder/config.json")
    try folder.write(#"{"lambda_min_clipped":-Infinity}"#, to: "scheduler/scheduler_config.json")
    try folder.write("{}", to: "tokenizer/vocab.json")
    try folder.write("#version: 0.2\n", to: "tokenizer/merges.txt")
    try folder.write(
      ["conv_in.weight": testTensor([1])], to: "unet/diffusion_pytorch_model.safetensors")
    try folder.write(
      [
        "decoder.mid_block.attentions.0.query.weight": testTensor([2, 2]),
        "decoder.mid_block.attentions.0.key.bias": testTensor([2]),
        "decoder.mid_block.attentions.0.proj_attn.weight": testTensor([2, 2, 1, 1]),
        "decoder.conv_in.weight": testTensor([1]),
      ], to: "vae/diffusion_pytorch_model.safetensors")
    try folder.write(
      [
        "embeddings.token_embedding.weight": testTensor([2, 2]),
        "embeddings.position_ids": testTensor([1, 2]),
      ], to: "text_encoder/model.safetensors")
  }

  @Test("a folder opens with its parts, configuration and tokenizer")
  func open() throws {
    let layout = try CheckpointLayout.open(path: folder.path)
    #expect(layout.components == [.unet, .textEncoder, .vae] && layout.family == .sd1)
    #expect(layout.schedulerConfig?.double("lambda_min_clipped") == -.infinity)
    #expect(layout.tokenizerFolder(.textEncoder) == folder.file("tokenizer"))
    #expect(try layout.config(.vae).double("scaling_factor") == 0.5)
    #expect(throws: WeightError.self) { try layout.source(.textEncoder2) }
  }

  @Test("older names become today's")
  func olderNames() throws {
    let layout = try CheckpointLayout.open(path: folder.path)
    let attention = "decoder.mid_block.attentions.0."
    #expect(
      try layout.source(.vae).keys == [
        "decoder.conv_in.weight", attention + "to_k.bias", attention + "to_out.0.weight",
        attention + "to_q.weight",
      ])
    #expect(try layout.source(.vae).tensor(attention + "to_out.0.weight").shape == [2, 2])
    #expect(
      try layout.source(.textEncoder).keys == ["text_model.embeddings.token_embedding.weight"])
  }

  @Test("variants, formats and shards are chosen in the documented order")
  func choice() throws {
    func chosen(_ variant: String? = nil) throws -> (String, Bool) {
      let opened = try ComponentFolder(path: folder.file("unet"), variant: variant)
      return ((opened.weightPath as NSString).lastPathComponent, opened.notes.isEmpty)
    }
    let tensors = ["conv_in.weight": testTensor([1], seed: 9)]
    try folder.write([0], to: "unet/diffusion_pytorch_model.bin")
    #expect(try chosen() == ("diffusion_pytorch_model.safetensors", true))
    #expect(try chosen("fp16") == ("diffusion_pytorch_model.safetensors", false))
    try folder.write(tensors, to: "unet/diffusion_pytorch_model.fp16.safetensors")
    #expect(try chosen("fp16") == ("diffusion_pytorch_model.fp16.safetensors", true))
    #expect(try chosen() == ("diffusion_pytorch_model.safetensors", true))
    try FileManager.default.removeItem(atPath: folder.file("unet/diffusion_pytorch_model.bin"))
    try FileManager.default.removeItem(
      atPath: folder.file("unet/diffusion_pytorch_model.safetensors"))
    #expect(try chosen() == ("diffusion_pytorch_model.fp16.safetensors", false))
    #expect(throws: WeightError.self) {
      try CheckpointLayout.open(path: folder.path, variant: "bf16")
    }
    try FileManager.default.removeItem(
      atPath: folder.file("unet/diffusion_pytorch_model.fp16.safetensors"))
    #expect(refusal { _ = try chosen() }?.contains("no weight file") == true)
  }

  @Test("an absent file is named and known as missing")
  func absentFiles() throws {
    func missing(_ name: String) throws -> String? {
      let path = folder.file(name)
      let aside = folder.file("aside")
      try FileManager.default.moveItem(atPath: path, toPath: aside)
      defer { _ = rename(aside, path) }
      do {
        _ = try CheckpointLayout.open(path: folder.path)
        return nil
      } catch let error as WeightError {
        return error.isMissingFile ? error.description : nil
      }
    }
    #expect(try missing("unet/config.json")?.contains("unet/config.json") == true)
    let weights = "unet/diffusion_pytorch_model.safetensors"
    #expect(try missing(weights)?.contains("no weight file") == true)
    #expect(try missing("model_index.json")?.contains("model_index.json") == true)
    // An index that names no scheduler needs none.
    let scheduler = "scheduler/scheduler_config.json"
    #expect(try missing(scheduler) == nil)
    try folder.write(
      #"{"unet":["diffusers","UNet2DConditionModel"],"scheduler":["diffusers","DDIMScheduler"]}"#,
      to: "model_index.json")
    #expect(try missing(scheduler)?.contains(scheduler) == true)

    try FileManager.default.removeItem(atPath: folder.file(weights))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file(weights), withDestinationPath: folder.file("nowhere"))
    let message = refusal { _ = try CheckpointLayout.open(path: folder.path) }
    #expect(message?.contains("\(weights): no such file") == true)
    try FileManager.default.removeItem(atPath: folder.file(weights))
    try folder.write([0], to: weights)
    #expect(throws: WeightError.self) { try CheckpointLayout.open(path: folder.path) }
    #expect(try missing(scheduler) == nil, "malformed is not missing")
  }

  @Test("a schedule-less folder has no configuration, not an empty one")
  func noScheduler() throws {
    try FileManager.default.removeItem(atPath: folder.file("scheduler"))
    #expect(try CheckpointLayout.open(path: folder.path).schedulerConfig == .none)
  }

  @Test("a variant that no part has is an error, one that some have falls back with a note")
  func variants() throws {
    #expect(
      refusal { _ = try CheckpointLayout.open(path: folder.path, variant: "fp16") }?
        .contains("no part has a 'fp16' variant") == true)
    try folder.write(
      ["conv_in.weight": testTensor([1])], to: "unet/diffusion_pytorch_model.fp16.safetensors")
    let layout = try CheckpointLayout.open(path: folder.path, variant: "fp16")
    #expect(layout.notes.count == 2)
  }

  @Test("shards are joined, and an index cannot leave its folder")
  func shards() throws {
    try folder.write(
      ["a": testTensor([1])], to: "s/diffusion_pytorch_model-00001-of-00002.safetensors")
    try folder.write(
      ["b": testTensor([2])], to: "s/diffusion_pytorch_model-00002-of-00002.safetensors")
    try folder.write("{}", to: "s/config.json")
    func index(_ map: String) throws {
      try folder.write(
        #"{"metadata":{},"weight_map":\#(map)}"#,
        to: "s/diffusion_pytorch_model.safetensors.index.json")
    }
    let (one, two) = (
      "diffusion_pytorch_model-00001-of-00002.safetensors",
      "diffusion_pytorch_model-00002-of-00002.safetensors"
    )
    try index(#"{"a":"\#(one)","b":"\#(two)"}"#)
    let opened = try ComponentFolder(path: folder.file("s"))
    #expect(opened.source.keys == ["a", "b"])
    #expect(try opened.source.tensor("b").shape == [2])
    let digest = try opened.source.digest
    try index(#"{"a":"\#(one)"}"#)
    #expect(try ComponentFolder(path: folder.file("s")).source.digest != digest)
    for (map, expected) in [
      (#"{"a":"../\#(one)"}"#, "leaves the folder"), (#"{"a":"/etc/passwd"}"#, "leaves the folder"),
      (#"{"a":".."}"#, "leaves the folder"), (#"{"a":"x\\y"}"#, "leaves the folder"),
      (#"{"a":5}"#, "no file name"), (#"{"a":""}"#, "no file name"), ("{}", "no weight_map"),
      ("[]", "no weight_map"), (#"{"b":"\#(one)"}"#, "is not in"),
      (#"{"a":"absent"}"#, "no such file"),
    ] {
      try index(map)
      let message = refusal { _ = try ComponentFolder(path: folder.file("s")) }
      #expect(message?.contains(expected) == true, "\(map): \(message ?? "accepted")")
    }
  }

  @Test("broken folders are refused, located and clear")
  func broken() throws {
    func message() -> String? { refusal { _ = try CheckpointLayout.open(path: folder.path) } }
    try folder.write(
      "version https://git-lfs.github.com/spec/v1\n", to: "vae/diffusion_pytorch_model.safetensors")
    #expect(message()?.contains("Git LFS pointer") == true)
    try folder.write("{", to: "vae/config.json")
    #expect(message()?.contains("vae/config.json: not a valid JSON file: byte 1") == true)
    try folder.write("[]", to: "vae/config.json")
    #expect(message()?.contains("not an object") == true)
    try FileManager.default.removeItem(atPath: folder.file("vae"))
    #expect(message()?.contains("vae: no such file") == true)
    try folder.write("{}", to: "model_index.json")
    #expect(message()?.contains("names no unet") == true)
    try FileManager.default.removeItem(atPath: folder.file("model_index.json"))
    #expect(message()?.contains("no model_index.json") == true)
  }

  @Test("families are told by features, not sizes")
  func families() {
    #expect(ModelFamily(unetConfig: ["cross_attention_dim": 32, "attention_head_dim": 2]) == .sd1)
    #expect(ModelFamily(unetConfig: ["use_linear_projection": true]) == .sd2)
    #expect(ModelFamily(unetConfig: ["cross_attention_dim": 1024]) == .sd2)
    #expect(ModelFamily(unetConfig: ["attention_head_dim": [5, 10]]) == .sd2)
    #expect(
      ModelFamily(unetConfig: ["addition_embed_type": "text_time", "use_linear_projection": true])
        == .sdxl)
    #expect(ModelFamily(unetConfig: [:], hasSecondTextEncoder: true) == .sdxl)
  }

  @Test("an autoencoder opens from a folder, a checkpoint of either layout, and a bare file")
  func autoencoders() throws {
    #expect(
      try AutoencoderLayout.open(path: folder.file("vae")).config.double("scaling_factor") == 0.5)
    #expect(try AutoencoderLayout.open(path: folder.path).source.keys.count == 4)
    let single = "\(fixtures)/single/sd1.safetensors"
    let whole = try AutoencoderLayout.open(path: single)
    let file = try SafetensorsFile(path: single)
    var bare: [String: RawTensor] = [:]
    for key in file.keys where key.hasPrefix("first_stage_model.") {
      bare[String(key.dropFirst("first_stage_model.".count))] = try file.tensor(key)
    }
    bare["loss.logvar"] = testTensor([1])
    let original = try AutoencoderLayout.open(path: folder.write(bare, to: "bare.safetensors"))
    let todays = try AutoencoderLayout.open(
      path: folder.write(allTensors(whole.source), to: "new.safetensors"))
    for layout in [original, todays] {
      #expect(layout.source.keys == whole.source.keys && layout.config == whole.config)
      let key = "decoder.up_blocks.0.resnets.2.conv2.weight"
      #expect(identical(try layout.source.tensor(key), try whole.source.tensor(key)))
    }
    #expect(throws: WeightError.self) { try AutoencoderLayout.open(path: folder.file("unet")) }
    #expect(throws: WeightError.self) {
      try AutoencoderLayout.open(path: folder.file("unet/diffusion_pytorch_model.safetensors"))
    }
  }
}
