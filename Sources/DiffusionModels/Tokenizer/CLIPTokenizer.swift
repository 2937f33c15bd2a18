/// One token of a text, with its spelling.
public struct TokenPiece: Sendable, Equatable {
  /// The token's id.
  public let id: Int
  /// The token as the vocabulary spells it, such as `photo</w>`.
  public let token: String
  /// The text of the token; U+FFFD where the token is a part of a character.
  public let text: String
}

/// CLIP's byte-pair tokenizer, which gives the same ids as transformers' `CLIPTokenizer`.
///
/// Text is split at added tokens, normalised (NFC, white space, lower case), and split into words,
/// single digits and symbols. In each piece, pairs of bytes are then merged.
public struct CLIPTokenizer: Sendable {
  /// The id that starts every sequence.
  public let startID: Int
  /// The id that ends every sequence.
  public let endID: Int
  /// The id of the padding: the end token in SD 1.x, `!` in SD 2.x and SDXL's second encoder.
  public let padID: Int
  /// The sequence length the model was made for; 77 where the files do not say.
  public let maximumLength: Int
  /// The largest id plus one.
  public let idCount: Int

  private let vocabulary: Vocabulary
  private let encoder: BytePairEncoder
  private let addedTexts: [Int: String]
  private let typedTokens: AddedTokenMatcher
  private let normalizedTokens: AddedTokenMatcher

  /// CLIP's own sequence length.
  public static let standardLength = 77
  /// How many tokens CLIP's own vocabulary has.
  public static let builtInCount = 49_408

  init(_ description: TokenizerDescription) {
    let vocabulary = description.vocabulary
    var ids = vocabulary.ids
    var added: [(token: AddedToken, id: Int)] = []
    var nextID = (ids.values.max() ?? -1) + 1
    for (token, listedID) in description.addedTokens {
      let id = ids[token.content] ?? listedID ?? nextID
      ids[token.content] = id
      nextID = max(nextID, id + 1)
      if let index = added.firstIndex(where: { $0.id == id }) {
        added[index].token = token
      } else {
        added.append((token, id))
      }
    }
    self.vocabulary = vocabulary
    startID = ids[description.start.content] ?? 0
    endID = ids[description.end.content] ?? 0
    padID = ids[description.pad.content] ?? 0
    idCount = nextID
    maximumLength = description.maximumLength
    encoder = vocabulary.encoder(unknownID: ids[description.unknown.content])
    addedTexts = Dictionary(added.map { ($0.id, $0.token.content) }) { first, _ in first }
    typedTokens = AddedTokenMatcher(added.filter { !$0.token.normalized }, normalize: false)
    normalizedTokens = AddedTokenMatcher(added.filter { $0.token.normalized }, normalize: true)
  }

  /// The tokenizer of OpenAI's CLIP, from the vocabulary inside the engine.
  ///
  /// - Parameter padToken: The token of the padding: the end token for SD 1.x and SDXL's first
  ///   encoder, `!` for SD 2.x and SDXL's second.
  /// - Returns: The tokenizer.
  public static func builtIn(padToken: String = "<|endoftext|>") -> CLIPTokenizer {
    var description = TokenizerDescription(vocabulary: .builtIn)
    description.pad = AddedToken(content: padToken)
    return CLIPTokenizer(description.withSpecialTokensAdded())
  }

  /// Encodes a prompt at the model's own length.
  ///
  /// - Parameter text: Any text.
  /// - Returns: `maximumLength` ids: start, tokens, end, then padding; tokens that do not fit are cut off.
  public func encode(_ text: String) -> [Int] {
    let room = max(0, maximumLength - 2)
    let ids = [startID] + tokenIDs(text).prefix(room) + [endID]
    return ids + Array(repeating: padID, count: max(0, maximumLength - ids.count))
  }

  /// Encodes a prompt at a given length, or at its own.
  ///
  /// - Parameters:
  ///   - text: Any text.
  ///   - length: The length to cut or fill to; nil keeps every token and adds no padding.
  ///   - padID: The id of the padding; nil for the tokenizer's own.
  /// - Returns: Start, tokens, end, then padding.
  /// - Throws: `TokenizerError.lengthTooSmall` below 2.
  public func encode(_ text: String, length: Int?, padID: Int? = nil) throws -> [Int] {
    guard let length else { return [startID] + tokenIDs(text) + [endID] }
    guard length >= 2 else { throw TokenizerError.lengthTooSmall(length) }
    let ids = [startID] + tokenIDs(text).prefix(length - 2) + [endID]
    return ids + Array(repeating: padID ?? self.padID, count: length - ids.count)
  }

  /// The ids of a text alone, without start, end and padding.
  ///
  /// - Parameter text: Any text.
  /// - Returns: The ids in order.
  public func tokenIDs(_ text: String) -> [Int] {
    var ids: [Int] = []
    for segment in typedTokens.split(text.unicodeScalars.map(\.value)) {
      guard case .text(let typed) = segment else {
        if case .token(let id) = segment { ids.append(id) }
        continue
      }
      for part in normalizedTokens.split(TextNormalizer.normalize(typed)) {
        switch part {
        case .token(let id): ids.append(id)
        case .text(let scalars): appendPieces(of: scalars, to: &ids)
        }
      }
    }
    return ids
  }

  /// The tokens of a text, one by one, without start, end and padding.
  ///
  /// - Parameter text: Any text.
  /// - Returns: Ids with their spelling.
  public func pieces(_ text: String) -> [TokenPiece] {
    tokenIDs(text).map { id in
      let token = token(id) ?? ""
      guard addedTexts[id] == nil else { return TokenPiece(id: id, token: token, text: token) }
      let ends = token.hasSuffix(vocabulary.endOfWord) && !vocabulary.endOfWord.isEmpty
      let body = ends ? token.dropLast(vocabulary.endOfWord.count) : token[...]
      return TokenPiece(
        id: id, token: token, text: String(decoding: ByteAlphabet.decode(body), as: UTF8.self))
    }
  }

  /// The spelling of a token.
  ///
  /// - Parameter id: A token id.
  /// - Returns: The text in the vocabulary, or nil when no token has that id.
  public func token(_ id: Int) -> String? { addedTexts[id] ?? vocabulary.tokens[id] }

  private func appendPieces(of scalars: [UInt32], to ids: inout [Int]) {
    for piece in TextSplitter.split(scalars) {
      var bytes: [UInt8] = []
      for case let scalar? in piece.map(Unicode.Scalar.init) {
        bytes.append(contentsOf: UTF8.encode(scalar) ?? .init())
      }
      ids.append(contentsOf: encoder.encode(bytes))
    }
  }
}
