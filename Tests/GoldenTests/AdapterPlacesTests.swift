import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// T2I-Adapters on UNets that their layouts were not released for, against diffusers, which ties no
/// layout to a family: the fixtures of tools/goldens/t2i_unet_make.py.
@Suite struct AdapterPlacesTests {
  private struct Fixture {
    let golden: GoldenFolder
    let unet: UNet2DConditionModel
    let adapter: T2IAdapterModel

    init(_ name: String) throws {
      golden = try GoldenFolder("t2i_unet_\(name)")
      let config = try golden.config()
      let weights = try golden.weights()
      unet = try UNet2DConditionModel(
        WeightScope(weights)["unet"], config: UNetConfig(json: try #require(config["unet"])))
      adapter = try T2IAdapterModel(
        WeightScope(weights)["adapter_model"],
        config: T2IAdapterConfig(json: try #require(config["adapter"])))
    }

    func predict(
      _ size: String, changing change: (inout [Tensor]) -> Void = { _ in }
    ) throws
      -> Tensor
    {
      var features = adapter(try golden("\(size).image"))
      change(&features)
      var conditions = UNetConditions(text: try golden("\(size).text"))
      conditions.controls.features = features
      return unet(try golden("\(size).sample"), timestep: 321, conditions: conditions)
    }
  }

  private static let names = ["xl_middle", "xl_levels", "full_two", "light"]

  @Test(arguments: names, ["square", "odd"])
  func everyFeatureThatFitsCounts(name: String, size: String) throws {
    let fixture = try Fixture(name)
    let expected = try fixture.golden("\(size).output")
    expectClose(try fixture.predict(size), expected)
    expectDiffers(try fixture.predict(size) { $0 = [] }, expected, "without the adapter")
    for index in fixture.adapter.config.features.indices {
      let silent = try fixture.predict(size) { $0[index] = $0[index] * 0 }
      expectDiffers(silent, expected, "without feature \(index)")
    }
  }

  /// What the configurations say of the features is what the network computes, and it fits.
  @Test(arguments: names)
  func theFeaturesArePredictedByTheConfigurations(name: String) throws {
    let fixture = try Fixture(name)
    let told = fixture.adapter.config.features
    let places = fixture.unet.config.adapterPlaces(latentReduction: 8)
    #expect(places.starts(with: told))
    let features = fixture.adapter(try fixture.golden("odd.image"))
    #expect(features.count == told.count)
    for (feature, told) in zip(features, told) {
      let sides = [48, 80].map { ($0 + told.reduction - 1) / told.reduction }
      #expect(feature.shape == [1, told.channels] + sides)
    }
  }

  @Test func placesOfTheReleasedModels() throws {
    func places(_ channels: [Int], attending: [Bool]) -> String {
      let levels = zip(channels, attending).map { channels, attends in
        UNetLevel(
          channels: channels, layers: 2, heads: 8, contextWidth: 768,
          downDepths: attends ? [1, 1] : [], upDepths: [])
      }
      return "\(UNetConfig(levels: levels).adapterPlaces(latentReduction: 8))"
    }
    #expect(
      places([320, 640, 1280, 1280], attending: [true, true, true, false])
        == "[320 at 1/8, 640 at 1/16, 1280 at 1/32, 1280 at 1/64, 1280 at 1/64]")
    #expect(
      places([320, 640, 1280], attending: [false, true, true])
        == "[320 at 1/16, 640 at 1/16, 1280 at 1/32, 1280 at 1/32]")
  }

  /// diffusers builds such an adapter and fails when it is used.
  @Test func aLayoutWithWidthsThatDoNotConnectIsRefused() throws {
    var members = try GoldenFolder("t2i_full_xl").config().objectValue ?? [:]
    members["channels"] = [8, 12, 16, 20]
    #expect(throws: ModelError.self) { try T2IAdapterConfig(json: .object(members)) }
  }
}
