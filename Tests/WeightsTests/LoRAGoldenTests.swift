import ResgraphFiles
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

/// Compares merged weights with those that diffusers fuses (tools/goldens/weights_make.py).
@Suite("LoRA goldens")
struct LoRAGoldenTests {
  static let dialects = [
    "kohya", "kohya_original", "peft", "peft_metadata", "diffusers", "diffusers_old",
  ]

  let unet: SafetensorsFile
  let text: SafetensorsFile
  let expected: SafetensorsFile

  init() throws {
    unet = try SafetensorsFile(path: Self.path("unet"))
    text = try SafetensorsFile(path: Self.path("text_encoder"))
    expected = try SafetensorsFile(path: Self.path("expected"))
  }

  static func path(_ name: String) -> String { "\(fixtures)/lora/\(name).safetensors" }

  /// The keys of the model that differ from the base, and the largest error among all its tensors.
  private func compare(
    _ merged: any WeightSource, base: any WeightSource, case name: String
  ) throws -> (changed: Set<String>, worst: Double) {
    var changed: Set<String> = []
    var worst = 0.0
    for key in base.keys {
      let actual = try merged.tensor(key)
      let original = try base.tensor(key)
      let reference =
        expected.entry("\(name)/\(key)") == nil ? nil : try expected.tensor("\(name)/\(key)")
      guard let reference else {
        #expect(identical(actual, original), "\(key) must be untouched")
        continue
      }
      changed.insert(key)
      let difference = Difference(
        actual.floats(), from: reference.floats(), shapes: (actual.shape, reference.shape))
      worst = max(worst, difference.maxError)
    }
    return (changed, worst)
  }

  @Test("a UNet with an adapter of any spelling equals diffusers' fused one", arguments: dialects)
  func unetDialect(name: String) throws {
    let adapter = try LoRAAdapter(path: Self.path(name))
    let base = PrefixedSource(base: unet, prefix: "unet.")
    let source = try LoRASource(base: unet, adapter: adapter, scale: 0.7)
    let merged = PrefixedSource(base: source, prefix: "unet.")
    let result = try compare(merged, base: base, case: name)
    let count = expected.keys.filter { $0.hasPrefix("\(name)/unet.") }.count
    #expect(result.changed.count == count && count > 0)
    #expect(source.report.matched.count == count)
    #expect(result.worst < 1e-6, "\(result.worst)")
    // The same comparison fails without the adapter and with a slightly different scale.
    #expect(throws: Never.self) {
      let off = try LoRASource(base: unet, adapter: adapter, scale: 0.71)
      let wrong = try compare(
        PrefixedSource(base: off, prefix: "unet."), base: base, case: name)
      #expect(wrong.worst > 1e-4)
    }
  }

  @Test(
    "a text encoder with an adapter equals diffusers'", arguments: ["kohya", "peft", "diffusers"])
  func textDialect(name: String) throws {
    let adapter = try LoRAAdapter(path: Self.path(name))
    #expect(adapter.components == [.unet, .textEncoder])
    let source = try LoRASource(base: text, adapter: adapter, scale: 0.7, component: .textEncoder)
    let result = try compare(
      PrefixedSource(base: source, prefix: "text_encoder."),
      base: PrefixedSource(base: text, prefix: "text_encoder."), case: name)
    #expect(result.changed.count == expected.keys.filter { $0.hasPrefix("\(name)/text") }.count)
    #expect(!result.changed.isEmpty && result.worst < 1e-6)
  }

  @Test("stacked adapters add, as diffusers' set_adapters does")
  func stack() throws {
    let first = try LoRAAdapter(path: Self.path("kohya"))
    let second = try LoRAAdapter(path: Self.path("peft"))
    let one = try LoRASource(base: unet, adapter: first, scale: 0.7)
    let both = try LoRASource(base: one, adapter: second, scale: -0.4)
    let base = PrefixedSource(base: unet, prefix: "unet.")
    let result = try compare(
      PrefixedSource(base: both, prefix: "unet."), base: base, case: "stack")
    #expect(result.changed.count == 18 && result.worst < 1e-6)
    let alone = try compare(PrefixedSource(base: one, prefix: "unet."), base: base, case: "stack")
    #expect(alone.worst > 1e-2)
  }

  @Test("the rules of alpha are diffusers'")
  func alphas() throws {
    let kohya = try LoRAAdapter(path: Self.path("kohya"))
    #expect(kohya.alphas == [1, 1.5, 4] && kohya.ranks == [2, 3, 4])
    // A module without its own alpha takes the most common one of its model.
    let conv = try #require(kohya.modules.first { $0.name == "conv_in" })
    #expect(conv.scale == 1.5 / Double(conv.rank))
    // Without any alpha, every module has alpha = rank, whatever its rank.
    #expect(try LoRAAdapter(path: Self.path("peft")).modules.allSatisfy { $0.scale == 1 })
    let described = try LoRAAdapter(path: Self.path("peft_metadata"))
    let sampler = described.modules.first { $0.name == "down_blocks_0_downsamplers_0_conv" }
    #expect(sampler?.scale == 1.5)
    #expect(Set(described.modules.map(\.scale)) == [1.5, 2.5])
  }
}

/// A source under longer names, as the expected tensors have them.
struct PrefixedSource: WeightSource {
  let base: any WeightSource
  let prefix: String

  var keys: [String] { base.keys.map { prefix + $0 } }
  func entry(_ key: String) -> WeightEntry? { base.entry(String(key.dropFirst(prefix.count))) }
  func tensor(_ key: String) throws -> RawTensor {
    try base.tensor(String(key.dropFirst(prefix.count)))
  }
  var digest: String { get throws { try base.digest } }
}
