import GraphRuntime
import Synchronization
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels
@testable import Resgraph

/// Every denoising node goes on from its checkpoint, and starts over from one that is of no use.
@Suite struct ResumingTests {
  /// The nodes, by name, with a number of steps.
  private enum Kind: String, CaseIterable {
    case unet
    case multi
    case elastic
  }

  private let model: TinyModel

  init() throws { model = try TinyModel() }

  private func latents(
    _ kind: Kind, steps: Int = 4, _ context: NodeContext? = nil
  ) throws -> [Float] {
    let context = context ?? model.context
    switch kind {
    case .unet:
      var node = try model.denoise(width: 128, height: 96, seed: 3)
      node.steps = steps
      try node.run(context)
      return node.denoised.tensor.floats()
    case .multi:
      var node = try model.multi(width: 128, height: 96)
      node.steps = steps
      try node.run(context)
      return node.denoised.tensor.floats()
    case .elastic:
      var node = try model.elastic(width: 128, height: 96)
      node.steps = steps
      try node.run(context)
      return node.denoised.tensor.floats()
    }
  }

  /// The checkpoint's own sampler, PNDM, asks the model once more than it takes steps.
  private func calls(_ kind: Kind, steps: Int) -> Int { kind == .elastic ? steps : steps + 1 }

  /// A context whose node has the same key each time, as equal nodes of two runs have.
  private func context(_ store: any SnapshotStore, _ told: Told = Told()) -> NodeContext {
    var environment = model.environment
    environment.snapshots = store
    return NodeContext(
      nodeID: "node", environment: environment, cacheKey: told.key,
      report: { report in
        switch report {
        case .progress(let step, _): told.steps.withLock { $0.append(step) }
        case .warning(let text): told.warnings.withLock { $0.append(text) }
        }
      })
  }

  /// What a node said.
  private final class Told: Sendable {
    let key: CacheKey
    let steps = Mutex<[Int]>([])
    let warnings = Mutex<[String]>([])
    init(key: CacheKey = CacheKey.unique()) { self.key = key }

    var allSteps: [Int] { steps.withLock(\.self) }
    var allWarnings: [String] { warnings.withLock(\.self) }
  }

  @Test(arguments: ["unet", "multi", "elastic"])
  func aStoppedRunContinuesToTheSameBits(_ name: String) throws {
    let kind = try #require(Kind(rawValue: name))
    let whole = try latents(kind)
    let store = StoppingSnapshots(stopAfter: 2)
    let first = Told()
    #expect(throws: StoppingSnapshots.Stop.self) { try latents(kind, context(store, first)) }
    let second = Told(key: first.key)
    #expect(try latents(kind, context(store, second)) == whole)
    // It went on, and did not start over.
    #expect(second.allSteps == Array(2...calls(kind, steps: 4)))
    #expect(second.allWarnings.isEmpty)
  }

  /// Through files, for every sampler and for two pictures at once.
  @Test(arguments: SamplerKind.allCases, [1, 2])
  func everySamplerGoesOnFromDisk(_ sampler: SamplerKind, _ batch: Int) throws {
    func latents(_ context: NodeContext) throws -> [Float] {
      var node = try model.denoise(width: 96, height: 64, seed: 5, batch: batch)
      (node.steps, node.sampler) = (5, sampler)
      try node.run(context)
      return node.denoised.tensor.floats()
    }
    let whole = try latents(model.context)
    let folder = try TemporaryFolder()
    let first = Told()
    for stop in 1...4 {
      // Each of these objects is as good as one of another process.
      let store = StoppingSnapshots(
        stopAfter: stop, in: DiskSnapshots(root: folder.path, interval: 0))
      #expect(throws: StoppingSnapshots.Stop.self) { try latents(context(store, first)) }
      let second = Told(key: first.key)
      #expect(
        try latents(context(DiskSnapshots(root: folder.path, interval: 1_000), second)) == whole)
      #expect((second.allSteps.first ?? 0) > 0 && second.allWarnings.isEmpty)
      store.remove(first.key)
    }
  }

  /// A state is saved when the run is to stop, however short the time since the last.
  @Test func aRunThatStopsSavesItsState() throws {
    let whole = try latents(.unet)
    let folder = try TemporaryFolder()
    let store = DiskSnapshots(root: folder.path, interval: 1_000)
    let first = Told()
    var environment = model.environment
    environment.snapshots = store
    environment.cancellation = CancellationToken()
    let context = NodeContext(
      nodeID: "node", environment: environment, cacheKey: first.key,
      report: { [token = environment.cancellation] in
        if case .progress(step: 2, _) = $0 { token.cancel(.terminate) }
      })
    #expect(throws: RunCancelled.self) { try latents(.unet, context) }
    #expect(store.load(first.key) != nil)
    let again = Told(key: first.key)
    #expect(try latents(.unet, self.context(store, again)) == whole)
    #expect(again.allSteps.first == 2)
  }

  /// A state of another schedule, and one that is damaged: the run starts over, and says so.
  @Test(arguments: ["unet", "multi", "elastic"])
  func aStateOfNoUseIsLeft(_ name: String) throws {
    let kind = try #require(Kind(rawValue: name))
    let whole = try latents(kind, steps: 5)
    let store = StoppingSnapshots(stopAfter: 2)
    let other = Told()
    #expect(throws: StoppingSnapshots.Stop.self) { try latents(kind, context(store, other)) }
    let told = Told(key: other.key)
    #expect(try latents(kind, steps: 5, context(store, told)) == whole)
    #expect(told.allWarnings.count == 1)
    let all = Array(0...calls(kind, steps: 5))
    #expect(told.allSteps.suffix(all.count) == all)

    let damaged = MemorySnapshots()
    damaged.save(Array("RGDS".utf8), for: other.key)
    let again = Told(key: other.key)
    #expect(try latents(kind, steps: 5, context(damaged, again)) == whole)
    #expect(again.allWarnings.count == 1)
  }

  /// Only what is wrong with the state starts a run over.
  @Test func otherFaultsAreNotHidden() throws {
    let store = StoppingSnapshots(stopAfter: 1)
    let told = Told()
    #expect(throws: StoppingSnapshots.Stop.self) { try latents(.unet, context(store, told)) }
    var node = try model.denoise(width: 128, height: 96, seed: 3)
    node.steps = 4
    node.noise = NoiseValue(Tensor.zeros([1, 4, 2, 2]))
    #expect(throws: DenoiseError.self) { try node.run(context(store, told)) }
  }
}

/// Keeps states in memory or elsewhere, and stops the run after some.
private final class StoppingSnapshots: SnapshotStore {
  struct Stop: Error {}
  private let kept: any SnapshotStore
  private let remaining: Mutex<Int>

  init(stopAfter count: Int, in kept: any SnapshotStore = MemorySnapshots()) {
    self.kept = kept
    remaining = Mutex(count)
  }

  func save(_ state: [UInt8], for key: CacheKey) throws {
    try kept.save(state, for: key)
    let isLast = remaining.withLock { left in
      left -= 1
      return left == 0
    }
    if isLast { throw Stop() }
  }

  func load(_ key: CacheKey) -> [UInt8]? { kept.load(key) }
  func remove(_ key: CacheKey) { kept.remove(key) }
}
