import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport

@testable import DiffusionModels

/// A UNet of the goldens with its cases.
struct UNetFixture {
  let golden: GoldenFolder
  let model: UNet2DConditionModel

  init(_ name: String) throws {
    golden = try GoldenFolder("unet_\(name)")
    model = try UNet2DConditionModel(
      WeightScope(golden.weights()), config: UNetConfig(json: golden.config()))
  }

  func expected(_ name: String) throws -> Tensor { try golden("\(name).output") }

  func timestep(_ name: String) -> Float {
    (try? golden("\(name).timestep").floats().first) ?? .nan
  }

  func conditions(_ name: String) throws -> UNetConditions {
    func optional(_ key: String) throws -> Tensor? {
      golden.has("\(name).\(key)") ? try golden("\(name).\(key)") : nil
    }
    var conditions = UNetConditions(
      text: try golden("\(name).text"), pooled: try optional("pooled"),
      timeIDs: try optional("time_ids"))
    conditions.timestepCond = try optional("guidance")
    conditions.controls.features = try golden.list("\(name).feature")
    if let middle = try optional("control.mid") {
      conditions.controls.residuals = ControlResiduals(
        down: try golden.list("\(name).control"), mid: middle)
    }
    return conditions
  }

  /// Runs a case, possibly with something changed.
  func predict(
    _ name: String, with other: UNet2DConditionModel? = nil, timestep: Float? = nil,
    changing change: (inout UNetConditions) -> Void = { _ in }
  ) throws -> Tensor {
    var conditions = try conditions(name)
    change(&conditions)
    return (other ?? model)(
      try golden("\(name).sample"), timestep: timestep ?? self.timestep(name),
      conditions: conditions)
  }
}

/// A source in which one tensor has the values of another of as many or more elements.
struct SwappedSource: WeightSource {
  private let base: any WeightSource
  private let replaced: String
  private let other: String

  init(_ base: any WeightSource, _ replaced: String, _ other: String) {
    (self.base, self.replaced, self.other) = (base, replaced, other)
  }

  var keys: [String] { base.keys }
  var location: String { base.location }
  var digest: String { get throws { try base.digest } }
  func entry(_ key: String) -> WeightEntry? { base.entry(key) }

  func tensor(_ key: String) throws -> RawTensor {
    let own = try base.tensor(key)
    guard key == replaced else { return own }
    let values = try base.tensor(other).floats()
    // Repeated or cut to the size that is needed.
    return RawTensor((0..<own.count).map { values[$0 % values.count] }, shape: own.shape)
  }
}
