import Foundation
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Every sampler against diffusers, on the fixture of tools/goldens/sampler_make.py.
@Suite struct SamplerGoldenTests {
  /// The samplers with goldens: every one that there is, and two that only configurations ask for.
  private static let kinds =
    SamplerKind.allCases.filter { $0 != .checkpoint }.map(\.rawValue)
    + ["dpmsolver", "sde_dpmsolver"]
  /// DPM-Solver's variants share one table, which the goldens hold once.
  private static let kindsWithTables =
    SamplerKind.allCases.filter { ![.checkpoint, .dpmpp2MSDE].contains($0) }.map(\.rawValue)
  /// Float32 on both sides; the solvers' logarithms and exponentials differ in their last bits.
  private static let tolerance = Tolerance(maxError: 4e-5, nmse: 4e-10)

  private let golden: GoldenFolder
  private let cases: [String: JSONValue]

  init() throws {
    golden = try GoldenFolder("sampler")
    cases = try golden.json("cases.json").objectValue ?? [:]
  }

  private func names(_ kind: String, _ member: String) -> [String] {
    cases.keys.filter { $0.hasPrefix(kind + ".") && golden.has("\($0).\(member)") }.sorted()
  }

  private func sampler(_ name: String) throws -> any Sampler {
    let entry = try #require(cases[name])
    let config = try SchedulerConfig(json: entry["config"], correctsOldFiles: false)
    let options = SamplerOptions(
      kind: try #require(SamplerKind(rawValue: entry.string("kind") ?? "")),
      schedule: try #require(ScheduleKind(rawValue: entry.string("schedule") ?? "")),
      spacing: try #require(SpacingKind(rawValue: entry.string("spacing") ?? "")),
      eta: entry.double("eta") ?? 0)
    var sampler = try makeSampler(options, config: config)
    try sampler.setTimesteps(try #require(entry.int("steps")))
    return sampler
  }

  private func model(_ x: Tensor, _ timestep: Float) -> Tensor {
    Tensor(
      x.floats().map { 0.7 * Float(sin(Double(1.3 * $0 + 0.01 * timestep))) + 0.2 * $0 },
      shape: x.shape)
  }

  /// Runs the case and calls back after every step.
  private func run(
    _ name: String, _ sampler: any Sampler,
    step: (Int, Tensor, inout any Sampler, inout TorchGenerator) throws -> Void
  ) throws {
    var sampler = sampler
    var generator = TorchGenerator(seed: 11)
    let noise = try golden("\(name).noise")
    let skip = (cases[name]?.int("skip") ?? 0) * sampler.order
    var sample = noise * sampler.initNoiseSigma
    if skip > 0 {
      sampler.setBeginIndex(skip)
      sample = sampler.addNoise(
        try golden("\(name).original"), noise: noise, timestep: sampler.timesteps[skip])
    }
    for (index, timestep) in sampler.timesteps[skip...].enumerated() {
      let input = sampler.scaleModelInput(sample, timestep: timestep)
      sample =
        sampler.step(
          modelOutput: model(input, timestep), timestep: timestep, sample: sample,
          generator: &generator
        ).previous
      try step(index, sample, &sampler, &generator)
    }
  }

  @Test(arguments: kinds) func steps(_ kind: String) throws {
    let names = names(kind, "steps")
    #expect(names.count >= 2)
    for name in names {
      let expected = try golden("\(name).steps")
      var count = 0
      try run(name, sampler(name)) { index, sample, _, _ in
        count += 1
        guard index < expected.shape[0] else { return }
        let reference = expected.slice(axis: 0, index..<index + 1).reshaped(sample.shape)
        expectClose(sample, reference, within: Self.tolerance, "\(name), step \(index)")
      }
      #expect(count == expected.shape[0], "\(name)")
    }
  }

  /// Saved after every step and restored into a fresh sampler, a run gives the same bits.
  @Test(arguments: kinds) func restoredRunsAreIdentical(_ kind: String) throws {
    for name in names(kind, "steps") {
      var plain: [[Float]] = []
      try run(name, sampler(name)) { _, sample, _, _ in plain.append(sample.floats()) }
      var restored: [[Float]] = []
      try run(name, sampler(name)) { _, sample, sampler, generator in
        restored.append(sample.floats())
        let bytes = sampler.state.encoded
        sampler = try self.sampler(name)
        try sampler.restore(SamplerState(encoded: bytes))
        generator = try TorchGenerator(encodedState: generator.encodedState)
      }
      #expect(plain == restored, "\(name)")
    }
  }

  @Test(arguments: kindsWithTables) func schedules(_ kind: String) throws {
    let names = names(kind, "timesteps")
    #expect(!names.isEmpty)
    for name in names {
      let sampler = try sampler(name)
      let expected = try golden("\(name).timesteps").floats()
      #expect(sampler.timesteps.count == expected.count, "\(name)")
      for (actual, expected) in zip(sampler.timesteps, expected) {
        // Whole numbers exactly; interpolated ones to what float32 logarithms allow.
        let slack: Float = expected == expected.rounded() ? 0 : 1e-3
        #expect(abs(actual - expected) <= slack, "\(name)")
      }
      guard let sigmas = sigmas(of: sampler) else { continue }
      let reference = try golden("\(name).sigmas").floats()
      #expect(sigmas.count == reference.count, "\(name)")
      for (actual, expected) in zip(sigmas, reference) {
        #expect(abs(actual - expected) <= 2e-6 * max(expected, 0.01), "\(name)")
      }
    }
  }

  private func sigmas(of sampler: any Sampler) -> [Float]? {
    (sampler as? any SigmaTableSampler)?.table.sigmas
      ?? (sampler as? any MultistepSampler)?.table.sigmas
  }

  @Test(arguments: ["scaled_linear", "linear", "cosine", "zero_snr"])
  func alphasCumprod(_ table: String) throws {
    let name = "\(table).table"
    let config = try SchedulerConfig(json: cases[name]?["config"], correctsOldFiles: false)
    let actual = try NoiseSchedule(SamplerSettings(.ddim, config: config)).alphasCumprod
    let expected = try golden("\(name).alphas_cumprod").floats()
    #expect(actual.count == expected.count)
    // Torch's vector units round single betas differently; rescaling subtracts nearly equal numbers.
    let slack: Float = table == "zero_snr" ? 4e-7 : 0
    for (actual, expected) in zip(actual, expected) {
      #expect(abs(actual - expected) <= 3e-7 * expected + slack)
    }
  }

  /// A wrong spacing, prediction type, schedule or a skipped draw must not pass.
  @Test func wrongSettingsAreNoticed() throws {
    for (name, other) in [
      ("ddim.leading.epsilon", "ddim.trailing.epsilon"),
      ("euler.default.epsilon", "euler.karras.epsilon"),
      ("dpmpp_2m.default.epsilon", "dpmpp_2m.default.v_prediction"),
      ("dpmpp_2m.default.epsilon", "dpmpp_2m.heun"), ("unipc.bh1", "unipc.sigma_min"),
      ("pndm.default.epsilon", "pndm.alpha_to_one"), ("ddpm.default.epsilon", "ddpm.fixed_large"),
    ] {
      let expected = try golden("\(name).steps")
      let last = expected.shape[0] - 1
      try run(name, sampler(other)) { index, sample, _, _ in
        guard index == last else { return }
        let reference = expected.slice(axis: 0, last..<last + 1).reshaped(sample.shape)
        expectDiffers(sample, reference, by: 2, beyond: Self.tolerance, "\(other) for \(name)")
      }
    }
  }
}
