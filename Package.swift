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
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
  name: "resgraph",
  products: [
    .executable(name: "resgraph", targets: ["ResgraphCommand"]),
    .executable(name: "resgraph-bench", targets: ["ResgraphBench"]),
    .library(name: "Resgraph", targets: ["Resgraph"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"])]),

    .target(name: "CStartup"),
    .target(name: "ResgraphFiles", dependencies: [crypto], path: "Sources/Files"),
    .target(name: "CKernels", cSettings: kernelSettings),
    .target(
      name: "CImageIO", dependencies: ["CPNG", "CJPEG"], linkerSettings: [.linkedLibrary("z")]),
    .target(name: "TensorRuntime", dependencies: ["ResgraphFiles", "CKernels", "COpenBLAS"]),
    .target(
      name: "ResgraphPictures", dependencies: ["ResgraphFiles", "TensorRuntime", "CImageIO"],
      path: "Sources/Pictures"),
    .target(
      name: "ResgraphWeights", dependencies: ["ResgraphFiles", "TensorRuntime"],
      path: "Sources/Weights"),
    .target(name: "CVocabulary"),
    .target(
      name: "DiffusionModels",
      dependencies: [
        "ResgraphFiles", "TensorRuntime", "ResgraphWeights", "ResgraphPictures", "CVocabulary",
      ]),
    .target(
      name: "ResgraphTraining",
      dependencies: [
        "ResgraphFiles", "TensorRuntime", "ResgraphWeights", "ResgraphPictures", "DiffusionModels",
      ],
      path: "Sources/Training"),
    .target(name: "GraphRuntime", dependencies: ["ResgraphFiles", "CYAML", crypto]),
    .target(
      name: "Resgraph",
      dependencies: [
        "ResgraphFiles", "GraphRuntime", "TensorRuntime", "ResgraphWeights", "ResgraphPictures",
        "DiffusionModels", "ResgraphTraining",
      ],
      path: "Sources/Nodes"),
    .executableTarget(
      name: "ResgraphCommand",
      dependencies: [
        "ResgraphFiles", "GraphRuntime", "Resgraph", "DiffusionModels", "ResgraphPictures",
        "ResgraphWeights", "TensorRuntime", "CStartup", argumentParser,
      ],
      path: "Sources/resgraph"),
    .executableTarget(
      name: "ResgraphBench",
      dependencies: [
        "ResgraphFiles", "TensorRuntime", "ResgraphWeights", "DiffusionModels", "ResgraphTraining",
        "CStartup",
        argumentParser,
      ],
      path: "Sources/resgraph-bench"),

    .target(
      name: "TestSupport", dependencies: ["ResgraphFiles", "TensorRuntime"],
      path: "Tests/TestSupport"),
    .testTarget(name: "FilesTests", dependencies: ["ResgraphFiles", "TestSupport", crypto]),
    .testTarget(
      name: "TensorRuntimeTests",
      dependencies: ["ResgraphFiles", "TensorRuntime", "CKernels", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "PicturesTests",
      dependencies: ["ResgraphPictures", "TensorRuntime", "CImageIO", "TestSupport"],
      exclude: ["Goldens"]),
    .testTarget(
      name: "WeightsTests",
      dependencies: ["ResgraphFiles", "ResgraphWeights", "TensorRuntime", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "DiffusionModelsTests",
      dependencies: ["ResgraphFiles", "DiffusionModels", "TensorRuntime", "TestSupport"]),
    .testTarget(
      name: "GraphRuntimeTests", dependencies: ["ResgraphFiles", "GraphRuntime", "TestSupport"],
      exclude: ["Snapshots"]),
    .testTarget(
      name: "NodesTests",
      dependencies: [
        "ResgraphFiles", "Resgraph", "GraphRuntime", "DiffusionModels", "ResgraphWeights",
        "ResgraphPictures", "TensorRuntime", "TestSupport",
      ],
      exclude: ["Goldens"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: ["ResgraphFiles", "ResgraphTraining", "TensorRuntime", "TestSupport"]),
    .testTarget(
      name: "GoldenTests",
      dependencies: [
        "ResgraphFiles", "DiffusionModels", "ResgraphWeights", "ResgraphTraining",
        "TensorRuntime", "TestSupport",
      ],
      exclude: ["Goldens"]),
    .testTarget(name: "HouseTests"),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "ResgraphFiles", "ResgraphCommand", "ResgraphBench", "Resgraph", "GraphRuntime",
        "TensorRuntime", "TestSupport",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where ![.system, .plugin].contains(target.type) {
  if ["CKernels", "CImageIO", "CVocabulary", "CStartup"].contains(target.name) { continue }
  target.swiftSettings = swiftSettings
}
