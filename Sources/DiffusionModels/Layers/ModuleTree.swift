import TensorRuntime

/// A part of a model and its name in the checkpoint.
typealias ModuleChild = (name: String, module: any ModuleNode)

/// A part of a model that can be printed with its own parts.
protocol ModuleNode {
  /// The type and its dimensions.
  var summary: String { get }
  /// The parts, in the checkpoint's order; empty for a layer.
  var children: [ModuleChild] { get }
}

extension ModuleNode {
  var children: [ModuleChild] { [] }

  /// The module and everything below it, one line each.
  var tree: String {
    var lines = [summary]
    appendChildren(to: &lines, indent: "  ")
    return lines.joined(separator: "\n")
  }

  private func appendChildren(to lines: inout [String], indent: String) {
    for (name, module) in children {
      lines.append("\(indent)\(name): \(module.summary)")
      module.appendChildren(to: &lines, indent: indent + "  ")
    }
  }
}

/// Names the elements of a list `name.0`, `name.1`, ….
func indexed(_ name: String, _ modules: [any ModuleNode]) -> [ModuleChild] {
  modules.enumerated().map { ("\(name).\($0.offset)", $0.element) }
}

extension Conv2D: ModuleNode {
  var summary: String { "Conv2D(\(inputChannels) -> \(outputChannels))" }
}

extension Linear: ModuleNode {
  var summary: String { "Linear(\(inputs) -> \(outputs))" }
}

extension GroupNorm: ModuleNode {
  var summary: String { "GroupNorm(groups \(groups), eps \(eps))" }
}

extension LayerNorm: ModuleNode {
  var summary: String { "LayerNorm(eps \(eps))" }
}
