import Foundation
import Testing

@testable import TensorRuntime

@Suite struct TorchGeneratorTests {
  struct Draw: Decodable {
    let kind: String
    let high: UInt32
    let count: Int
    let places: [Int]
    let values: [Double]
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let seed: String
    let draws: [Draw]
    var testDescription: String {
      "seed \(seed): " + draws.map { "\($0.kind) \($0.count)" }.joined(separator: ", ")
    }
  }

  struct File: Decodable { let cases: [Case] }

  static let cases: [Case] = {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/rng.json")
    guard let data = try? Data(contentsOf: path) else { return [] }
    return (try? JSONDecoder().decode(File.self, from: data).cases) ?? []
  }()

  @Test func fixturesAreThere() { #expect(Self.cases.count == 120) }

  @Test(arguments: TorchGeneratorTests.cases)
  func equalsTorch(_ golden: Case) throws {
    var generator = TorchGenerator(seed: try #require(UInt64(golden.seed)))
    for draw in golden.draws {
      switch draw.kind {
      case "randn":
        let found = generator.randn([draw.count]).floats()
        for (place, expected) in Swift.zip(draw.places, draw.values) {
          // torch's vector logarithm and sine are off by some units in the last place.
          #expect(
            abs(Double(found[place]) - expected) <= 2e-6 * max(1, abs(expected)),
            "place \(place): \(found[place]) instead of \(expected)")
        }
      case "rand":
        let found = generator.rand(draw.count)
        #expect(draw.places.map { Double(found[$0]) } == draw.values.map { Double(Float($0)) })
      default:
        let found = generator.randint(high: draw.high, count: draw.count)
        #expect(draw.places.map { Double(found[$0]) } == draw.values)
      }
    }
  }

  @Test func engineGivesThePublishedWords() {
    var generator = TorchGenerator(seed: 42)
    #expect(
      [generator.randomUInt32(), generator.randomUInt32()] == [1_608_637_542, 3_421_126_067])
  }

  @Test(arguments: [0, 1, 3, 623, 624, 625, 700])
  func savedStateContinues(_ words: Int) throws {
    var generator = TorchGenerator(seed: 7)
    for _ in 0..<words { _ = generator.randomUInt32() }
    _ = generator.randn([3])  // leaves half a pair behind
    var restored = try TorchGenerator(encodedState: generator.encodedState)
    #expect(restored == generator)
    #expect(restored.randn([5]).floats() == generator.randn([5]).floats())
    #expect(restored.randn([40]).floats() == generator.randn([40]).floats())
  }

  @Test func damagedStatesAreRefused() {
    let good = TorchGenerator(seed: 1).encodedState
    var wrongHeader = good
    wrongHeader[0] = 0
    var wrongPosition = good
    wrongPosition[5 + 4 * 624 + 1] = 0xff
    var wrongFlag = good
    wrongFlag[good.count - 9] = 2
    var infinite = good
    infinite[good.count - 1] = 0x7f
    infinite[good.count - 2] = 0xf0
    for state in [wrongHeader, wrongPosition, wrongFlag, infinite] {
      #expect(throws: GeneratorStateError.notAState) { try TorchGenerator(encodedState: state) }
    }
    for length in [0, 1, 100, good.count - 1, good.count + 1] {
      let state = Array((good + [0]).prefix(length))
      #expect(throws: GeneratorStateError.wrongLength(expected: good.count, found: length)) {
        try TorchGenerator(encodedState: state)
      }
    }
  }
}
