import Foundation
import Synchronization
import TestSupport
import Testing

@testable import TensorRuntime

extension GlobalStateTests {
  /// Threads, memory and settings: they share global state, so one test at a time.
  @Suite struct RuntimeTests {
    @Test(arguments: [1, 2, 3, 8])
    func everyItemRunsOnce(_ threads: Int) {
      let before = Parallel.threadCount
      defer { Parallel.threadCount = before }
      Parallel.threadCount = threads
      for (count, grain) in [(0, 1), (1, 1), (7, 3), (1000, 1), (1001, 64), (5, 100)] {
        let seen = Mutex([Int](repeating: 0, count: count))
        Parallel.run(count: count, grain: grain) { range in
          #expect(range.lowerBound % grain == 0 && range.count <= grain)
          seen.withLock { seen in for index in range { seen[index] += 1 } }
        }
        #expect(seen.withLock { $0.allSatisfy { $0 == 1 } })
      }
    }

    @Test func nestedLoopsRunOnTheSameThread() {
      let total = Mutex(0)
      Parallel.run(count: 8, grain: 1) { outer in
        Parallel.run(count: 10, grain: 1) { inner in
          total.withLock { $0 += outer.count * inner.count }
        }
      }
      #expect(total.withLock { $0 } == 80)
    }

    @Test func manyShortLoopsInARowAreWhole() {
      let before = Parallel.threadCount
      defer { Parallel.threadCount = before }
      Parallel.threadCount = 3
      let total = Atomic<Int>(0)
      for _ in 0..<20_000 {
        Parallel.run(count: 4, grain: 1) { total.wrappingAdd($0.count, ordering: .relaxed) }
      }
      #expect(total.load(ordering: .relaxed) == 80_000)
    }

    @Test func loopsFromSeveralTasksDoNotMix() async {
      await withTaskGroup(of: Bool.self) { group in
        for task in 0..<6 {
          group.addTask {
            (0..<300).allSatisfy { round in
              let sum = Atomic<Int>(0)
              Parallel.run(count: 100, grain: 7) { range in
                for index in range { sum.wrappingAdd(index * task + round, ordering: .relaxed) }
              }
              return sum.load(ordering: .relaxed) == 4950 * task + 100 * round
            }
          }
        }
        for await whole in group { #expect(whole) }
      }
    }

    @Test func sizeClassesWasteLittle() {
      var previous = 0
      for size in stride(from: 1, to: 3_000_000, by: 997) {
        let rounded = MemoryPool.sizeClass(size)
        #expect(rounded >= size && rounded >= previous && rounded % 64 == 0)
        #expect(size < 512 || size > 1 << 20 || rounded <= size + size / 8 + 64)
        #expect(rounded <= max(256, size + size / 2))
        previous = rounded
      }
      #expect(MemoryPool.sizeClass(1 << 20) == 1 << 20)
      #expect(MemoryPool.sizeClass((1 << 20) + 1) == 3 << 19)
      #expect(MemoryPool.sizeClass((3 << 19) + 1) == 1 << 21)
    }

    @Test func memoryIsReusedAndAligned() {
      let size = 6 << 20  // a class no other test uses
      let first = MemoryPool.take(byteCount: size)
      #expect(Int(bitPattern: first.pointer) % 64 == 0)
      MemoryPool.give(first)
      let second = MemoryPool.take(byteCount: size - 100)
      #expect(second.pointer == first.pointer && second.byteCount == size)
      MemoryPool.give(second)
      #expect(MemoryPool.peakBytes >= size)
      #expect(MemoryPool.reservedBytes >= MemoryPool.currentBytes)
    }

    @Test func packedWeightsLeaveTheKeptBlocksAlone() {
      let size = 48 << 20  // a class no other test uses
      let block = MemoryPool.take(byteCount: size)
      MemoryPool.give(block)
      let weights = Storage(lasting: size / 4)
      #expect(UnsafeMutableRawPointer(weights.pointer) != block.pointer)
      #expect(Int(bitPattern: weights.pointer) % 64 == 0)
      // What a step gave back is still there for the next.
      let next = MemoryPool.take(byteCount: size)
      #expect(next.pointer == block.pointer)
      MemoryPool.give(next)
    }

    @Test func everyThreadOfALoopHasMemoryOfItsOwn() {
      let before = Parallel.threadCount
      defer { Parallel.threadCount = before }
      for threads in [1, 2, 3, 5] {
        Parallel.threadCount = threads
        Parallel.run(count: 200, grain: 1, scratch: 1000) { range, memory in
          for item in range {
            for index in 0..<1000 { memory[index] = Float(item) }
            let isOwn = (0..<1000).allSatisfy { memory[$0] == Float(item) }
            #expect(isOwn && Int(bitPattern: memory) % 64 == 0)
          }
        }
      }
    }

    @Test func tensorsReturnTheirMemory() {
      let size = 11 << 20
      var tensor: Tensor? = Tensor.zeros([size / 4])
      let address = tensor?.base
      let part = tensor?.slice(axis: 0, 0..<1024)
      tensor = nil
      // The part still holds the block.
      let other = Tensor.zeros([size / 4])
      #expect(other.base != address)
      #expect(part?.floats().count == 1024)
    }

    /// From the second step on, a loop over layers must live on what it gave back.
    @Test func aRepeatedStepAllocatesNothing() {
      let before = Parallel.threadCount
      defer { Parallel.threadCount = before }
      Parallel.threadCount = 1
      let conv = Conv2D(
        weight: noiseWeights([64, 64, 3, 3], seed: 1, scale: 0.05), bias: nil, padding: .same(1))
      let norm = GroupNorm(
        groups: 8, weight: noiseWeights([64], seed: 2), bias: noiseWeights([64], seed: 3), eps: 1e-5
      )
      let linear = Linear(weight: noiseWeights([192, 64], seed: 4, scale: 0.1), bias: nil)
      func step(_ x: Tensor) -> Tensor {
        let map = conv(norm(x, activation: .silu), residual: x)
        let features = linear(map.tokens())
        let attended = scaledDotProductAttention(
          query: features.slice(axis: 2, 0..<64), key: features.slice(axis: 2, 64..<128),
          value: features.slice(axis: 2, 128..<192), heads: 4)
        return Tensor.multiplyAdd(attended.featureMap(height: 40, width: 36), 0.1, x, 0.5)
      }
      var x = step(noise([1, 64, 40, 36], seed: 5))
      x = step(x)
      // Other suites use the pool at the same time: a step that allocates does so in every round.
      let isQuiet = (0..<20).contains { _ in
        let allocations = MemoryPool.systemAllocations
        for _ in 0..<10 { x = step(x) }
        return MemoryPool.systemAllocations == allocations
      }
      #expect(isQuiet)
      #expect(!x.hasNonFinite)
    }

    @Test func settingsCapAndExplain() {
      func settings(_ isa: String?, _ verbose: String? = nil, _ detected: ISA) -> RuntimeSettings {
        RuntimeSettings(isa: isa, verbose: verbose, detected: detected)
      }
      #expect(settings(nil, nil, .avx2).isa == .avx2)
      #expect(settings("", nil, .avx2).problems == [])
      #expect(settings("reference", nil, .avx512).isa == .reference)
      #expect(settings("avx2", nil, .avx512).isa == .avx2)
      #expect(settings("avx512", nil, .generic).isa == .generic)
      #expect(settings("avx512", nil, .generic).problems.count == 1)
      #expect(settings("sse", nil, .avx2).isa == .avx2)
      #expect(settings("sse", nil, .avx2).problems.first?.contains("known: reference") == true)
      #expect(settings("x", nil, .avx512).problems.count == 1)
      #expect(settings("neon", nil, .generic).problems.count == 1)
      #expect(settings("avx512", nil, .avx2).problems.first?.contains("avx2 is used") == true)
      #expect(settings("baseline", nil, .avx2).problems.count == 1)
      #expect(settings(nil, "dispatch", .avx2).printsDispatch)
      #expect(!settings(nil, nil, .avx2).printsDispatch)
      #expect(settings(nil, "dispatch,all", .avx2).problems.count == 1)
    }

    @Test func processorsAreCounted() {
      #expect(ProcessorCount.allowedProcessors("Name:\tx\nCpus_allowed:\tff,0000000f\n") == 12)
      #expect(ProcessorCount.allowedProcessors("Name:\tx\n") == nil)
      #expect(ProcessorCount.quotaProcessors("150000 100000\n") == 2)
      #expect(ProcessorCount.quotaProcessors("max 100000\n") == nil)
      #expect(ProcessorCount.available() >= 1)
      #expect(!RuntimeInfo.openBLASConfig.isEmpty && !RuntimeInfo.openBLASCore.isEmpty)
    }

    @Test func unknownProcessorsGetModernKernels() {
      func better(_ chosen: String, _ detected: ISA, _ user: String? = nil) -> String? {
        BLASCore.better(than: chosen, detected: detected, userChoice: user)
      }
      #expect(better("Prescott", .avx512) == "SkylakeX")
      #expect(better("Prescott", .avx2) == "Haswell")
      #expect(better("Sandybridge", .avx2) == "Haswell")
      #expect(better("Prescott", .generic) == nil)
      #expect(better("Prescott", .avx512, "Prescott") == nil)
      #expect(better("Zen", .avx2) == nil && better("armv8", .generic) == nil)
      // Without a wish of the user's, what runs here is no worse than the processor.
      let name = RuntimeInfo.openBLASCore
      #expect(better(name, .detected, RuntimeTests.userCore) == nil, "\(name)")
    }

    static var userCore: String? {
      ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"]
    }

    @Test func refusedImplementationsFallThrough() {
      typealias Entry = Implementation<SoftmaxProblem, Int>
      let table = DispatchTable(
        op: "test",
        implementations: [
          Entry(name: "wide", isa: .avx512, body: 3),
          Entry(
            name: "even", isa: .generic,
            accepts: { $0.width % 2 == 0 ? nil : Refusal("odd width") }, body: 2),
          Entry(name: "reference", isa: .reference, body: 1),
        ])
      // The environment may allow the reference alone.
      let even = RuntimeInfo.isa == .reference ? 1 : 2
      Dispatch.$cap.withValue(.generic) {
        #expect(table.choose(SoftmaxProblem(rows: 1, width: 4)).body == even)
        #expect(table.choose(SoftmaxProblem(rows: 1, width: 5)).body == 1)
      }
      Dispatch.$cap.withValue(.reference) {
        #expect(table.choose(SoftmaxProblem(rows: 1, width: 4)).body == 1)
      }
    }
  }
}
