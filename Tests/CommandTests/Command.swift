import Foundation
import TestSupport
import Testing

/// The built program, and a folder of its own to run it in.
final class Command: Sendable {
  /// What a finished process left.
  struct Result {
    let status: Int32
    let output: String
    let messages: String

    /// The lines of standard output.
    var lines: [String] { output.split(separator: "\n").map(String.init) }
  }

  private let scratch: TemporaryFolder
  /// Where the program runs.
  var folder: URL { scratch.url }

  init() throws { scratch = try TemporaryFolder() }

  /// The tiny checkpoint of the node tests.
  static let tiny = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "NodesTests/Goldens/tiny").path()

  /// The programs lie beside the test bundle.
  private static func program(_ name: String) throws -> URL {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    var folders = [URL(filePath: own).deletingLastPathComponent()]
    folders.append(URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent())
    folders.append(folders[1].deletingLastPathComponent().deletingLastPathComponent())
    let candidates = folders.map { $0.appending(path: name) }
    return try #require(
      candidates.first { FileManager.default.isExecutableFile(atPath: $0.path()) },
      "the program is not beside the tests; looked at \(candidates.map { $0.path() })")
  }

  /// The path of one of the programs, for a shell.
  static func path(_ name: String) throws -> String { try program(name).path() }

  /// Writes a file into the folder.
  @discardableResult
  func file(_ name: String, _ text: String) throws -> String {
    try scratch.write(text, to: name)
    return name
  }

  /// The bytes of a file, by its path from the folder.
  func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: folder.appending(path: path))
  }

  /// Runs one of the package's programs to its end.
  func run(
    program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Result {
    let process = try start(arguments, environment: environment, program: program)
    process.waitUntilExit()
    return try result(of: process)
  }

  /// Runs resgraph to its end.
  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Result {
    let process = try start(arguments, environment: environment)
    process.waitUntilExit()
    return try result(of: process)
  }

  /// Starts the program; its streams go to files in the folder, or quietly nowhere.
  func start(
    _ arguments: [String], environment: [String: String] = [:], program: String = "resgraph",
    quietly: Bool = false
  ) throws -> Process {
    let process = Process()
    process.executableURL =
      program.hasPrefix("/") ? URL(filePath: program) : try Self.program(program)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    var variables = ProcessInfo.processInfo.environment
    for name in ["RESGRAPH_MODEL_PATH", "RESGRAPH_THREADS", "NO_COLOR"] { variables[name] = nil }
    // What a user has stored must not change what is tested, nor the other way round.
    variables["RESGRAPH_CACHE"] = folder.appending(path: "cache").path()
    process.environment = variables.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    if quietly {
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      return process
    }
    for name in ["stdout", "stderr"] { try file(name, "") }
    process.standardOutput = try FileHandle(forWritingTo: folder.appending(path: "stdout"))
    process.standardError = try FileHandle(forWritingTo: folder.appending(path: "stderr"))
    try process.run()
    return process
  }

  /// What the process wrote so far.
  func written(_ stream: String) throws -> String {
    String(decoding: try bytes(stream), as: UTF8.self)
  }

  func result(of process: Process) throws -> Result {
    Result(
      status: process.terminationStatus, output: try written("stdout"),
      messages: try written("stderr"))
  }

  /// A text-to-image graph on the tiny model.
  static func graph(extra: String = "", outputs: String = "  picture: $picture.image") -> String {
    """
    version: 1
    name: small
    params:
      prompt: {type: string, default: "a red lighthouse"}
      seed: {type: seed, default: 3}
      steps: {type: int, default: 3, min: 1, max: 1000}
      width: {type: int, default: 96, min: 64, multiple_of: 8}
    nodes:
      base: {type: CheckpointLoad, path: "\(tiny)/model"}
      text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: $params.prompt}
      start: {type: EmptyLatent, width: $params.width, height: 64}
      denoise: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start, steps: $params.steps, seed: $params.seed}
      picture: {type: VAEDecode, vae: $base.vae, latent: $denoise}
    \(extra)
    outputs:
    \(outputs)

    """
  }
}
