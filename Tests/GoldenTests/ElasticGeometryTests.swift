import Foundation
import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// The index arithmetic of ElasticDiffusion: every size, without a model.
@Suite struct ElasticGeometryTests {
  /// Every axis pair of SDXL sizes on a grid of 64 and of SD 1.5 sizes on a grid of 8, measured on the authors'
  /// code by tools/goldens/elastic_make.py.
  @Test func everyAxisEqualsTheOfficialCodeWhereThatHasOne() throws {
    let table = try #require(
      try JSONValue.read(path: GoldenFolder.root.path + "/elastic_axes/axes.json").objectValue)
    #expect(table.count > 2_000)
    var broken = 0
    for (pair, digest) in table {
      let sides = pair.split(separator: ">").compactMap { Int($0) }
      let axis = ReducedAxis(source: sides[0], reduced: sides[1])
      let expected = try #require(digest.stringValue)
      #expect(axis.isOfficial == (expected != "fails"), "\(pair)")
      if expected == "fails" {
        broken += 1
      } else {
        #expect(Self.digest(of: axis) == expected, "\(pair)")
      }
    }
    #expect(broken == 386)
  }

  /// What the script writes: samples and marks of the first bit, then of the second.
  private static func digest(of axis: ReducedAxis) -> String {
    let parts = (0...1).flatMap { bit -> [[Int]] in
      let own = stride(from: bit, to: 2 * axis.reduced, by: 2)
      return [own.map { axis.samples[$0] }, Set(own.map { axis.marks[$0] }).sorted()]
    }
    let text = parts.map { $0.map(String.init).joined(separator: ",") }.joined(separator: ";")
    return Array(text.utf8).withUnsafeBytes { String(Digest.bytes($0).prefix(16)) }
  }

  static let sides = Array(stride(from: 512, through: 2_048, by: 64))

  /// Every SDXL size: the reduction samples and marks pixels that exist, its marks are those that enlargement
  /// writes back, and the windows cover everything with equal views.
  @Test func everySDXLSizeOnAGridOf64HasAReductionAndViews() {
    let options = ElasticOptions(nativeSide: 128)
    var official = 0
    for height in Self.sides {
      for width in Self.sides {
        let (rows, columns) = (height / 8, width / 8)
        let reduced = options.reducedSize(height: rows, width: columns)
        #expect(max(reduced.height, reduced.width) == min(128, max(rows, columns)))
        let axes = [
          ReducedAxis(source: rows, reduced: reduced.height),
          ReducedAxis(source: columns, reduced: reduced.width),
        ]
        if axes.allSatisfy(\.isOfficial) { official += 1 }
        for axis in axes { checkAxis(axis) }
        checkViews(rows, columns)
      }
    }
    #expect(official == 625 - 154)
  }

  private func checkAxis(_ axis: ReducedAxis) {
    let range = 0..<axis.source
    #expect(axis.samples.count == 2 * axis.reduced && axis.marks.count == 2 * axis.reduced)
    let isInside = (axis.samples + axis.marks).allSatisfy(range.contains)
    #expect(isInside)
    guard !axis.isOfficial else { return }
    // What is sampled is exactly what enlargement would fill from the same place.
    let numbers = Tensor((0..<axis.reduced).map { Float($0) }, shape: [1, 1, 1, axis.reduced])
    let owners = upsampleNearest(numbers, height: 1, width: axis.source).floats().map { Int($0) }
    for (index, mark) in axis.marks.enumerated() { #expect(owners[mark] == index / 2) }
    #expect(axis.marks == axis.samples)
  }

  private func checkViews(_ height: Int, _ width: Int) {
    let grid = ViewGrid(
      height: height, width: width, window: (min(64, height), min(64, width)), stride: 64)
    var covered = Set<Int>()
    for view in grid.views {
      let seen = view.widened(by: 32, height: height, width: width)
      #expect(seen.rows.count == min(128, height) && seen.columns.count == min(128, width))
      #expect(
        seen.rows.contains(view.rows.lowerBound) && view.rows.upperBound <= seen.rows.upperBound)
      for row in view.rows { covered.insert(row * width + view.columns.lowerBound) }
      for column in view.columns { covered.insert(view.rows.lowerBound * width + column) }
      #expect(view.rows.count == min(64, height) && view.columns.upperBound <= width)
    }
    #expect(Set(grid.views.flatMap { Array($0.rows) }).count == height)
    #expect(Set(grid.views.flatMap { Array($0.columns) }).count == width)
  }

  /// The examples that the authors' code gives for two common ratios.
  @Test func knownAxes() {
    let half = ReducedAxis(source: 8, reduced: 4)
    #expect(half.samples == [0, 1, 2, 3, 4, 5, 6, 7])
    #expect(half.marks == [0, 1, 2, 3, 4, 5, 6, 7])
    let same = ReducedAxis(source: 4, reduced: 4)
    #expect(same.samples == [0, 0, 1, 1, 2, 2, 3, 3] && same.marks == same.samples)
  }

  // numpy.random.seed(s); [numpy.random.randint(100000) for _ in range(3)]
  @Test func numpyNumbers() {
    for (seed, expected) in [(UInt64(0), [68_268, 43_567, 42_613]), (42, [15_795, 860, 76_820])] {
      var random = ElasticRandom(seed: seed)
      let found = (0..<3).map { _ in Int(random.drawNumpy(below: 100_000)) }
      #expect(found == expected)
    }
  }

  @Test func stripsAreSeededByTheirNames() {
    #expect(Digest.md5Prefix("3_1_64_32_981") == 2_837_342_691)
  }

  /// No pixel is taken twice before all four of its cell have been.
  @Test func choicesDoNotRepeatBeforeTheyMust() {
    var generator = TorchGenerator(seed: 1)
    var choices = PixelChoices(count: 500)
    var seen = choices.current.map { Set([$0]) }
    for _ in 0..<3 {
      choices.redraw(share: 1, from: &generator)
      for (index, choice) in choices.current.enumerated() {
        #expect(!seen[index].contains(choice))
        seen[index].insert(choice)
      }
    }
    choices.redraw(share: 1, from: &generator)
    #expect(choices.current.allSatisfy { (0...3).contains($0) })
  }
}
