import Testing

@testable import GraphRuntime

/// Ports that two node types share; each gives them defaults of its own.
private struct Ends {
  @Input("The first number") var first: Number
  @Param var by: Int
  @PortGroup var inner = Inner()
  @Output("The result") var result: Number

  init(by: Int = 1) { _by = Param(wrappedValue: by, "How much is added", min: 0, max: 9) }

  struct Inner {
    @Param("How often") var times = 1
  }
}

private struct AddOnce: NodeType {
  static let summary = "Adds."
  @Param("Before the group") var before = 0
  @PortGroup var ends = Ends()
  @Param("After the group") var after = 0

  mutating func validate(_ context: ValidationContext) throws {
    if ends.$first.known == nil { context.warn("the first number is not known") }
  }

  mutating func run(_ context: NodeContext) throws {
    ends.result = Number(value: ends.first.value + ends.by * ends.inner.times + before + after)
  }
}

private struct AddMore: NodeType {
  static let summary = "Adds more."
  @PortGroup var ends = Ends(by: 3)
  mutating func run(_ context: NodeContext) throws {}
}

private struct Clash: NodeType {
  static let summary = "Has a port that its group has too."
  @PortGroup var ends = Ends()
  @Param("Again") var times = 2
  mutating func run(_ context: NodeContext) throws {}
}

private struct StrayInside: NodeType {
  static let summary = "Has a group that keeps state."
  struct Group {
    @Output("A number") var number: Number
    var counter = 0
  }
  @PortGroup var group = Group()
  mutating func run(_ context: NodeContext) throws {}
}

@Suite("Port groups")
struct PortGroupTests {
  @Test func portsStandWhereTheGroupStands() {
    let schema = NodeInstance(AddOnce.self).schema
    #expect(schema.inputs.map(\.name) == ["first"])
    #expect(schema.params.map(\.name) == ["before", "by", "times", "after"])
    #expect(schema.outputs.map(\.name) == ["result"])
  }

  @Test func eachNodeTypeHasItsOwnDefaults() {
    func defaultValue(_ type: any NodeType.Type) -> String? {
      NodeInstance(type).schema.params.first { $0.name == "by" }?.defaultValue
    }
    #expect(defaultValue(AddOnce.self) == "1")
    #expect(defaultValue(AddMore.self) == "3")
  }

  @Test func valuesBoundToAnInstanceReachItsRun() throws {
    let instance = NodeInstance(AddOnce.self)
    let other = NodeInstance(AddOnce.self)
    #expect(instance.input("first")?.bind([Number(value: 5)]) == true)
    try instance.param("times")?.bind(.int(4), paths: FileAccess())
    try instance.param("by")?.bind(.int(2), paths: FileAccess())
    try instance.node.run(NodeContext(nodeID: "n"))
    #expect((instance.outputValues["result"] as? Number)?.value == 13)
    #expect(other.outputValues.isEmpty)
    let context = ValidationContext(nodeID: "n")
    other.input("first")?.bindUnknown()
    try other.node.validate(context)
    #expect(context.warnings.count == 1)
  }

  @Test func unsoundOnesAreRefused() {
    #expect(throws: CatalogError(typeName: "Clash", problem: "two ports are named `times`")) {
      try NodeCatalog([Clash.self])
    }
    let stray = CatalogError(
      typeName: "StrayInside", problem: "stored property `counter` is not a port")
    #expect(throws: stray) { try NodeCatalog([StrayInside.self]) }
  }
}
