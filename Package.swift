// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: existentials are spelt out, imports are explicit per file.
let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// C kernels are always optimised: a debug build would be too slow to test a model with.
let kernelSettings: [CSetting] = [
  .unsafeFlags(["-O3", "-ffp-contract=fast", "-fno-math-errno", "-Wall", "-Wextra"])
]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
  name: "resgraph",
  products: [
    .executable(name: "resgraph", targets: ["resgraph"]),
    .executable(name: "resgraph-bench", targets: ["resgraph-bench"]),
    .library(name: "GraphRuntime", targets: ["GraphRuntime"]),
    .library(name: "DiffusionModels", targets: ["DiffusionModels"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),

    .target(name: "CKernels", cSettings: kernelSettings),
    .target(name: "CImageIO", dependencies: ["CPNG", "CJPEG"]),
    .target(name: "TensorRuntime", dependencies: ["CKernels", "COpenBLAS"]),
    .target(name: "Weights", dependencies: ["TensorRuntime", "COpenBLAS", crypto]),
    .target(name: "CVocabulary"),
    .target(
      name: "DiffusionModels", dependencies: ["TensorRuntime", "Weights", "CVocabulary"]),
    .target(name: "GraphRuntime", dependencies: ["CYAML", crypto]),
    .target(
      name: "Nodes",
      dependencies: [
        "GraphRuntime", "TensorRuntime", "Weights", "DiffusionModels", "CImageIO",
      ]),
    .executableTarget(
      name: "resgraph", dependencies: ["GraphRuntime", "Nodes", argumentParser, logging]),
    .executableTarget(
      name: "resgraph-bench",
      dependencies: ["TensorRuntime", "Weights", "DiffusionModels", argumentParser]),

    .target(
      name: "TestSupport", dependencies: ["TensorRuntime", "Weights"],
      path: "Tests/TestSupport"),
    .testTarget(
      name: "TensorRuntimeTests", dependencies: ["TensorRuntime", "CKernels"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "WeightsTests", dependencies: ["Weights", "TestSupport"], exclude: ["Fixtures"]),
    .testTarget(name: "DiffusionModelsTests", dependencies: ["DiffusionModels", "TestSupport"]),
    .testTarget(
      name: "GraphRuntimeTests", dependencies: ["GraphRuntime"], exclude: ["Snapshots"]),
    .testTarget(
      name: "NodesTests",
      dependencies: [
        "Nodes", "GraphRuntime", "DiffusionModels", "Weights", "TensorRuntime", "TestSupport",
      ],
      exclude: ["Goldens"]),
    .testTarget(
      name: "GoldenTests", dependencies: ["DiffusionModels", "Nodes", "TestSupport"],
      exclude: ["Goldens"]),
    .testTarget(
      name: "CommandTests", dependencies: ["resgraph", "resgraph-bench", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where ![.system, .plugin].contains(target.type) {
  if ["CKernels", "CImageIO", "CVocabulary"].contains(target.name) { continue }
  target.swiftSettings = swiftSettings
}
