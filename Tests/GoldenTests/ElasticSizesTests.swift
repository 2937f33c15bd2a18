import Foundation
import ResgraphWeights
import Synchronization
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Every size on a grid of 64 from 512 to 2048 runs at SDXL's geometry.
@Suite struct ElasticSizesTests {
  /// In place of a UNet, one that is cheap and strict: it is always asked at the model's own size.
  private final class StrictPredictor: NoisePredictor {
    let inputChannels = 4
    let guidanceEmbeddingWidth: Int? = nil
    private let calls = Mutex(0)

    var callCount: Int { calls.withLock(\.self) }

    func callAsFunction(
      _ sample: Tensor, timestep: Float, conditions: UNetConditions
    ) throws -> Tensor {
      calls.withLock { $0 += 1 }
      #expect(sample.shape.suffix(3) == [4, 128, 128])
      #expect(conditions.timeIDs?.shape == [conditions.text.shape[0], 6])
      let count = conditions.text.shape[0]
      let parts = (0..<count).map { index in
        let level = conditions.text.slice(axis: 0, index..<index + 1).contiguous().mean()
        let own = sample.slice(axis: 0, index % sample.shape[0]..<index % sample.shape[0] + 1)
        return own.contiguous() * 0.9 + level
      }
      return Tensor.concatenate(parts, axis: 0)
    }
  }

  /// A background of one level, which costs next to nothing.
  private static func autoencoder() throws -> Autoencoder {
    var generator = TorchGenerator(seed: 5)
    var tensors: [String: RawTensor] = [:]
    func add(_ name: String, _ shape: [Int]) {
      let numbers = generator.randn([shape.reduce(1, *)]).floats().map { $0 * 0.2 }
      tensors[name + ".weight"] = RawTensor(numbers, shape: shape)
      tensors[name + ".bias"] = RawTensor(Array(numbers.prefix(shape[0])), shape: [shape[0]])
    }
    add("encoder.layers.0", [4, 3, 3, 3])
    add("encoder.layers.2", [4, 4, 3, 3])
    add("decoder.layers.0", [4, 4, 3, 3])
    add("decoder.layers.3", [3, 4, 3, 3])
    for block in ["encoder.layers.1", "decoder.layers.2"] {
      for layer in [0, 2, 4] { add("\(block).conv.\(layer)", [4, 4, 3, 3]) }
    }
    let config = try TinyVAEConfig(json: [
      "encoder_block_out_channels": [4], "num_encoder_blocks": [1],
      "decoder_block_out_channels": [4], "num_decoder_blocks": [1],
    ])
    return .tiny(try AutoencoderTiny(WeightScope(MemorySource(tensors)), config: config))
  }

  private static func prompt(_ level: Float, height: Int, width: Int) -> PromptCondition {
    var prompt = PromptCondition(embeddings: Tensor.full([1, 2, 4], level))
    prompt.pooled = Tensor.full([1, 4], level)
    let size = [Float(4 * height), Float(4 * width)]
    prompt.timeIDs = Tensor(size + [0, 0] + size, shape: [1, 6])
    return prompt
  }

  private static func run(
    _ predictor: any NoisePredictor, height: Int, width: Int
  ) throws -> Tensor {
    var options = ElasticOptions(nativeSide: 128)
    // The last two of many: undoing a step draws noise for every training step within it. The first of the two is
    // taken twice and pulled, the last is not.
    (options.steps, options.strength) = (100, 0.02)
    (options.resamplingSteps, options.reducedGuidance) = (1, 1_000)
    let denoiser = try ElasticDenoiser(
      predictor: predictor, schedulerConfig: try SchedulerConfig(json: nil), options: options)
    var generator = TorchGenerator(seed: 3)
    let inputs = ElasticInputs(
      start: .latent(generator.randn([1, 4, height / 8, width / 8])),
      positive: prompt(0.3, height: height, width: width),
      negative: prompt(-0.2, height: height, width: width))
    return try denoiser.run(inputs, autoencoder: try autoencoder())
  }

  @Test(.slow, arguments: ElasticGeometryTests.sides)
  func everySizeOfSDXLRuns(height: Int) throws {
    for width in ElasticGeometryTests.sides {
      let predictor = StrictPredictor()
      let found = try Self.run(predictor, height: height, width: width)
      #expect(found.shape == [1, 4, height / 8, width / 8])
      #expect(!found.hasNonFinite && found.standardDeviationPerSample()[0] > 0.1)
      // Per step two estimates of the direction and the windows; the first step has one more of each.
      let windows = Self.windows(height) * Self.windows(width)
      #expect(predictor.callCount == 2 * 2 + 1 + 3 * windows)
    }
  }

  /// Windows of 64 latent pixels along a side; one where a window and its context cover it.
  private static func windows(_ side: Int) -> Int {
    let length = side / 8
    return length <= 128 ? 1 : (length - 64 + 63) / 64 + 1
  }

  /// The same with a real, tiny UNet of SDXL's kind: half an hour or more, so only where it is asked for.
  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["RESGRAPH_TEST_ALL_SIZES"] != nil),
    arguments: ElasticGeometryTests.sides)
  func everySizeRunsWithAUNet(height: Int) throws {
    for width in ElasticGeometryTests.sides {
      let found = try ElasticGoldenTests.tinySDXLLatents(width: width, height: height)
      #expect(found.shape == [1, 4, height / 8, width / 8] && !found.hasNonFinite)
    }
  }
}
