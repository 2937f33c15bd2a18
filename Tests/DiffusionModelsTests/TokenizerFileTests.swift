import DiffusionModels
import Foundation
import ResgraphWeights
import TestSupport
import Testing

/// The built-in tokenizer, and tokenizer folders that are incomplete or damaged.
@Suite struct TokenizerFileTests {
  private func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let folder = try TemporaryFolder()
    for (name, text) in files { try folder.write(text, to: name) }
    try body(folder.path)
  }

  private let good = [
    "vocab.json":
      #"{"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "<|startoftext|>": 5, "<|endoftext|>": 6}"#,
    "merges.txt": "#version: 0.2\na b</w>\n",
  ]

  @Test func builtInVocabulary() throws {
    let tokenizer = CLIPTokenizer.builtIn()
    #expect(tokenizer.idCount == 49_408)
    #expect(tokenizer.startID == 49_406)
    #expect(tokenizer.endID == 49_407)
    #expect(tokenizer.padID == 49_407)
    #expect(tokenizer.tokenIDs("a photo of a cat") == [320, 1125, 539, 320, 2368])
    let padded = tokenizer.encode("a cat")
    #expect(padded.count == 77)
    #expect(padded.prefix(5) == [49_406, 320, 2368, 49_407, 49_407])
    #expect(CLIPTokenizer.builtIn(padToken: "!").encode("a cat").suffix(2) == [0, 0])
    let long = tokenizer.encode(String(repeating: "cat ", count: 500))
    #expect(long.count == 77 && long.last == 49_407 && long[75] == 2368)
    #expect(try tokenizer.encode("a cat", length: nil) == [49_406, 320, 2368, 49_407])
    #expect(
      try tokenizer.encode("a cat", length: 6, padID: 7) == [49_406, 320, 2368, 49_407, 7, 7])
    #expect(try tokenizer.encode("a cat", length: 3) == [49_406, 320, 49_407])
    #expect(throws: TokenizerError.lengthTooSmall(1)) { try tokenizer.encode("a", length: 1) }
    let pieces = tokenizer.pieces("Photo \u{e9}<|endoftext|>")
    #expect(pieces.map(\.token) == ["photo</w>", "\u{c3}\u{a9}</w>", "<|endoftext|>"])
    #expect(pieces.map(\.text) == ["photo", "\u{e9}", "<|endoftext|>"])
    #expect(tokenizer.token(49_408) == nil)
  }

  /// A word of half a million letters takes no more than its length times a logarithm.
  @Test func hostileWordsAreHarmless() {
    let tokenizer = CLIPTokenizer.builtIn()
    let text = String(repeating: "abcdefghij", count: 50_000)
    #expect(tokenizer.encode(text).count == 77)
    #expect(tokenizer.encode(String(repeating: "\u{301}", count: 200_000)).count == 77)
  }

  @Test func aSmallFolder() throws {
    try withFolder(good) { folder in
      let tokenizer = try CLIPTokenizer(folder: folder)
      #expect(tokenizer.tokenIDs("AB ba") == [4, 1, 2])
      // What the vocabulary lacks is the unknown token, which is the end token by default.
      #expect(tokenizer.tokenIDs("x") == [6])
    }
  }

  @Test func damagedFoldersAreRefused() throws {
    let damages: [(String, String?)] = [
      ("vocab.json", nil), ("merges.txt", nil), ("vocab.json", ""), ("vocab.json", "{"),
      ("vocab.json", "[]"), ("vocab.json", "{}"), ("vocab.json", #"{"a": -1}"#),
      ("vocab.json", #"{"a": "x"}"#), ("vocab.json", #"{"a": 99999999999}"#),
      ("vocab.json", #"{"a": 0, "a": 1}"#), ("merges.txt", "a\n"), ("merges.txt", "a b c\n"),
      ("merges.txt", "#version: 0.2\na q\n"), ("merges.txt", "#version: 0.2\na b\n"),
      ("tokenizer_config.json", "{"), ("tokenizer_config.json", #"{"model_max_length": 1}"#),
      ("tokenizer_config.json", #"{"pad_token": 3}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "y"}}}"#),
      ("tokenizer_config.json", #"{"added_tokens_decoder": {"99999999999": {"content": "y"}}}"#),
      ("added_tokens.json", #"{"y": "z"}"#), ("tokenizer.json", "{}"),
      ("tokenizer.json", #"{"model": {"type": "WordPiece", "vocab": {}, "merges": []}}"#),
      (
        "tokenizer.json",
        #"{"model": {"vocab": {"a": 0}, "merges": [], "continuing_subword_prefix": "@"}}"#
      ),
      ("tokenizer.json", #"{"model": {"vocab": {"a": 0}, "merges": [["a"]]}}"#),
      ("tokenizer.json", #"{"model": {"vocab": {"a": 0}, "merges": []}, "added_tokens": [{}]}"#),
    ]
    for (name, text) in damages {
      var files = good
      files[name] = text
      try withFolder(files) { folder in
        #expect(throws: (any Error).self, "\(name): \(text ?? "absent")") {
          try CLIPTokenizer(folder: folder)
        }
      }
    }
    #expect(throws: TokenizerError.self) { try CLIPTokenizer(folder: "/nonexistent") }
  }
}
