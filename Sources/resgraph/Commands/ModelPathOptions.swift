import ArgumentParser

/// Where models are looked for.
struct ModelPathOptions: ParsableArguments {
  @Option(
    name: .customLong("model-path"), parsing: .singleValue,
    help: ArgumentHelp(
      "Looks for files here that are not where their path starts. Repeatable; also RESGRAPH_MODEL_PATH.",
      valueName: "dir"),
    completion: .directory)
  var modelPaths: [String] = []

  /// The folders of the flags, then those of the environment.
  var all: [String] {
    let listed = Terminal.environment("RESGRAPH_MODEL_PATH") ?? ""
    return modelPaths + listed.split(separator: ":").map(String.init)
  }
}
