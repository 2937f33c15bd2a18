import ResgraphFiles
import ResgraphWeights

/// The content of a tokenizer's files.
struct TokenizerDescription {
  var vocabulary: Vocabulary
  var start = AddedToken.start
  var end = AddedToken.end
  var unknown = AddedToken.end
  var pad = AddedToken.end
  /// The added tokens in their order.
  ///
  /// Of tokens with equal content the first gives the id, and the last the flags.
  var addedTokens: [(token: AddedToken, id: Int?)] = []
  var maximumLength = CLIPTokenizer.standardLength

  func withSpecialTokensAdded() -> TokenizerDescription {
    var result = self
    result.addedTokens += [start, end, unknown, pad].map { ($0, nil) }
    return result
  }
}

extension CLIPTokenizer {
  /// The names of all files of a folder that say something about its tokenizer.
  package static let fileNames = [
    "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json",
  ]

  /// Reads the tokenizer of a model folder.
  ///
  /// `tokenizer.json` is used where there is one, else `vocab.json` with `merges.txt`. Special tokens, padding
  /// and length come from `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` by
  /// transformers' rules.
  ///
  /// - Parameter folder: A folder such as a checkpoint's `tokenizer`.
  /// - Throws: `TokenizerError` or `WeightError` when files are missing, malformed or of another kind.
  public init(folder: String) throws {
    self.init(try TokenizerFolder(path: folder).description())
  }
}

/// The facts about a tokenizer that are known without reading its vocabulary, which takes a third
/// of a second.
public struct TokenizerHeader: Sendable, Equatable {
  /// The sequence length that prompts are filled up to.
  public let maximumLength: Int

  /// CLIP's own tokenizer.
  public static let builtIn = TokenizerHeader(maximumLength: CLIPTokenizer.standardLength)

  init(maximumLength: Int) { self.maximumLength = maximumLength }

  /// Looks at the files of a folder.
  ///
  /// - Parameter folder: A folder such as a checkpoint's `tokenizer`.
  /// - Throws: `TokenizerError` or `WeightError` when files are missing, empty or cut off, or the length is not one.
  public init(folder: String) throws {
    let files = TokenizerFolder(path: folder)
    try files.checkVocabulary()
    let config = try files.json("tokenizer_config.json") ?? .object([:])
    self.init(maximumLength: try files.maximumLength(config))
  }
}

/// The files of one tokenizer folder.
private struct TokenizerFolder {
  let path: String

  func description() throws -> TokenizerDescription {
    let serialized = try json("tokenizer.json")
    var result = TokenizerDescription(vocabulary: try vocabulary(serialized))
    let config = try json("tokenizer_config.json") ?? .object([:])
    result.maximumLength = try maximumLength(config)
    if let decoder = config["added_tokens_decoder"]?.objectValue {
      result.addedTokens = try decoder.map { key, value in
        guard let id = Int(key), let token = AddedToken(json: value, special: false) else {
          throw malformed("tokenizer_config.json", "added_tokens_decoder holds \(key)")
        }
        return (token, id)
      }
      result.addedTokens.sort { ($0.id ?? 0) < ($1.id ?? 0) }
      try readSpecialTokens(config, into: &result)
    } else {
      let map = try json("special_tokens_map.json") ?? .object([:])
      var specials = result
      for source in [config, map] { try readSpecialTokens(source, into: &specials) }
      result.addedTokens = try legacyAddedTokens(serialized, specials: specials)
      // These files are read once more, so that the flags of listed tokens replace those of equal
      // special tokens.
      for source in [config, map] { try readSpecialTokens(source, into: &result) }
    }
    try checkIDs(result)
    return result.withSpecialTokensAdded()
  }

  /// Reads the length of sequences, which need room for a start and an end.
  ///
  /// transformers writes a huge number where there is no limit.
  func maximumLength(_ config: JSONValue) throws -> Int {
    guard let length = config.int("model_max_length"), length < 100_000 else {
      return CLIPTokenizer.standardLength
    }
    guard length >= 2 else { throw TokenizerError.lengthTooSmall(length) }
    return length
  }

  private func readSpecialTokens(
    _ map: JSONValue, into result: inout TokenizerDescription
  ) throws {
    func read(_ name: String, _ current: AddedToken) throws -> AddedToken {
      guard let value = map[name], !value.isNull else { return current }
      guard let token = AddedToken(json: value, special: true) else {
        throw malformed("tokenizer_config.json", "\(name) is not a token")
      }
      return result.addedTokens.first { $0.token.content == token.content }?.token ?? token
    }
    result.start = try read("bos_token", result.start)
    result.end = try read("eos_token", result.end)
    result.unknown = try read("unk_token", result.unknown)
    result.pad = try read("pad_token", result.pad)
  }

  /// Reads added tokens from files that are older than `added_tokens_decoder`.
  private func legacyAddedTokens(
    _ serialized: JSONValue?, specials: TokenizerDescription
  ) throws -> [(token: AddedToken, id: Int?)] {
    let specialTexts = [specials.start, specials.end, specials.unknown, specials.pad].map(\.content)
    var tokens: [Int: AddedToken] = [:]
    for (text, value) in try json("added_tokens.json")?.objectValue ?? [:] {
      guard let id = value.intValue else {
        throw malformed("added_tokens.json", "\(text) has no id")
      }
      tokens[id] = AddedToken(content: text, normalized: !specialTexts.contains(text))
    }
    for value in serialized?["added_tokens"]?.arrayValue ?? [] {
      guard let id = value.int("id"), let token = AddedToken(json: value, special: false) else {
        throw malformed("tokenizer.json", "added_tokens holds something else than tokens")
      }
      tokens[id] = token
    }
    return tokens.sorted { $0.key < $1.key }.map { ($1, $0) }
  }

  private func checkIDs(_ result: TokenizerDescription) throws {
    for case (let token, let id?) in result.addedTokens where !(0..<Self.idLimit).contains(id) {
      throw malformed("tokenizer_config.json", "token \(token.content) has the id \(id)")
    }
  }

  // MARK: Vocabulary

  /// The limit of ids.
  ///
  /// Real vocabularies are far below it, and larger ids would only take memory.
  static let idLimit = 1 << 24

  private func vocabulary(_ serialized: JSONValue?) throws -> Vocabulary {
    if let serialized { return try vocabulary(serialized: serialized) }
    guard let ids = try json("vocab.json"), let text = try optionalText("merges.txt") else {
      throw TokenizerError.filesMissing(folder: path)
    }
    var pairs: [(String, String)] = []
    for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
      if index == 0, line.contains("#version") { continue }
      let parts = line.split(separator: " ")
      guard parts.count == 2 else {
        throw malformed("merges.txt", "line \(index + 1) is not a pair of tokens")
      }
      pairs.append((String(parts[0]), String(parts[1])))
    }
    return try assemble(
      ids, pairs, endOfWord: Vocabulary.endOfWordSuffix, files: ("vocab.json", "merges.txt"))
  }

  private func vocabulary(serialized: JSONValue) throws -> Vocabulary {
    let file = "tokenizer.json"
    guard let model = serialized["model"], let ids = model["vocab"],
      let merges = model["merges"]?.arrayValue
    else { throw unsupported(file, "its model is not byte-pair encoding") }
    if let type = model.string("type"), type != "BPE" {
      throw unsupported(file, "its model is \(type)")
    }
    if let prefix = model.string("continuing_subword_prefix"), !prefix.isEmpty {
      throw unsupported(file, "it marks continued words with \"\(prefix)\"")
    }
    let pairs = try merges.map { merge -> (String, String) in
      let parts =
        merge.stringValue?.split(separator: " ").map(String.init)
        ?? (merge.arrayValue ?? []).compactMap(\.stringValue)
      guard parts.count == 2 else { throw malformed(file, "a merge is not a pair of tokens") }
      return (parts[0], parts[1])
    }
    let suffix = model.string("end_of_word_suffix") ?? Vocabulary.endOfWordSuffix
    guard suffix == Vocabulary.endOfWordSuffix else {
      throw unsupported(file, "it marks the end of words with \"\(suffix)\"")
    }
    return try assemble(ids, pairs, endOfWord: suffix, files: (file, file))
  }

  private func assemble(
    _ json: JSONValue, _ pairs: [(String, String)], endOfWord: String,
    files: (vocabulary: String, merges: String)
  ) throws -> Vocabulary {
    guard let members = json.objectValue, !members.isEmpty else {
      throw malformed(files.vocabulary, "the vocabulary is not an object of ids")
    }
    let ids = try members.mapValues { value -> Int in
      guard let id = value.intValue, (0..<Self.idLimit).contains(id) else {
        throw malformed(files.vocabulary, "a token's id is not a small whole number")
      }
      return id
    }
    let merges = try pairs.map { left, right in
      guard let leftID = ids[left], let rightID = ids[right], let result = ids[left + right] else {
        throw malformed(
          files.merges, "the merge \"\(left) \(right)\" names tokens that the vocabulary lacks")
      }
      return (left: leftID, right: rightID, result: result)
    }
    return Vocabulary(ids: ids, merges: merges, endOfWord: endOfWord)
  }

  // MARK: Files

  /// Checks the first and last bytes of the vocabulary's files: an object that begins must end.
  func checkVocabulary() throws {
    func check(_ name: String, isObject: Bool) throws -> Bool {
      guard let ends = try ends(name) else { return false }
      guard let first = ends.first(where: { !isSpace($0) }) else {
        throw malformed(name, "is empty")
      }
      if isObject {
        let last = ends.last { !isSpace($0) }
        guard first == UInt8(ascii: "{") else { throw malformed(name, "is no JSON object") }
        guard last == UInt8(ascii: "}") else { throw malformed(name, "is cut off") }
      }
      return true
    }
    if try check("tokenizer.json", isObject: true) { return }
    guard try check("vocab.json", isObject: true), try check("merges.txt", isObject: false) else {
      throw TokenizerError.filesMissing(folder: path)
    }
  }

  private func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x0A, 0x0D, 0x09].contains(byte) }

  private func file(_ name: String) -> String { joinPath(path, name) }

  /// Opens a file of the folder and reads of it; nil when there is none of that name.
  private func bytes(
    _ name: String, _ read: (OpenFile) throws(FileError) -> [UInt8]
  ) throws -> [UInt8]? {
    do throws(FileError) {
      return try read(OpenFile(file(name)))
    } catch  where error.isMissingFile {
      return nil
    } catch {
      throw malformed(name, error.explanation)
    }
  }

  /// The first and the last bytes of a file, nil when there is none of that name.
  private func ends(_ name: String, count: Int = 4_096) throws -> [UInt8]? {
    try bytes(name) { file throws(FileError) in
      let first = try file.bytes(at: 0, count: count)
      let rest = max(first.count, Int(file.status.size) - count)
      return first + (try file.bytes(at: rest, count: count))
    }
  }

  func json(_ name: String) throws -> JSONValue? {
    do throws(WeightError) {
      return try JSONValue.read(path: file(name))
    } catch  where error.isMissingFile {
      return nil
    }
  }

  private func optionalText(_ name: String) throws -> String? {
    let bytes = try bytes(name) { file throws(FileError) in try file.bytes(limit: 64 << 20) }
    guard let bytes else { return nil }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw malformed(name, "not UTF-8 text")
    }
    return text
  }

  private func malformed(_ name: String, _ reason: String) -> TokenizerError {
    .malformed(path: file(name), reason: reason)
  }

  private func unsupported(_ name: String, _ reason: String) -> TokenizerError {
    .unsupported(path: file(name), reason: reason)
  }
}

extension AddedToken {
  /// Reads a token written as its text or as an object with flags.
  init?(json: JSONValue, special: Bool) {
    if let text = json.stringValue {
      self.init(content: text)
      return
    }
    guard let text = json.string("content") else { return nil }
    let isSpecial = special || json.bool("special") ?? false
    self.init(
      content: text, singleWord: json.bool("single_word") ?? false,
      stripsLeft: json.bool("lstrip") ?? false, stripsRight: json.bool("rstrip") ?? false,
      normalized: json.bool("normalized") ?? !isSpecial)
  }
}
