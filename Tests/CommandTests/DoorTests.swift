import Foundation
import Testing

/// The Swift program in README, as a package of its own that depends on this one by path.
///
/// It compiles this package again, which takes minutes: it runs where `RESGRAPH_TEST_DOOR` is 1.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["RESGRAPH_TEST_DOOR"] == "1"))
struct DoorTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static let manifest = """
    // swift-tools-version: 6.2
    import PackageDescription

    let package = Package(
      name: "door",
      dependencies: [.package(name: "resgraph", path: "\(root.path())")],
      targets: [
        .executableTarget(
          name: "Door", dependencies: [.product(name: "Resgraph", package: "resgraph")],
          swiftSettings: [.enableUpcomingFeature("MemberImportVisibility")])
      ],
      swiftLanguageModes: [.v6])

    """

  /// Names that an app may have for its own types.
  private static let ownTypes = """
    struct Weights { var value = 1 }
    enum Nodes { case one }
    struct Files { var names: [String] = [] }
    struct Tensor { var shape: [Int] = [] }
    struct Everything { var weights = Weights(), nodes = Nodes.one, files = Files(), tensor = Tensor() }

    """

  @Test func theProgramInTheReadmeRuns() throws {
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    let section = try #require(readme.split(separator: "\n## Use it from Swift\n").last)
    let match = try #require(section.firstMatch(of: /```swift\n((?s).*?)```/))
    let program = String(match.1)
    #expect(program.split(separator: "\n").count <= 12)

    // What is built there is kept, so that only the first run takes long.
    let package = Self.root.appending(path: ".build/door")
    let sources = package.appending(path: "Sources/Door")
    try FileManager.default.createDirectory(at: sources, withIntermediateDirectories: true)
    for (name, text) in [
      ("Package.swift", Self.manifest), ("Sources/Door/main.swift", program),
      ("Sources/Door/OwnTypes.swift", Self.ownTypes),
    ] {
      try Data(text.utf8).write(to: package.appending(path: name))
    }
    let build = try run("/usr/bin/env", "swift", "build", "-c", "release", in: package)
    try #require(build.status == 0, "\(build.output)")

    let folder = FileManager.default.temporaryDirectory.appending(path: "door-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["graphs", "models"] {
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: name), withDestinationURL: Self.root.appending(path: name))
    }
    let result = try run(
      package.appending(path: ".build/release/Door").path(), in: folder)
    #expect(result.status == 0, "\(result.output)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.first == "out/picture.png")
    #expect(lines.contains("run.start") && lines.contains("run.end"))
    #expect(lines.last == "128 128 49152")
    #expect(
      FileManager.default.fileExists(atPath: folder.appending(path: "out/picture.png").path()))
  }

  private func run(
    _ program: String, _ arguments: String..., in folder: URL
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
