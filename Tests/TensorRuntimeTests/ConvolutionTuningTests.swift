import Foundation
import TestSupport
import Testing

@testable import TensorRuntime

/// Speeds of convolutions: their file, and what is chosen by them.
@Suite struct ConvolutionTuningTests {
  static let tuning = ConvolutionTuning(speeds: [
    .avx2: [
      .direct: .init(operations: 1.5e11, transforms: 9e9),
      .winograd4: .init(operations: 1.25e11, transforms: 3.0000001e9),
    ],
    .generic: [.winograd6: .init(operations: 2e10, transforms: 1e9)],
  ])

  private func withPath(_ body: (String) throws -> Void) throws {
    let folder = try TemporaryFolder()
    try withExtendedLifetime(folder) { try body(folder.file("speeds.txt")) }
  }

  @Test func fileGivesBackWhatWasStored() throws {
    try withPath { path in
      #expect(ConvolutionTuning.load(path) == nil)
      try Self.tuning.save(to: path)
      #expect(ConvolutionTuning.load(path) == Self.tuning)
      try ConvolutionTuning(speeds: [:]).save(to: path)
      #expect(ConvolutionTuning.load(path) == ConvolutionTuning(speeds: [:]))
    }
    #expect(throws: ConvolutionTuningError.self) { try Self.tuning.save(to: "/dev/null/at/all") }
  }

  @Test func damagedTextIsIgnored() {
    let text = Self.tuning.text
    #expect(ConvolutionTuning(text: text) == Self.tuning)
    // Cut anywhere but between lines, it is no table.
    for length in 0..<text.utf8.count {
      let cut = String(decoding: Array(text.utf8)[..<length], as: UTF8.self)
      if let read = ConvolutionTuning(text: cut) {
        #expect(cut.last == "\n" && read != Self.tuning, "\(length)")
      }
    }
    for line in [
      "avx2 direct 1e11", "avx9 direct 1e11 1e9", "avx2 fft 1e11 1e9", "avx2 direct nan 1e9",
      "avx2 direct 1e11 -1", "avx2 direct 1e300 1e9", "avx2 direct 1e11 1e9 1", "\0",
    ] {
      #expect(ConvolutionTuning(text: "resgraph convolution speeds 1\n\(line)\n") == nil, "\(line)")
    }
    #expect(ConvolutionTuning(text: text + "avx2 direct 1e11 1e9\n") == nil)
    #expect(ConvolutionTuning(text: "resgraph convolution speeds 2\n") == nil)
  }

  /// Times that two speeds make are explained by those speeds.
  @Test func speedsFollowFromTwoTimes() throws {
    let speed = ConvolutionTuning.Speed(operations: 2e11, transforms: 5e9)
    let works = [ConvCase(inputs: 640, outputs: 640), ConvCase(height: 64, width: 64)].map {
      ConvolutionWork($0.problem, .winograd4)
    }
    let times = works.map { $0.operations / speed.operations + $0.transforms / speed.transforms }
    let solved = try #require(ConvolutionTuning.solve(works, times))
    #expect(abs(solved.operations / speed.operations - 1) < 1e-9)
    #expect(abs(solved.transforms / speed.transforms - 1) < 1e-9)
  }

  /// Times of a busy machine: what they say beyond how fast the machine is, is not believed.
  @Test(
    arguments: [nil, (2e11, 5e9), (1e11, 9e9), (3e10, 1.2e11), (1e10, 5e9)] as [(Double, Double)?])
  func speedsOfAWayStayWithinWhatIsKnownOfIt(speeds: (Double, Double)?) throws {
    let works = [ConvCase(inputs: 640, outputs: 640), ConvCase(height: 64, width: 64)].map {
      ConvolutionWork($0.problem, .winograd4)
    }
    let builtIn = try #require(ConvolutionTuning.builtIn[.winograd4])
    let times = works.indices.map { index in
      speeds.map { works[index].operations / $0 + works[index].transforms / $1 }
        ?? [1e-9, 0.5][index]
    }
    #expect((ConvolutionTuning.solve(works, times) == nil) == (speeds == nil))
    let speed = try #require(ConvolutionTuning.speed(of: .winograd4, works, times))
    let total = works.reduce(0) {
      $0 + $1.operations / speed.operations + $1.transforms / speed.transforms
    }
    #expect(abs(total / times.reduce(0, +) - 1) < 1e-6, "they explain the time as a whole")
    let ratio = speed.operations / speed.transforms
    if let speeds, speeds.0 > 5e10 {
      #expect(abs(ratio / (speeds.0 / speeds.1) - 1) < 1e-6)
    } else {
      #expect(abs(ratio / (builtIn.operations / builtIn.transforms) - 1) < 1e-6)
    }
  }

  @Test func aFileThatCannotBeReadIsAProblem() throws {
    try withPath { path in
      #expect(ConvolutionTuning.found(at: path).problem == nil)
      try Self.tuning.save(to: path)
      #expect(ConvolutionTuning.found(at: path).tuning == Self.tuning)
      #expect(ConvolutionTuning.found(at: path).problem == nil)
      #expect(truncate(path, 40) == 0)
      #expect(ConvolutionTuning.found(at: path).tuning == nil)
      #expect(try #require(ConvolutionTuning.found(at: path).problem).contains(path))
    }
    #expect(ConvolutionTuning.found(at: "/dev").problem != nil)
  }

  @Test func slowWayIsNotChosen() {
    let problem = ConvCase(inputs: 320, outputs: 320, height: 64, width: 64).problem
    var tuning = ConvolutionTuning(speeds: [:])
    #expect(tuning.seconds(problem, .winograd4, .avx2) < tuning.seconds(problem, .direct, .avx2))
    tuning.speeds[.avx2] = [.winograd4: .init(operations: 1e9, transforms: 1e9)]
    #expect(tuning.seconds(problem, .winograd4, .avx2) > tuning.seconds(problem, .direct, .avx2))
  }

  /// Large maps get large tiles, and medium ones where the layer allows it.
  @Test func tilesFollowTheMap() {
    func chosen(_ side: Int, _ channels: Int) -> String {
      ConvTable.table.choose(
        ConvCase(inputs: channels, outputs: channels, height: side, width: side, plain: true)
          .problem
      ).name
    }
    guard RuntimeInfo.isa >= .avx2, ConvolutionTuning.current.speeds.isEmpty else { return }
    #expect(chosen(256, 256).hasPrefix("winograd6"))
    #expect(chosen(64, 320).hasPrefix("winograd4"))
    var allowed = ConvCase(inputs: 320, outputs: 320, height: 64, width: 64, plain: true).problem
    allowed.largeTileMap = 64 * 64
    #expect(ConvTable.table.choose(allowed).name.hasPrefix("winograd6"))
    #expect(chosen(16, 1280).hasPrefix("winograd4"))
    #expect(chosen(2, 64).hasPrefix("patches"))
  }

  @Test func measuringGivesPlausibleSpeeds() {
    let found = ConvolutionTuning.measured().speeds
    for (_, speeds) in found {
      for (_, speed) in speeds { #expect(speed.isPlausible) }
    }
    #expect(found.keys.allSatisfy { $0 <= RuntimeInfo.isa })
  }
}
