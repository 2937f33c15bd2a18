import Foundation
import GraphRuntime

@testable import Resgraph

/// Graphs as users write them, validated and run by the engine; paths start at the goldens' folder.
enum GraphRun {
  static let goldens = TinyModel.folder.deletingLastPathComponent()
  /// The picture files of another target's tests.
  static let pictures = goldens.deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "PicturesTests/Goldens/images")

  private static func request(_ text: String, target: String) -> GraphRequest {
    GraphRequest(
      path: goldens.appending(path: "graph.yaml").path(), contents: Array(text.utf8),
      targets: [target])
  }

  /// The latent of a node of a graph; runs on one engine share its models.
  static func latent(
    _ text: String, node: String = "denoise", engine: Engine? = nil
  ) throws -> LatentValue? {
    let engine = try engine ?? Engine()
    let valid = try engine.validator.validate(request(text, target: node))
    let plan = try Planner().plan(valid)
    return try Executor().run(plan).values[node]?["latent"] as? LatentValue
  }

  /// What validation says against a graph, one line per error.
  static func complaints(_ text: String, node: String = "denoise") throws -> [Diagnostic] {
    do {
      _ = try Engine().validator.validate(request(text, target: node))
      return []
    } catch let error as Diagnostics {
      return error.all.filter { $0.severity == .error }
    }
  }
}
