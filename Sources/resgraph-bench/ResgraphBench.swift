import ArgumentParser

/// Times the runtime's ops and whole models on this machine.
@main
struct ResgraphBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resgraph-bench",
    abstract: "Times ops and models, beside what the machine could do.",
    subcommands: [
      OpsCommand.self, UNetCommand.self, VAECommand.self, CLIPCommand.self, TrainCommand.self,
      CurveCommand.self,
      ThreadsCommand.self, TuneCommand.self,
    ])
}
