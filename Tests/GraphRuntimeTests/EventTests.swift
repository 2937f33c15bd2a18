import Foundation
import GraphRuntime
import Testing

@Suite("Events")
struct EventTests {
  @Test func aRunTellsItsStory() throws {
    let harness = try Harness()
    let graph = try harness.validate(
      """
      version: 1
      name: story
      nodes:
        base: {type: ModelLoad, path: small.model}
        draw: {type: Sample, model: $base, steps: 2}
      outputs: {x: $draw}
      """)
    struct Sink: OutputSink {
      func write(
        _ value: any PortValue, output: ValidatedGraph.ResolvedOutput, graph: ValidatedGraph
      ) throws -> [String] { ["out/\(output.name).txt"] }
    }
    let log = EventLog()
    let summary = try Executor(sink: Sink()) { log.add($0) }.run(try Planner().plan(graph))
    #expect(summary.outputs.map(\.paths) == [["out/x.txt"]])
    let lines = try log.all.map { event in
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let line = String(decoding: try encoder.encode(event), as: UTF8.self)
      return line.replacing(try Regex("\"seconds\":[-+.e0-9]+"), with: "\"seconds\":0")
    }
    #expect(
      lines == [
        #"{"event":"run.start","graph":"story","hits":1,"nodes":1}"#,
        #"{"event":"node.hit","node":"base","source":"validation","type":"ModelLoad"}"#,
        #"{"event":"node.start","node":"draw","type":"Sample"}"#,
        #"{"count":2,"event":"node.step","node":"draw","step":1}"#,
        #"{"count":2,"event":"node.step","node":"draw","step":2}"#,
        #"{"bytes":8,"event":"node.done","node":"draw","seconds":0,"type":"Sample"}"#,
        #"{"event":"output","name":"x","node":"draw","paths":["out/x.txt"]}"#,
        #"{"event":"run.end","seconds":0,"status":0}"#,
      ])
  }

  @Test(arguments: [
    RunEvent.runStart(graph: "g", nodes: 3, hits: 1), .nodeStart(node: "a", type: "A"),
    .nodeStep(node: "a", step: 1, count: 2), .nodeHit(node: "a", type: "A", source: "memory"),
    .nodeDone(node: "a", type: "A", seconds: 1.5, bytes: 12), .nodeWarning(node: "a", message: "m"),
    .output(name: "x", node: "a", paths: ["p", "q"]),
    .runEnd(status: .interrupted, seconds: 2, error: "stopped"),
    .runEnd(status: .done, seconds: 2, error: nil),
  ]) func survivesJSON(_ event: RunEvent) throws {
    let data = try JSONEncoder().encode(event)
    #expect(try JSONDecoder().decode(RunEvent.self, from: data) == event)
  }

  @Test func unknownEventsAreRefused() {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(RunEvent.self, from: Data(#"{"event":"node.dance"}"#.utf8))
    }
  }
}
