import Foundation
import GraphRuntime
import Resgraph
import ResgraphFiles
import TestSupport
import Testing

@testable import ResgraphCommand

/// Configurations of the ResAdapter authors' runner as graphs.
@Suite struct ImportTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let tiny = Command.tiny

  /// The keys that all of the runner's files have.
  private func common(_ changes: [String: String] = [:]) -> String {
    var values = [
      "experiment_name": "\"\"", "diffusion_model": "\"\(Self.tiny)/model\"",
      "model_type": "\"sd1.5\"", "res_adapter_model": "\"\(Self.tiny)/resadapter_v2_sd1.5\"",
      "res_adapter_alpha": "0.7", "width": "96", "height": "64", "num_inference_steps": "2",
      "guidance_scale": "7.5", "num_images_per_prompt": "2",
      "prompts": "[\"a (red:1.3) house: \\\"one\\\" for $5\", \"a hill\"]", "n_prompt": "\"blue\"",
      "enable_xformers": "true", "enable_compare": "true", "draw_text": "true", "seed": "43",
      "device": "0", "split_images": "false",
    ]
    values.merge(changes) { $1 }
    return values.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\n" }.sorted().joined()
  }

  private func imported(_ text: String) throws -> ImportedGraph {
    let file = try folder.write(text, to: "config.yaml")
    return try ImportedGraph(path: file, folders: ["/", Self.tiny])
  }

  /// Validates a graph as the program would, headers included.
  private func validate(_ graph: ImportedGraph) throws -> ValidatedGraph {
    let file = try folder.write(graph.text, to: "graph.yaml")
    return try Engine().validate(
      GraphRequest(path: file, modelPaths: [Self.tiny]))
  }

  private static let controlNet = "controlnet_model: \"\(tiny)/controlnet\"\n"
  private static let pictures = "[\"photo.png\", \"photo.png\"]"

  static let tasks: [(String, String)] = [
    ("t2i", ""), ("t2i_accelerate", "lcm_lora_path: \"\(tiny)/lcm-lora\"\nlcm_lora_alpha: 0.9\n"),
    (
      "controlnet",
      "sub_task: \"text_to_image\"\n" + controlNet + "source_images: \(pictures)\n"
    ),
    (
      "controlnet",
      "sub_task: \"image_to_image\"\n" + controlNet + "source_images: \(pictures)\n"
    ),
    ("t2i_adapter", "t2i_adapter_model: t2i-adapter\ncondition_images: \(pictures)\n"),
  ]

  @Test(arguments: tasks)
  func everyTaskIsAValidGraph(_ task: String, _ keys: String) throws {
    for compares in ["true", "false"] {
      let graph = try imported(
        common(["enable_compare": compares]) + "task: \"\(task)\"\n" + keys)
      #expect(graph.warnings.all.isEmpty, "\(graph.warnings)")
      #expect(graph.text.contains("# Left out: enable_xformers, device."))
      let valid = try validate(graph)
      #expect(valid.diagnostics.errors.isEmpty)
      #expect(graph.text.contains("Baseline") == (compares == "true"))
    }
  }

  /// The tasks of an IP-Adapter, whose file name the runner makes from other keys.
  @Test(arguments: [
    ("image_variation", ""), ("image_to_image", "source_images: \(pictures)\n"),
    ("inpaint", "source_images: \(pictures)\nmask_images: [\"mask.png\", \"mask.png\"]\n"),
  ])
  func imagePromptsAreGraphs(_ part: String, _ keys: String) throws {
    let graph = try imported(
      common() + "task: \"ip_adapter\"\nsub_task: \"\(part)\"\nip_adapter_model: \"ip\"\n"
        + "ip_adapter_weight_name: \"face\"\nip_adapter_scale: 0.6\n"
        + "ip_adapter_images: \(Self.pictures)\n" + keys)
    #expect(graph.warnings.all.isEmpty, "\(graph.warnings)")
    #expect(graph.text.contains("\"ip/models/ip-adapter-full-face_sd15.bin\""))
    #expect(graph.text.contains("sampler: dpmpp_2m_sde, schedule: karras"))
    #expect(graph.text.contains("strength: 0.6") == (part == "image_to_image"))
    #expect(graph.text.contains("strength: 0.5") == (part == "inpaint"))
    // The adapter's file is not there; nothing else is wrong.
    do {
      _ = try validate(graph)
      Issue.record("a graph without its adapter passed")
    } catch let found as Diagnostics {
      #expect(Set(found.errors.map(\.code)) == [.missingFile], "\(found)")
    }
  }

  @Test func everythingOfAConfigurationIsInItsGraph() throws {
    let text = try imported(common() + "task: t2i\n").text
    for part in [
      "version: 1", "name: \"config\"", "default: 43}", "weight: $params.resadapter_weight",
      "{type: float, default: 0.7}", "family: sd15", "batch: 2", "default: \"blue\"",
      "sampler: dpmpp_2m_sde, schedule: karras, steps: 2, guidance: 7.5, seed: $params.seed",
      "labels: [ResAdapter, ResAdapter, Baseline, Baseline]", "prompt_2: $grid_2.image",
    ] {
      #expect(text.contains(part), "\(part) in\n\(text)")
    }
  }

  /// A drawn graph: the picture has both sides of the comparison, and quotes and dollars in prompts
  /// are text.
  @Test func anImportedGraphRuns() throws {
    let changes = ["draw_text": "false", "width": "48", "height": "40"]
    let graph = try imported(common(changes) + "task: t2i\n")
    let engine = try Engine()
    let result = try engine.run(engine.plan(validate(graph)))
    for prompt in 1...2 {
      let found = result["prompt_\(prompt)"]?.pictures
      let picture = try #require(found?.first, "prompt \(prompt)")
      // Two pictures of each side, one side below the other.
      #expect(picture.width == 2 * 48 + 3 * 8 && picture.height == 2 * 40 + 3 * 8)
      let rowSize = picture.width * picture.channels
      let sides = [8..<48, 56..<96].map { rows in
        Array(picture.pixels[rows.lowerBound * rowSize..<rows.upperBound * rowSize])
      }
      #expect(sides[0] != sides[1])
    }
  }

  /// The runner takes every size that its pipelines take.
  @Test func smallSizesAreTaken() throws {
    let graph = try imported(common(["width": "48", "height": "8"]) + "task: t2i\n")
    #expect(graph.text.contains("width: {type: int, default: 48, min: 8"))
    #expect(try validate(graph).diagnostics.errors.isEmpty)
    let rounded = try imported(common(["width": "50"]) + "task: t2i\n")
    #expect(rounded.text.contains("width: {type: int, default: 48,"))
    #expect(rounded.warnings.warnings.contains { $0.message.contains("48x64") })
    let changes = ["width": "null", "height": "null", "model_type": "sdxl"]
    #expect(try imported(common(changes) + "task: t2i\n").text.contains("default: 1024"))
  }

  @Test func aScaledPicturesSizeIsTakenFromItsFile() throws {
    let changes = ["width": "null", "height": "null"]
    let keys =
      "task: controlnet\nsub_task: text_to_image\nscale_ratio: 1.5\n" + Self.controlNet
    let graph = try imported(common(changes) + keys + "source_images: \(Self.pictures)\n")
    // 70x50, times 1.5 is 105x75, down to multiples of 8.
    #expect(graph.text.contains("width: {type: int, default: 104"))
    #expect(graph.text.contains("height: {type: int, default: 72"))
    let unknown = try imported(common(changes) + keys + "source_images: [\"a.png\", \"b.png\"]\n")
    #expect(unknown.text.contains("width: {type: int, required: true"))
    #expect(unknown.warnings.warnings.contains { $0.message.contains("a.png") })
  }

  @Test func unknownKeysAreReported() throws {
    let graph = try imported(common() + "task: t2i\nguidance_scales: 3\nlcm_lora_path: x\n")
    #expect(graph.warnings.errors.isEmpty)
    #expect(graph.warnings.warnings.count == 2)
    #expect(graph.warnings.warnings.contains { $0.hint?.contains("guidance_scale") == true })
    #expect(graph.text.contains("guidance_scales") && graph.text.contains("lcm_lora_path"))
  }

  @Test(arguments: [
    "task: paint\n", "", "task: controlnet\nsub_task: other\ncontrolnet_model: x\n",
    "task: t2i_accelerate\n", "task: ip_adapter\nsub_task: inpaint\nip_adapter_model: x\n",
    "task: [t2i]\n",
  ])
  func wrongConfigurationsAreLocatedErrors(_ keys: String) throws {
    do {
      _ = try imported(common() + keys)
      Issue.record("it passed")
    } catch let found as Diagnostics {
      #expect(!found.errors.isEmpty && found.exitStatus == .invalid)
      #expect(found.description.contains("config.yaml:"))
    }
  }

  @Test(arguments: [
    ("prompts", "[]"), ("prompts", "3"), ("prompts", "[[a]]"), ("width", "-8"), ("width", "wide"),
    ("num_images_per_prompt", "1e9"), ("num_inference_steps", "0"), ("model_type", "sd3"),
    ("guidance_scale", ".nan"), ("seed", "-1"), ("enable_compare", "maybe"),
    ("diffusion_model", "\"\""), ("width", "4"), ("res_adapter_alpha", "[0, 1]"),
    ("res_adapter_alpha", "linear"), ("res_adapter_alpha", "{start: 0, end: 1}"),
  ])
  func wrongValuesAreErrors(_ key: String, _ value: String) throws {
    #expect(throws: Diagnostics.self) { try imported(common([key: value]) + "task: t2i\n") }
  }

  @Test func whatIsNoYAMLIsAnError() throws {
    #expect(throws: Diagnostics.self) { try imported("task: [") }
    #expect(throws: Diagnostics.self) { try imported("- t2i") }
    #expect(throws: FileError.self) {
      try ImportedGraph(path: folder.file("none"), folders: [])
    }
  }
}
