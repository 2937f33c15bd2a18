import Testing

/// Which target may import which, and that the folders of a target do not use each other in turn.
@Suite struct LayerTests {
  /// The project's own modules that the Swift files of a folder of Sources may import.
  private static let layers: [String: Set<String>] = {
    let tensors: Set = ["ResgraphFiles", "TensorRuntime"]
    let models = tensors.union(["ResgraphPictures", "ResgraphWeights", "DiffusionModels"])
    let training = models.union(["ResgraphTraining"])
    return [
      "Files": [],
      "TensorRuntime": ["ResgraphFiles", "CKernels", "COpenBLAS"],
      "Pictures": tensors.union(["CImageIO"]),
      "Weights": tensors.union(["COpenBLAS"]),
      "DiffusionModels": models.subtracting(["DiffusionModels"]).union(["CVocabulary"]),
      "Training": models,
      "GraphRuntime": ["ResgraphFiles", "CYAML"],
      "Nodes": training.union(["GraphRuntime"]),
      "resgraph": models.union(["GraphRuntime", "Resgraph"]),
      "resgraph-bench": training,
    ]
  }()

  private static let modules = layers.values.reduce(into: Set(["Resgraph", "GraphRuntime"])) {
    $0.formUnion($1)
  }

  @Test func importsGoOneWay() throws {
    let sources = try SourceTree.sources.get()
    #expect(sources.count > 200)
    for (file, source) in sources {
      let allowed = try #require(Self.layers[file.parts[1]], "\(file.path) is in no known target")
      for line in source.code where line.contains("import ") {
        guard let match = line.firstMatch(of: /^\s*(?:\S+ )*import (?:[a-z]+ )?([A-Za-z]+)/) else {
          continue
        }
        let module = String(match.output.1)
        let isAllowed = !Self.modules.contains(module) || allowed.contains(module)
        #expect(isAllowed, "\(file.path) imports \(module)")
      }
    }
  }

  @Test func foldersOfATargetUseEachOtherOneWay() throws {
    let files = try SourceTree.sources.get().map(FolderFile.init)
    var found: [String] = []
    for (target, members) in Dictionary(grouping: files, by: \.target) {
      let uses = FolderUses(members)
      for pair in uses.ties { found.append("\(target): \(pair.0) and \(pair.1)") }
    }
    KnownExceptions.ties.check(found)
  }

  @Test func aTieIsFound() {
    func file(_ path: String, _ text: String) -> FolderFile {
      FolderFile(ProjectFile(path: path, text: text), SourceText(text))
    }
    let oneWay = [
      file("Sources/T/A/a.swift", "struct Low {}"), file("Sources/T/B/b.swift", "let x: Low"),
    ]
    #expect(FolderUses(oneWay).ties.isEmpty)
    let both =
      [file("Sources/T/A/a.swift", "struct Low { var y: High }")]
      + [file("Sources/T/B/b.swift", "struct High { var x: [Low] } // Low")]
    #expect(FolderUses(both).ties.map { "\($0)\($1)" } == ["AB"])
  }
}

/// A file with the names that it declares for others and those that it uses.
struct FolderFile {
  let target: String
  /// The folder within the target; empty for the target's own folder.
  let folder: String
  let declared: Set<String>
  let used: Set<String>

  init(_ file: ProjectFile, _ source: SourceText) {
    (target, folder) = (file.parts[1], file.parts.count > 3 ? file.parts[2] : "")
    var (declared, used): (Set<String>, Set<String>) = ([], [])
    var level = 0
    for line in source.code {
      let kinds = /\b(?:class|struct|enum|protocol|actor|typealias)\s+([A-Z]\w*)/
      if level == 0, line.utf8.contains(where: { $0 != 32 }),
        !line.contains(/\b(?:private|fileprivate)\b/),
        let match = line.firstMatch(of: kinds)
      {
        declared.insert(String(match.output.1))
      }
      for word in line.utf8.split(whereSeparator: { !Self.isWordByte($0) }) {
        if let first = word.first, (65...90).contains(first) {
          used.insert(String(Substring(word)))
        }
      }
      level += SourceText.braces(line)
    }
    (self.declared, self.used) = (declared, used)
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
  }
}

/// Which folder of a target uses names of which other.
struct FolderUses {
  private var uses: [String: Set<String>] = [:]

  init(_ files: [FolderFile]) {
    var homes: [String: Set<String>] = [:]
    for file in files { for name in file.declared { homes[name, default: []].insert(file.folder) } }
    for file in files {
      for name in file.used {
        guard let home = homes[name], home.count == 1, let other = home.first else { continue }
        if other != file.folder { uses[file.folder, default: []].insert(other) }
      }
    }
  }

  /// Pairs of folders that use each other, sorted.
  var ties: [(String, String)] {
    uses.flatMap { folder, others in
      others.filter { folder < $0 && uses[$0]?.contains(folder) == true }.map { (folder, $0) }
    }.sorted { $0 < $1 }
  }
}
