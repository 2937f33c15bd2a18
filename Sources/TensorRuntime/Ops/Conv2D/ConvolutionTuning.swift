/// The speeds of the algorithms for convolutions, from which one is chosen for each shape.
///
/// The built-in speeds suit current processors. Measured speeds that are stored in the cache folder
/// replace them at the next start. With the same speeds the choice is always the same.
public struct ConvolutionTuning: Sendable, Equatable {
  /// An algorithm for 3x3 convolutions.
  public enum Algorithm: String, Sendable, CaseIterable {
    /// Products of gathered patches.
    case direct
    /// Winograd's F(2x2, 3x3).
    case winograd2
    /// Winograd's F(4x4, 3x3).
    case winograd4
    /// Winograd's F(6x6, 3x3).
    case winograd6

    /// The tile of a Winograd algorithm; nil for the direct one.
    var tile: WinogradTile? {
      switch self {
      case .direct: nil
      case .winograd2: .two
      case .winograd4: .four
      case .winograd6: .six
      }
    }
  }

  /// How fast one algorithm is on all threads.
  public struct Speed: Sendable, Equatable {
    /// Floating-point operations of the products, per second.
    public var operations: Double
    /// Values transformed or gathered, per second.
    public var transforms: Double

    /// Makes a pair of speeds.
    ///
    /// - Parameters:
    ///   - operations: Floating-point operations of the products, per second.
    ///   - transforms: Values transformed or gathered, per second.
    public init(operations: Double, transforms: Double) {
      self.operations = operations
      self.transforms = transforms
    }

    /// Whether both numbers are within what computers reach.
    var isPlausible: Bool {
      let range = 1e6...1e16
      return range.contains(operations) && range.contains(transforms)
    }
  }

  /// The speeds of each algorithm with each instruction set.
  ///
  /// An algorithm that is not listed has its built-in speed.
  public var speeds: [ISA: [Algorithm: Speed]]

  /// Makes a set of speeds.
  ///
  /// - Parameter speeds: For each instruction set, those that were measured.
  public init(speeds: [ISA: [Algorithm: Speed]]) { self.speeds = speeds }

  /// The speeds in use: the stored ones, or the built-in ones where none can be read.
  public static let current = stored.tuning ?? ConvolutionTuning(speeds: [:])

  /// The built-in speeds, of which only the ratios matter.
  ///
  /// Products of Winograd's tiles run a little slower than plain ones, because their operands come
  /// from a more distant cache.
  static let builtIn: [Algorithm: Speed] = [
    .direct: Speed(operations: 230e9, transforms: 12e9),
    .winograd2: Speed(operations: 200e9, transforms: 6e9),
    .winograd4: Speed(operations: 200e9, transforms: 6e9),
    .winograd6: Speed(operations: 190e9, transforms: 6e9),
  ]

  /// Predicts how many seconds a problem takes.
  func seconds(_ problem: ConvProblem, _ algorithm: Algorithm, _ isa: ISA) -> Double {
    let speed = speeds[isa]?[algorithm] ?? Self.builtIn[algorithm]
    guard let speed else { return .infinity }
    let work = ConvolutionWork(problem, algorithm)
    return work.operations / speed.operations + work.transforms / speed.transforms
  }
}

/// The work of an algorithm for one problem.
struct ConvolutionWork: Equatable {
  /// Floating-point operations of the products.
  let operations: Double
  /// Values transformed or gathered.
  let transforms: Double

  init(_ problem: ConvProblem, _ algorithm: ConvolutionTuning.Algorithm) {
    let inputs = Double(problem.inputChannels)
    let outputs = Double(problem.outputChannels)
    guard let tile = algorithm.tile else {
      let pixels = Double(problem.outputPixels)
      operations = 2 * pixels * Double(problem.taps) * outputs
      transforms = pixels * (Double(problem.taps) + outputs)
      return
    }
    let tiles = Double(tile.count(problem))
    let positions = Double((tile.rawValue + 2) * (tile.rawValue + 2))
    operations = 2 * tiles * positions * inputs * outputs
    // The weights are transformed again for each group of tiles.
    let groups = (tiles / 64).rounded(.up)
    transforms = positions * (tiles * (inputs + outputs) + groups * inputs * outputs / 2)
  }
}
