/// As many tokens as an encoder reads at once, with their weights.
struct PromptChunk: Sendable, Equatable {
  /// The ids: start, tokens, end, padding.
  var ids: [Int]
  /// The weight of each id, which is 1 for start, end and padding.
  var weights: [Float]
}

/// Cuts a weighted prompt into chunks.
struct PromptChunker {
  private let tokenizer: CLIPTokenizer
  private let weighting: PromptWeighting
  /// The number of tokens in a chunk, without start and end.
  private let room: Int
  private var chunks: [PromptChunk] = []
  private var ids: [Int] = []
  private var weights: [Float] = []

  /// Splits a prompt into chunks, of which there is at least one.
  ///
  /// - Parameters:
  ///   - prompt: Any text.
  ///   - tokenizer: The tokenizer of the encoder.
  ///   - weighting: The grammar; not `none`, which has no chunks.
  /// - Returns: Chunks of the tokenizer's length.
  static func chunks(
    of prompt: String, tokenizer: CLIPTokenizer, weighting: PromptWeighting
  ) -> [PromptChunk] {
    var chunker = PromptChunker(tokenizer, weighting)
    switch weighting {
    case .none: chunker.addWords(prompt, weight: 1)
    case .a1111: chunker.addWebUI(WebUIGrammar.parts(of: prompt))
    case .comfy:
      for case .text(let text, let weight) in ComfyGrammar.parts(of: prompt) {
        chunker.addWords(text, weight: weight)
      }
    }
    if !chunker.ids.isEmpty || chunker.chunks.isEmpty { chunker.close() }
    return chunker.chunks
  }

  private init(_ tokenizer: CLIPTokenizer, _ weighting: PromptWeighting) {
    self.tokenizer = tokenizer
    self.weighting = weighting
    room = max(1, tokenizer.maximumLength - 2)
  }

  /// Ends a chunk.
  ///
  /// The web UI fills it with end tokens, which after the first become padding for encoders that
  /// pad with another token.
  private mutating func close() {
    let padding = room - ids.count
    let filled = Array(repeating: tokenizer.padID, count: padding)
    chunks.append(
      PromptChunk(
        ids: [tokenizer.startID] + ids + [tokenizer.endID] + filled,
        weights: [1] + weights + Array(repeating: 1, count: padding + 1)))
    (ids, weights) = ([], [])
  }

  private mutating func append(_ id: Int, _ weight: Double) {
    ids.append(id)
    weights.append(Float(weight))
  }

  // MARK: As the web UI

  /// How many tokens the web UI goes back to end a full chunk at a comma.
  private static let commaReach = 20

  /// Adds token by token.
  ///
  /// A full chunk ends at its last comma, if that is near.
  private mutating func addWebUI(_ parts: [PromptPart]) {
    let comma = tokenizer.tokenIDs(",").last
    var commaCount: Int?
    for part in parts {
      guard case .text(let text, let weight) = part else {
        close()
        commaCount = nil
        continue
      }
      for id in tokenizer.tokenIDs(text) {
        if id == comma {
          commaCount = ids.count
        } else if ids.count == room, let known = commaCount, ids.count - known <= Self.commaReach {
          let moved = (Array(ids[(known + 1)...]), Array(weights[(known + 1)...]))
          (ids, weights) = (Array(ids[...known]), Array(weights[...known]))
          close()
          (ids, weights) = moved
          commaCount = nil
        }
        if ids.count == room {
          close()
          commaCount = nil
        }
        append(id, weight)
      }
    }
  }

  // MARK: As ComfyUI

  /// Words of this many tokens or more may be split where a chunk ends.
  private static let longWord = 8

  /// Adds word by word.
  ///
  /// A word that does not fit begins the next chunk.
  private mutating func addWords(_ text: String, weight: Double) {
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      var group = tokenizer.tokenIDs(String(word))[...]
      let isLong = group.count >= Self.longWord
      while group.count + ids.count > room {
        if isLong {
          let fitting = room - ids.count
          for id in group.prefix(fitting) { append(id, weight) }
          group = group.dropFirst(fitting)
        } else if ids.isEmpty {
          // A word this long does not fit into a whole chunk of an encoder that reads very few
          // tokens.
          for id in group.prefix(room) { append(id, weight) }
          group = group.dropFirst(room)
        }
        close()
      }
      for id in group { append(id, weight) }
    }
  }
}
