import DiffusionModels
import GraphRuntime
import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// Encodes a prompt.
struct TextEncode: NodeType {
  static let summary = """
    Encodes a prompt with the checkpoint's text encoder. As it stands, its first 75 tokens count, and \
    what is beyond them is named in a warning; with weighting every 75 tokens are a chunk of their own.
    """

  @Input("Text encoder") var textEncoder: TextEncoderRecipe
  @Param("What the picture shows") var prompt: String
  @Param(
    "Another text for SDXL's second encoder; the prompt when left out or empty", name: "prompt_2")
  var secondPrompt: String?
  @Param("How many of the encoder's last layers are left out", min: 0, max: 100) var clipSkip = 0
  @Param(
    "What brackets and numbers in the prompt mean: nothing; (a), [a], (a:1.3) and BREAK as in "
      + "AUTOMATIC1111's web UI; (a) and (a:1.3) as in ComfyUI")
  var weighting = PromptWeighting.none
  @Output(
    "Conditioning: [1, 77 per chunk, D], for SDXL also [1, P]", family: .same(as: "text_encoder"))
  var conditioning: ConditioningValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    warnOfForeignSyntax(context)
    guard let recipe = $textEncoder.known else { return }
    if let text = $secondPrompt.known.flatMap(\.self), !text.isEmpty, recipe.components.count < 2 {
      context.report(
        NodeError(
          "this checkpoint has one text encoder", port: "prompt_2",
          hint: "only SDXL reads a second prompt"))
    }
    for component in recipe.components {
      let config = try recipe.base.textConfig(component)
      if let clipSkip = $clipSkip.known, clipSkip >= config.layers {
        context.report(
          NodeError(
            "the text encoder has too few layers", port: "clip_skip",
            expected: "0 to \(config.layers - 1)", got: String(clipSkip)))
      }
    }
  }

  private func warnOfForeignSyntax(_ context: ValidationContext) {
    for (port, text) in [("prompt", $prompt.known), ("prompt_2", $secondPrompt.known ?? nil)] {
      for found in ForeignSyntax.found(in: text ?? "") {
        context.warn("\(quoted(found.spelling)) is read as words", port: port, hint: found.advice)
      }
    }
  }

  mutating func run(_ context: NodeContext) throws {
    let encoder = try context.service(ModelStore.self).promptEncoder(textEncoder)
    if weighting == .none, let rest = encoder.unread(prompt) {
      context.warn("the prompt is too long; this part of it is not read: \(quoted(rest))")
    }
    // As in diffusers, an empty second prompt counts as none.
    let second = secondPrompt.flatMap { $0.isEmpty ? nil : $0 } ?? prompt
    let encoded = try encoder.encode(
      prompt, second: second, clipSkip: clipSkip, weighting: weighting)
    guard !encoded.embeddings.hasNonFinite, encoded.pooled?.hasNonFinite != true else {
      throw NodeError(
        "the text encoder gave numbers that are not finite", port: "text_encoder",
        got: textEncoder.sourcePath, hint: "its weights, or those of a LoRA on it, are damaged")
    }
    let (empty, missing) = (try encoder.empty(), encoder.missing)
    conditioning = ConditioningValue(
      prompt: encoded, empty: missing ?? empty, encodedEmpty: missing == nil ? nil : empty,
      family: textEncoder.family)
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let weights = try? $textEncoder.known?.packedByteCount() else { return nil }
    return MemoryEstimate(workingBytes: weights + 32 << 20, outputBytes: 2 << 20)
  }
}
