import TensorRuntime
import Testing

@testable import ResgraphWeights

@Suite("LoRA")
struct LoRATests {
  /// A UNet of three layers, enough to match against.
  static let base = MemorySource(
    [
      "conv_in.weight": testTensor([4, 3, 3, 3], seed: 1), "conv_in.bias": testTensor([4], seed: 2),
      "mid_block.attentions.0.proj_in.weight": testTensor([4, 4, 1, 1], seed: 3),
      "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight": testTensor([4, 4], seed: 4),
      "down_blocks.0.downsamplers.0.conv.weight": testTensor([4, 4, 3, 3], seed: 5),
    ], location: "base")

  static let query = "mid_block_attentions_0_transformer_blocks_0_attn1_to_q"

  private func adapter(_ tensors: [String: RawTensor]) throws -> LoRAAdapter {
    try LoRAAdapter(MemorySource(tensors, location: "lora"))
  }

  /// A kohya pair for one module.
  static func pair(_ module: String, down: [Int], up: [Int]) -> [String: RawTensor] {
    [
      "lora_unet_\(module).lora_down.weight": testTensor(down, seed: 6),
      "lora_unet_\(module).lora_up.weight": testTensor(up, seed: 7),
    ]
  }

  /// `W + scale · up · down` by plain loops in double.
  private func reference(
    _ weight: RawTensor, _ down: RawTensor, _ up: RawTensor, scale: Double
  ) -> [Float] {
    let (w, d, u) = (weight.floats(), down.floats(), up.floats())
    let rows = up.shape[0]
    let rank = up.shape[1]
    let columns = w.count / rows
    return (0..<w.count).map { index in
      var sum = 0.0
      for k in 0..<rank {
        sum += Double(u[index / columns * rank + k]) * Double(d[k * columns + index % columns])
      }
      return Float(Double(w[index]) + scale * sum)
    }
  }

  @Test(
    "every kind of layer and every form of the matrices is merged",
    arguments: [
      ("conv_in", "conv_in", [2, 3, 3, 3], [4, 2, 1, 1]),
      ("conv_in", "conv_in", [2, 3, 3, 3], [4, 2]),
      (
        "mid_block_attentions_0_proj_in", "mid_block.attentions.0.proj_in", [3, 4, 1, 1],
        [4, 3, 1, 1]
      ),
      ("mid_block_attentions_0_proj_in", "mid_block.attentions.0.proj_in", [3, 4], [4, 3]),
      (query, "mid_block.attentions.0.transformer_blocks.0.attn1.to_q", [1, 4], [4, 1]),
      (
        query, "mid_block.attentions.0.transformer_blocks.0.attn1.to_q", [2, 4, 1, 1], [4, 2, 1, 1]
      ),
    ])
  func merging(module: String, path: String, down: [Int], up: [Int]) throws {
    let tensors = Self.pair(module, down: down, up: up)
    let source = try LoRASource(base: Self.base, adapter: adapter(tensors), scale: 0.5)
    let merged = try source.tensor(path + ".weight")
    let expected = reference(
      try Self.base.tensor(path + ".weight"),
      try #require(tensors["lora_unet_\(module).lora_down.weight"]),
      try #require(tensors["lora_unet_\(module).lora_up.weight"]), scale: 0.5)
    #expect(zip(merged.floats(), expected).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(source.entry(path + ".weight")?.shape == merged.shape)
  }

  @Test("a layer without any output merges to itself")
  func emptyLayer() throws {
    let base = MemorySource(["conv_in.weight": testTensor([0, 3])])
    let adapter = try adapter(Self.pair("conv_in", down: [2, 3], up: [0, 2]))
    #expect(
      try LoRASource(base: base, adapter: adapter, scale: 1).tensor("conv_in.weight").count == 0)
  }

  @Test("scale 0 and untouched tensors give the base's bytes and digest")
  func untouched() throws {
    let adapter = try adapter(Self.pair("conv_in", down: [2, 3, 3, 3], up: [4, 2, 1, 1]))
    let off = try LoRASource(base: Self.base, adapter: adapter, scale: 0)
    for key in Self.base.keys { #expect(identical(try off.tensor(key), try Self.base.tensor(key))) }
    #expect(try off.digest == Self.base.digest)
    let on = try LoRASource(base: Self.base, adapter: adapter, scale: 1)
    #expect(identical(try on.tensor("conv_in.bias"), try Self.base.tensor("conv_in.bias")))
    #expect(!identical(try on.tensor("conv_in.weight"), try Self.base.tensor("conv_in.weight")))
    let half = try LoRASource(base: Self.base, adapter: adapter, scale: 0.5)
    #expect(try Set([Self.base.digest, on.digest, half.digest]).count == 3)
  }

  @Test("half-precision bases and adapters merge in float32")
  func halfPrecision() throws {
    let weight = RawTensor.owned(dtype: .float16, shape: [1, 1], elements: [1 as Float16])
    let base = MemorySource(["conv_in.weight": weight])
    let adapter = try adapter([
      "unet.conv_in.lora_A.weight": .owned(
        dtype: .float16, shape: [1, 1], elements: [0.0001 as Float16]),
      "unet.conv_in.lora_B.weight": .owned(
        dtype: .float16, shape: [1, 1], elements: [1 as Float16]),
    ])
    let merged = try LoRASource(base: base, adapter: adapter, scale: 1).tensor("conv_in.weight")
    // 1.0001 has no half-precision form: the sum was not rounded back.
    #expect(merged.dtype == .float32 && abs(merged.floats()[0] - 1.0001) < 1e-6)
  }

  @Test(
    "an adapter of another model is refused by header, naming key and shapes",
    arguments: [
      ("conv_in", [2, 9, 3, 3], [4, 2, 1, 1]), ("conv_in", [2, 3, 3, 3], [5, 2, 1, 1]),
      ("conv_in", [2, 3, 1, 1], [4, 2, 1, 1]), ("conv_in", [2, 3], [4, 2]),
      (query, [2, 768], [4, 2]), (query, [2, 4, 3, 3], [4, 2, 1, 1]),
    ])
  func otherFamily(module: String, down: [Int], up: [Int]) throws {
    let adapter = try adapter(Self.pair(module, down: down, up: up))
    let message = refusal { _ = try adapter.validate(against: Self.base, component: .unet) }
    #expect(message?.contains("lora_unet_\(module).lora_down.weight") == true)
    #expect(message?.contains("another model") == true)
    #expect(throws: WeightError.self) {
      try LoRASource(base: Self.base, adapter: adapter, scale: 0)
    }
  }

  @Test("an adapter without any matching key is refused; single unknown keys are reported")
  func unmatched() throws {
    let none = try adapter(Self.pair("transformer_x", down: [1, 4], up: [4, 1]))
    #expect(
      refusal { _ = try LoRASource(base: Self.base, adapter: none, scale: 1) }?.contains(
        "none of its keys") == true)
    let tensors = Self.pair("conv_in", down: [2, 3, 3, 3], up: [4, 2, 1, 1])
    let some = try adapter(
      tensors.merging(Self.pair("transformer_x", down: [1, 4], up: [4, 1])) { $1 }
        .merging(["odd": testTensor([1])]) { $1 })
    let report = try some.validate(against: Self.base, component: .unet)
    #expect(report.matched == ["lora_unet_conv_in.lora_down.weight"])
    #expect(report.unused == ["odd", "lora_unet_transformer_x.lora_down.weight"])
    #expect(
      report.summary == "1 matched, 2 unused ('odd', 'lora_unet_transformer_x.lora_down.weight')")
    #expect(throws: WeightError.self) {
      try some.validate(against: Self.base, component: .textEncoder)
    }
  }

  @Test(
    "other kinds of adapters are refused by name",
    arguments: [
      ("lora_unet_conv_in.dora_scale", "DoRA"), ("unet.conv_in.lora_magnitude_vector", "DoRA"),
      ("lora_unet_conv_in.hada_w1_a", "LoHa"), ("lora_unet_conv_in.lokr_w1", "LoKr"),
      ("lora_unet_conv_in.oft_blocks", "OFT"), ("lora_unet_conv_in.w_norm", "LyCORIS norms"),
      ("lora_unet_conv_in.lora_mid.weight", "middle matrix"), ("unet.conv_in.lora_B.bias", "bias"),
      ("lora_unet_conv_in.diff", "full differences"),
    ])
  func otherKinds(key: String, kind: String) throws {
    var tensors = Self.pair("mid_block_attentions_0_proj_in", down: [2, 4], up: [4, 2])
    tensors[key] = testTensor([4])
    let adapter = try adapter(tensors)
    let message = refusal { _ = try LoRASource(base: Self.base, adapter: adapter, scale: 1) }
    #expect(message?.contains(kind) == true, "\(message ?? "accepted")")
  }

  @Test("broken adapters are refused")
  func broken() {
    let good = Self.pair("conv_in", down: [2, 3, 3, 3], up: [4, 2, 1, 1])
    let down = "lora_unet_conv_in.lora_down.weight"
    let up = "lora_unet_conv_in.lora_up.weight"
    let alpha = "lora_unet_conv_in.alpha"
    let cases: [([String: RawTensor], String)] = [
      ([:], "holds no LoRA"), (["x": testTensor([1])], "holds no LoRA"),
      (good.filter { $0.key != up }, "no up matrix"),
      (good.filter { $0.key != down }, "no down matrix"),
      (good.merging([up: testTensor([4, 3, 1, 1])]) { $1 }, "no product"),
      (good.merging([up: testTensor([4, 2, 3, 3])]) { $1 }, "no product"),
      (good.merging([down: testTensor([2])]) { $1 }, "no product"),
      (
        good.merging([down: testTensor([0, 3, 3, 3]), up: testTensor([4, 0])]) { $1 }, "no product"
      ),
      (good.merging([alpha: testTensor([2])]) { $1 }, "not one value"),
      (good.merging([alpha: RawTensor([.nan], shape: [])]) { $1 }, "finite"),
    ]
    for (tensors, expected) in cases {
      let message = refusal { _ = try adapter(tensors) }
      #expect(message?.contains(expected) == true, "\(message ?? "accepted")")
    }
  }

  @Test("a file that has both families of names is read by today's names alone")
  func mixedNames() throws {
    let today = Self.pair("conv_in", down: [2, 3, 3, 3], up: [4, 2, 1, 1])
    let middle = "mid_block_attentions_0_proj_in"
    let both = today.merging(Self.pair(middle, down: [2, 4], up: [4, 2])) { $1 }
      .merging(
        Self.pair("middle_block_1_transformer_blocks_0_attn1_to_q", down: [2, 4], up: [4, 2])
      ) { $1 }
    let base = MemorySource(
      Self.allTensors.merging(["down_blocks.0.resnets.0.conv1.weight": testTensor([4, 4, 3, 3])]) {
        $1
      })
    #expect(try adapter(both).validate(against: base, component: .unet).matched.count == 2)
    let original = both.filter { !$0.key.contains(middle) }
    #expect(try adapter(original).validate(against: base, component: .unet).matched.count == 2)
  }

  static var allTensors: [String: RawTensor] {
    var tensors: [String: RawTensor] = [:]
    for key in base.keys { tensors[key] = try? base.tensor(key) }
    return tensors
  }

  @Test("keys of every spelling name the same module")
  func keys() {
    let module = "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
    let path = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"
    let spellings = [
      "lora_unet_\(module).lora_down.weight", "unet.\(path).to_out.0.lora_A.weight",
      "unet.\(path).to_out.0.lora.down.weight", "unet.\(path).processor.to_out_lora.down.weight",
      "\(path).processor.to_out_lora.down.weight",
      "base_model.model.\(path).to_out.0.lora_A.weight",
      "\(path).to_out.0.lora_A.default.weight",
    ]
    for key in spellings {
      #expect(LoRAKey(key)?.module == module && LoRAKey(key)?.role == .down, "\(key)")
    }
    let text = "text_model_encoder_layers_0_self_attn_q_proj"
    for key in [
      "lora_te_\(text).lora_up.weight", "lora_te1_\(text).lora_up.weight",
      "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight",
      "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight",
      "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_B.weight",
    ] {
      #expect(LoRAKey(key)?.module == text && LoRAKey(key)?.component == .textEncoder, "\(key)")
    }
    #expect(LoRAKey("lora_te2_\(text).alpha")?.component == .textEncoder2)
    #expect(LoRAKey("conv_in.weight") == nil && LoRAKey("lora_down.weight") == nil)
  }
}
