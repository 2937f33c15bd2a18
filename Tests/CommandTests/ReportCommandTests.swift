import Foundation
import Testing

@Suite struct ReportCommandTests {
  private func json(_ text: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
  }

  @Test func nodesAreListedAndExplained() throws {
    let command = try Command()
    let list = try command.run("nodes")
    #expect(list.status == 0)
    for name in ["CheckpointLoad", "LCM-LoRA", "ResAdapterLoad", "UNetDenoise", "ImageGrid"] {
      #expect(list.lines.contains { $0.hasPrefix(name + " ") }, "\(name)")
    }
    // A full stop inside a name does not end the sentence.
    #expect(list.output.contains("equal to torch.randn"))
    let schemas = try #require(try json(try command.run("nodes", "--json").output) as? [Any])
    #expect(schemas.count == list.lines.count)
    let page = try command.run("node", "UNetDenoise").output
    #expect(page.contains("guidance"))
    #expect(page.contains("`checkpoint`, `ddim`, `pndm`, `euler`, `euler_a`"))
  }

  @Test func theSchemaIsJSON() throws {
    let result = try Command().run("schema")
    #expect(result.status == 0)
    let schema = try #require(try json(result.output) as? [String: Any])
    #expect(schema["$schema"] != nil)
  }

  @Test func aPlanNamesNodesAndFilesWithoutRunning() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let plan = try command.run("plan", "g.yaml", "-o", "there")
    #expect(plan.status == 0, "\(plan.messages)")
    #expect(plan.output.contains("denoise (UNetDenoise)"))
    #expect(plan.lines.last == "writes there/picture.png")
    let document = try json(try command.run("plan", "g.yaml", "--json").output)
    #expect((document as? [String: Any])?["peak_bytes"] is Int)
    #expect(!FileManager.default.fileExists(atPath: command.folder.appending(path: "out").path()))
  }

  @Test func aTargetsFilesArePlannedAndWritten() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let files = ["o/denoise.latent.safetensors"]
    let plan = try command.run("plan", "g.yaml", "--target", "denoise", "-o", "o")
    #expect(plan.lines.filter { $0.hasPrefix("writes ") } == files.map { "writes \($0)" })
    let run = try command.run("run", "g.yaml", "--target", "denoise", "-o", "o")
    #expect(run.status == 0 && run.lines == files, "\(run.messages)")
    let nothing = try command.run("run", "g.yaml", "--target", "base", "-o", "o")
    #expect(nothing.status == 0 && nothing.output.isEmpty)
    #expect(nothing.messages.contains("none of its outputs can be written to a file"))
  }

  @Test func completionsNameTheNodeTypes() throws {
    for shell in ["bash", "zsh", "fish"] {
      let script = try Command().run("--generate-completion-script", shell)
      #expect(script.status == 0)
      #expect(script.output.contains("ResAdapterLoad") && script.output.contains("LCM-LoRA"))
    }
  }

  @Test func validationReportsAsJSON() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph().replacing("steps: $params.steps", with: "stepz: 3"))
    let result = try command.run("validate", "g.yaml", "--json")
    #expect(result.status == 65)
    let document = try #require(try json(result.output) as? [String: Any])
    #expect(document["valid"] as? Bool == false)
    let first = try #require((document["diagnostics"] as? [[String: Any]])?.first)
    #expect(first["code"] as? String == "unknown-key")
  }

  @Test func doctorAndVersionAnswer() throws {
    let command = try Command()
    #expect(try command.run("version").output.hasPrefix("resgraph "))
    #expect(try command.run("--version").status == 0)
    let doctor = try command.run("doctor", environment: ["RESGRAPH_ISA": "reference"])
    #expect(doctor.status == 0)
    #expect(doctor.output.contains("reference"))
    #expect(doctor.output.contains("OpenBLAS"))
    let document = try json(try command.run("doctor", "--json").output)
    #expect((document as? [String: Any])?["threads"] != nil)
  }

  @Test func tokensShowWhatIsCutOff() throws {
    let command = try Command()
    let result = try command.run("tokens", "red light", "--model", Command.tiny + "/model")
    #expect(result.status == 0, "\(result.messages)")
    #expect(result.lines.first?.hasSuffix("red") == true)
    let long = try command.run("tokens", String(repeating: "word ", count: 90))
    #expect(long.output.contains("(not read)"))
  }

  @Test func inspectionTellsWhatAFileIs() throws {
    let command = try Command()
    let adapter = try command.run("inspect", Command.tiny + "/resadapter_v2_sd1.5")
    #expect(adapter.status == 0, "\(adapter.messages)")
    #expect(adapter.output.contains("ResAdapter"))
    let model = try command.run("inspect", Command.tiny + "/model", "--json")
    #expect((try json(model.output) as? [String: Any])?["kind"] as? String == "checkpoint folder")
    #expect(try command.run("inspect", "nothing-here").status == 66)
    let text = try command.file("text.txt", "hello")
    #expect(try command.run("inspect", text).status == 65)
  }

  @Test func aGraphCanBeDrawn() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let mermaid = try command.run("graph", "g.yaml")
    #expect(mermaid.output.hasPrefix("flowchart LR"))
    #expect(mermaid.output.contains("n_base -->|unet| n_denoise"))
    #expect(try command.run("graph", "g.yaml", "--format", "dot").output.contains("digraph"))
  }
}
