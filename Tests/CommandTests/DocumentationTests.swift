import Foundation
import GraphRuntime
import Resgraph
import Testing

/// What the Markdown files say is compared with the thing itself.
@Suite struct DocumentationTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  @Test func nodeReferenceIsCurrent() throws {
    let page = NodeReference(catalog: try NodeCatalog.standard()).markdown
    #expect(
      try Self.text("docs/nodes.md") == page + "\n",
      "write it with: resgraph nodes --markdown > docs/nodes.md")
  }

  @Test func pictureOfTargetsShowsWhatPackageDeclares() throws {
    let declared = try TargetGraph(package: Self.text("Package.swift"))
    let drawn = try TargetGraph(mermaid: Self.text("docs/architecture.md"))
    #expect(declared.edges.count >= 8)
    #expect(Set(drawn.edges.keys) == Set(declared.edges.keys))
    for (target, reached) in declared.reachable {
      #expect(drawn.reachable[target] == reached, "what \(target) sees")
    }
  }

  /// The graph in README, with the demo model's files in place of Stable Diffusion 1.5's.
  @Test func graphInReadmeIsValid() throws {
    let readme = try Self.text("README.md")
    let block = try #require(readme.firstMatch(of: /```yaml\n(version: 1\n(?s:.*?))```/)).output.1
    let demo = Self.root.appending(path: "models/demo").path()
    let graph = block.replacing("models/v1-5-pruned-emaonly.safetensors", with: demo)
      .replacing("models/resadapter_v2_sd1.5", with: "\(demo)/resadapter")
    #expect(graph.contains("\(demo)/resadapter") && graph.contains("path: \(demo)}"))
    let request = GraphRequest(path: "README.yaml", contents: Array(graph.utf8))
    #expect(try Engine().validate(request).outputs.map(\.name) == ["poster"])
  }

  /// Every relative link of a Markdown file names a file or folder that exists.
  @Test func linksLeadSomewhere() throws {
    let files = try Self.markdownFiles()
    #expect(files.count >= 12)
    for file in files {
      let text = try Self.text(file)
      for match in text.matches(of: /\]\(([^)#\s]+)(#[^)\s]*)?\)/) {
        let link = String(match.output.1)
        if link.contains(":") { continue }
        let target = Self.root.appending(path: file).deletingLastPathComponent()
          .appending(path: link)
        #expect(FileManager.default.fileExists(atPath: target.path()), "\(file): \(link)")
      }
    }
  }

  /// The Markdown files of the project, by their paths from its root.
  private static func markdownFiles() throws -> [String] {
    let folders = ["", ".github/ISSUE_TEMPLATE", "docs", "models/demo", "tools/demo"]
    return try folders.flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())
        .filter { $0.hasSuffix(".md") }.map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
    }
  }
}

/// The targets of the package that hold code of its own, and which others each depends on.
private struct TargetGraph {
  private(set) var edges: [String: Set<String>] = [:]

  /// Reads the declarations of `Package.swift`.
  init(package: String) {
    let declaration =
      /\.(?:target|executableTarget)\(\s*name: "(\w+)"(?:,\s*dependencies: \[([^\]]*)\])?/
    for match in package.matches(of: declaration) where match.output.1 != "TestSupport" {
      let names = (match.output.2 ?? "").matches(of: /"(\w+)"/).map { String($0.output.1) }
      edges[String(match.output.1)] = Set(names)
    }
    // System libraries are no targets with code.
    let targets = Set(edges.keys)
    edges = edges.mapValues { $0.intersection(targets) }
  }

  /// Reads the first drawing of a page.
  init(mermaid page: String) throws {
    let drawing = try #require(page.firstMatch(of: /```mermaid\n((?s:.*?))```/)).output.1
    for match in drawing.matches(of: /(?m:^) *(\w+) --> ([\w &]+)$/.anchorsMatchLineEndings()) {
      let targets = match.output.2.split(separator: "&")
        .map { $0.trimmingCharacters(in: .whitespaces) }
      edges[String(match.output.1), default: []].formUnion(targets)
      for target in targets { edges[target, default: []].formUnion([]) }
    }
  }

  /// Everything that each target sees, directly or through others.
  var reachable: [String: Set<String>] {
    var reached = edges
    for _ in edges {
      for (target, seen) in reached {
        reached[target] = seen.union(seen.flatMap { reached[$0] ?? [] })
      }
    }
    return reached
  }
}
