import Foundation
import GraphRuntime
import TestSupport
import Testing

/// A relative path starts from the place where it is written, and the resolved document leads there.
@Suite struct PathOriginTests {
  private let harness: Harness
  private let text = """
    version: 1
    params: {file: {type: path, default: small.model}, folder: {type: string, default: "."}}
    nodes:
      one: {type: ModelLoad, path: $params.file}
      two: {type: ModelLoad, path: "${params.folder}/large.model"}
    outputs: {x: $one, y: $two}
    """

  init() throws { harness = try Harness() }

  private func validate(_ text: String? = nil, params: String? = nil) throws -> ValidatedGraph {
    var request = harness.request(text ?? self.text)
    if let params { request.paramsFiles = [params] }
    return try GraphValidator(catalog: harness.catalog, environment: harness.environment)
      .validate(request)
  }

  private func name(_ graph: ValidatedGraph, _ node: String) -> String? {
    (graph.value(node: node, port: "model") as? StubModel)?.name
  }

  @Test func whatAParameterFileNamesIsBesideIt() throws {
    try harness.folder.write("small far", to: "values/small.model")
    try harness.folder.write("large wide", to: "values/large.model")
    let values = try harness.folder.write("{file: small.model, folder: .}", to: "values/p.yaml")
    let graph = try validate(params: values)
    #expect(name(graph, "one") == "far" && name(graph, "two") == "wide")
    #expect(name(try validate(), "one") == "alpha")

    let again = try validate(graph.resolvedDocument)
    #expect(name(again, "one") == "far" && name(again, "two") == "wide")
    #expect(again.resolvedDocument == graph.resolvedDocument)
    #expect(graph.resolvedDocument.contains("\"values/small.model\""))
    #expect(!graph.resolvedDocument.contains(harness.folder.path))
  }

  @Test func theGraphsFolderIsNoPlaceForWhatIsWrittenElsewhere() throws {
    let values = try harness.folder.write("{file: small.model}", to: "values/p.yaml")
    do {
      _ = try validate(params: values)
      Issue.record("found a file beside the graph")
    } catch let found as Diagnostics {
      let error = try #require(found.errors.first)
      #expect(error.code == .missingFile && found.exitStatus == .missingFile)
      #expect(error.hint?.contains("values`; --model-path") == true, "\(error)")
    }
  }

  @Test func aHomeFolderIsForTheShellToFind() throws {
    let said = harness.problems(text, sets: ["file=~/models/small.model"])
    #expect(said.contains("$HOME"))
  }

  @Test func whatAModelFolderHoldsIsFoundAgainWithoutIt() throws {
    try harness.folder.write("small far", to: "models/far.model")
    var request = harness.request(text, sets: [])
    request.contents = Array(text.replacing("small.model", with: "far.model").utf8)
    request.modelPaths = [harness.folder.file("models")]
    let graph = try GraphValidator(catalog: harness.catalog, environment: harness.environment)
      .validate(request)
    #expect(name(try validate(graph.resolvedDocument), "one") == "far")
  }
}
