import Foundation
import GraphRuntime
import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels
@testable import Resgraph

/// Faults of a checkpoint's small files are found while a graph is validated, with the file's name.
@Suite struct CheckpointFaultTests {
  private let scratch: TemporaryFolder
  private let checkpoint: String

  init() throws {
    scratch = try TemporaryFolder()
    checkpoint = try scratch.checkpoint(TinyModel.path("model").resolved) { $0 }
  }

  /// Puts a changed copy in the place of a part of the checkpoint.
  private func change(_ part: String, _ file: String, _ edit: (String) -> String?) throws {
    let original = TinyModel.path("model").resolved + "/" + part
    let copy = scratch.path + "/" + part
    try FileManager.default.copyItem(atPath: original, toPath: copy)
    try scratch.relink("model/" + part, to: copy)
    let path = copy + "/" + file
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try FileManager.default.removeItem(atPath: path)
    guard let changed = edit(text) else { return }
    #expect(changed != text)
    try changed.write(toFile: path, atomically: true, encoding: .utf8)
  }

  private func complaints() throws -> [Diagnostic] {
    try GraphRun.complaints(
      """
      version: 1
      nodes:
        base: {type: CheckpointLoad, path: "\(checkpoint)"}
        text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: a}
        start: {type: EmptyLatent, width: 96, height: 64}
        denoise: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start, steps: 2}
      outputs: {latent: $denoise}

      """)
  }

  private func expectOneComplaint(_ parts: String...) throws {
    let found = try complaints()
    #expect(found.count == 1, "\(found)")
    let complaint = try #require(found.first)
    #expect(complaint.port == "path" && complaint.node == "base")
    for part in parts {
      #expect(complaint.message.contains(part), "\(part) in \(complaint.message)")
    }
  }

  @Test func theCheckpointItselfIsSound() throws { #expect(try complaints().isEmpty) }

  @Test(arguments: [
    ("unet", "conv_out.weight"), ("unet", "down_blocks.0.resnets.0.norm1.bias"),
    ("vae", "decoder.conv_out.weight"), ("vae", "encoder.conv_in.bias"),
    ("text_encoder", "final_layer_norm.weight"),
  ])
  func aMissingTensorIsFoundFromHeaders(_ part: String, _ tensor: String) throws {
    try changeWeights(part) { #expect($0.removeValue(forKey: tensor) != nil) }
    try expectOneComplaint(part, tensor)
  }

  @Test(arguments: ["unet", "vae", "text_encoder"])
  func aTensorOfAnotherShapeIsFoundFromHeaders(_ part: String) throws {
    var changed = ""
    try changeWeights(part) { tensors in
      changed =
        tensors.keys.sorted().last { $0.hasSuffix("norm1.weight") } ?? tensors.keys.sorted()[0]
      tensors[changed] = RawTensor([1, 1, 1], shape: [3])
    }
    try expectOneComplaint(part, changed, "[3]")
  }

  @Test func aPartWithoutTensorsIsNoPart() throws {
    try changeWeights("vae") { $0 = ["x": RawTensor([0], shape: [1])] }
    #expect(try complaints().count == 1)
  }

  /// Puts weights with other tensors in the place of a part's.
  private func changeWeights(
    _ part: String, _ edit: (inout [String: RawTensor]) throws -> Void
  ) throws {
    try change(part, "config.json") { $0 + "\n" }
    let folder = scratch.path + "/" + part
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let path = folder + "/" + (try #require(names.first { $0.hasSuffix(".safetensors") }))
    let file = try SafetensorsFile(path: path)
    var tensors: [String: RawTensor] = [:]
    for key in file.keys { tensors[key] = try file.tensor(key) }
    try edit(&tensors)
    try SafetensorsWriter.write(tensors, to: path)
  }

  @Test func theSchedulerIsTheOneOfTheIndex() throws {
    let folder = try TemporaryFolder()
    let copy = try folder.checkpoint(TinyModel.path("model").resolved) {
      $0.replacing(/"\w+Scheduler"/, with: "\"HeunDiscreteScheduler\"")
    }
    let layout = try CheckpointLayout.open(path: copy)
    let config = try CheckpointReference(layout: layout).schedulerConfig()
    #expect(config.className == "HeunDiscreteScheduler")
  }

  @Test func aTextEncoderWithTooFewPositions() throws {
    try change("text_encoder", "config.json") {
      $0.replacing("\"max_position_embeddings\": 77", with: "\"max_position_embeddings\": 16")
    }
    try expectOneComplaint("model/text_encoder/config.json", "max_position_embeddings", "16", "77")
  }

  @Test(arguments: ["unet", "vae"])
  func groupsThatDoNotDivide(_ part: String) throws {
    try change(part, "config.json") {
      $0.replacing(/"norm_num_groups": \d+/, with: "\"norm_num_groups\": 7")
    }
    try expectOneComplaint("model/\(part)/config.json", "norm_num_groups", "7 groups")
  }

  @Test(arguments: [
    ("tokenizer.json", "", "is empty"), ("tokenizer.json", " \n", "is empty"),
    ("tokenizer.json", "{\"model\": {", "is cut off"), ("vocab.json", "", "is empty"),
    ("vocab.json", "{\"a\": 1,", "is cut off"), ("vocab.json", "[]", "is no JSON object"),
    ("merges.txt", "", "is empty"),
  ])
  func aTokenizerThatIsEmptyOrCutOff(_ file: String, _ text: String, _ complaint: String) throws {
    let folder = scratch.path + "/tokenizer"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var files = ["vocab.json": "{\"a\": 1}", "merges.txt": "#version: 0.2\n"]
    files[file] = text
    for (name, text) in files {
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }
    try scratch.relink("model/tokenizer", to: folder)
    try expectOneComplaint("model/tokenizer/\(file)", complaint)
  }

  @Test func aTokenizerWithoutItsFiles() throws {
    try scratch.relink("model/tokenizer", to: scratch.path)
    try expectOneComplaint("model/tokenizer", "vocab.json")
  }

  @Test func aTokenizerWithoutRoom() throws {
    try change("tokenizer", "tokenizer_config.json") {
      $0.replacing("\"model_max_length\": 77", with: "\"model_max_length\": 1")
    }
    try expectOneComplaint("length 1")
  }

  /// Without a tokenizer CLIP's own is taken, for which this text encoder is too small.
  @Test func noTokenizerForASmallVocabulary() throws {
    let copy = try TemporaryFolder()
    let path = try copy.checkpoint(TinyModel.path("model").resolved) {
      $0.replacing(/"tokenizer": \[[^\]]*\]/, with: "\"tokenizer\": [null, null]")
    }
    try FileManager.default.removeItem(atPath: path + "/tokenizer")
    var node = CheckpointLoad()
    node.path = InputPath(path)
    let error = #expect(throws: ConfigurationFault.self) {
      try node.run(NodeContext(nodeID: "base"))
    }
    #expect(error?.file == path + "/text_encoder/config.json")
    #expect(error?.reason.contains("vocab_size") == true)
  }
}
