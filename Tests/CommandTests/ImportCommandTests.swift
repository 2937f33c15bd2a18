import Foundation
import ResgraphFiles
import Testing

/// `resgraph import`, from a configuration to a picture.
@Suite struct ImportCommandTests {
  private func config(_ extra: String = "") -> String {
    """
    task: "t2i"
    experiment_name: "first try"
    diffusion_model: "\(Command.tiny)/model"
    res_adapter_model: "\(Command.tiny)/resadapter_v2_sd1.5"
    width: 64
    height: 72
    num_inference_steps: 2
    num_images_per_prompt: 1
    prompts: ["a (red:1.3) house, \\"quoted\\", for $5 and ${params.seed}"]
    enable_compare: true
    draw_text: true
    seed: 3
    \(extra)

    """
  }

  @Test func anImportedGraphIsDrawn() throws {
    let command = try Command()
    try command.file("config.yaml", config())
    let made = try command.run("import", "config.yaml", "-o", "graph.yaml")
    #expect(made.status == 0 && made.messages.isEmpty, "\(made.messages)")
    #expect(made.lines == ["graph.yaml"])
    let run = try command.run("run", "graph.yaml", "--progress", "none")
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.lines == ["out/first-try/prompt_1.png"])
  }

  @Test func theGraphGoesToStandardOutput() throws {
    let command = try Command()
    try command.file("config.yaml", config("cfg_scale: 7"))
    let printed = try command.run("import", "config.yaml")
    #expect(printed.status == 0)
    #expect(printed.messages.contains("config.yaml:13:") && printed.messages.contains("cfg_scale"))
    try command.file("graph.yaml", printed.output)
    #expect(try command.run("validate", "graph.yaml").status == 0)
  }

  @Test func wrongConfigurationsWriteNothing() throws {
    let command = try Command()
    try command.file("config.yaml", config().replacing("\"t2i\"", with: "\"t3i\""))
    let result = try command.run("import", "config.yaml", "-o", "graph.yaml")
    #expect(result.status == 65 && result.output.isEmpty)
    #expect(result.messages.contains("config.yaml:1:"))
    #expect(
      !FileManager.default.fileExists(atPath: command.folder.appending(path: "graph.yaml").path()))
    #expect(try command.run("import", "nowhere.yaml").status == 66)
  }
}
