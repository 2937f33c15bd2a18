import DiffusionModels
import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import Testing

/// Scheduler configurations, good and bad.
@Suite struct SamplerConfigTests {
  private let stated: [String: JSONValue] = [
    "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "skip_prk_steps": true, "steps_offset": 1,
  ]

  private func timesteps(
    _ options: SamplerOptions, _ count: Int, _ changes: [String: JSONValue] = [:]
  ) throws -> [Float] {
    let config = try SchedulerConfig(json: .object(stated.merging(changes) { $1 }))
    var sampler = try makeSampler(options, config: config)
    try sampler.setTimesteps(count)
    return sampler.timesteps
  }

  @Test func aCheckpointWithoutConfigurationIsStableDiffusion() throws {
    var sampler = try makeSampler(SamplerOptions(), config: SchedulerConfig(json: nil))
    try sampler.setTimesteps(50)
    #expect(sampler.timesteps.prefix(4) == [981, 961, 961, 941])
    #expect(sampler.timesteps.count == 51)
  }

  /// Defaults belong to the class that has them; only stated values are carried over.
  @Test func statedValuesAreCarriedAndDefaultsAreNot() throws {
    #expect(try timesteps(SamplerOptions(kind: .ddim), 5) == [801, 601, 401, 201, 1])
    #expect(try timesteps(SamplerOptions(kind: .euler), 3) == [999, 499.5, 0])
    #expect(
      try timesteps(SamplerOptions(kind: .euler), 5, ["timestep_spacing": "leading"])
        == [801, 601, 401, 201, 1])
    #expect(
      try timesteps(SamplerOptions(kind: .euler, spacing: .trailing), 4) == [999, 749, 499, 249])
    // What a loaded scheduler remembers as its own defaults is not stated.
    #expect(
      try timesteps(
        SamplerOptions(kind: .euler), 3,
        ["timestep_spacing": "leading", "_use_default_values": ["timestep_spacing"]])
        == [999, 499.5, 0])
  }

  @Test func choicesThatDoNotFitAreRefused() throws {
    #expect(throws: SamplerError.unknownScheduler("FlowMatchEulerDiscreteScheduler")) {
      try timesteps(SamplerOptions(), 5, ["_class_name": "FlowMatchEulerDiscreteScheduler"])
    }
    for kind in [SamplerKind.ddim, .pndm, .eulerAncestral, .ddpm, .lcm] {
      #expect(throws: SamplerError.self) {
        try timesteps(SamplerOptions(kind: kind, schedule: .karras), 5)
      }
    }
    #expect(throws: SamplerError.self) {
      try timesteps(SamplerOptions(kind: .lcm, spacing: .trailing), 4)
    }
    #expect(throws: SamplerError.self) { try timesteps(SamplerOptions(kind: .euler, eta: 0.5), 5) }
    #expect(throws: SamplerError.self) { try timesteps(SamplerOptions(kind: .ddim, eta: 1.5), 5) }
    for (kind, count) in [(SamplerKind.ddim, 0), (.euler, -1), (.lcm, 51), (.unipc, 1001)] {
      #expect(throws: SamplerError.self) { try timesteps(SamplerOptions(kind: kind), count) }
    }
    #expect(throws: SamplerError.self) {
      try timesteps(SamplerOptions(kind: .pndm), 3, ["skip_prk_steps": false])
    }
    let unnamed: [JSONValue] = [[], "PNDMScheduler", ["beta_start": 0.1], ["_class_name": 3]]
    for json in unnamed {
      #expect(throws: SamplerError.self) { try SchedulerConfig(json: json) }
    }
  }

  /// Rounding may repeat the first timestep; the run has all its steps nevertheless, up to the last.
  @Test func schedulesThatRepeatTheirStartRunToTheEnd() throws {
    let config = try SchedulerConfig(json: [
      "_class_name": "DDIMScheduler", "prediction_type": "v_prediction",
      "rescale_betas_zero_snr": true, "timestep_spacing": "trailing", "beta_start": 0.00085,
      "beta_end": 0.012, "beta_schedule": "scaled_linear",
    ])
    for kind in [SamplerKind.dpmpp2M, .dpmpp2MSDE, .unipc] {
      for count in 4...8 {
        var sampler = try makeSampler(SamplerOptions(kind: kind, schedule: .beta), config: config)
        try sampler.setTimesteps(count)
        #expect(sampler.timesteps[0] == sampler.timesteps[1])
        var generator = TorchGenerator(seed: 1)
        var sample = generator.randn([1, 4, 2, 2])
        for timestep in sampler.timesteps {
          sample =
            sampler.step(
              modelOutput: sample, timestep: timestep, sample: sample, generator: &generator
            ).previous
        }
        let isFinite = sample.floats().allSatisfy(\.isFinite)
        #expect(isFinite, "\(kind), \(count) steps")
      }
    }
  }

  /// Whatever a configuration holds, the answer is a schedule or an error.
  @Test func hostileValuesNeverCrash() throws {
    let keys = [
      "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
      "clip_sample", "clip_sample_range", "set_alpha_to_one", "steps_offset", "prediction_type",
      "thresholding", "dynamic_thresholding_ratio", "sample_max_value", "timestep_spacing",
      "rescale_betas_zero_snr", "skip_prk_steps", "interpolation_type", "use_karras_sigmas",
      "use_beta_sigmas", "use_lu_lambdas", "use_flow_sigmas", "sigma_min", "sigma_max",
      "final_sigmas_type", "timestep_type", "solver_order", "solver_type", "algorithm_type",
      "lower_order_final", "euler_at_final", "lambda_min_clipped", "variance_type", "predict_x0",
      "disable_corrector", "solver_p", "original_inference_steps", "timestep_scaling",
    ]
    let values: [JSONValue] = [
      nil, true, false, -1, 0, 1, 2, 7, 1e-300, 1e300, -1e300, .number(.infinity), .number(.nan),
      9_223_372_036_854_775_807, "", "none", [], [1], [0.5, "x"], ["a": 1], "-inf",
    ]
    var (refused, accepted) = (0, 0)
    for kind in SamplerKind.allCases {
      for key in keys {
        for value in values {
          do {
            let steps = try timesteps(SamplerOptions(kind: kind), 5, [key: value])
            #expect(!steps.isEmpty)
            accepted += 1
          } catch is SamplerError {
            refused += 1
          }
        }
      }
    }
    #expect(refused > 1000 && accepted > 1000)
  }
}
