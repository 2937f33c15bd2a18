import ResgraphFiles

/// A plain value did not fit a parameter.
public struct ValueMismatch: Error, Equatable, Sendable {
  /// In what way a value does not fit.
  public enum Reason: Sendable {
    /// It is of another type.
    case wrongType
    /// It is of the right type and outside the range.
    case outOfRange
    /// It is a word where words are taken, and not one of them.
    case notAChoice
    /// It names a file that must exist and does not.
    case missingFile
  }

  /// In what way the value does not fit.
  public var reason: Reason
  /// What the parameter takes.
  public var expected: String
  /// What was found.
  public var got: String
  /// Advice, if there is any.
  public var hint: String?

  /// Describes a mismatch.
  ///
  /// - Parameters:
  ///   - reason: In what way the value does not fit.
  ///   - expected: What the parameter takes.
  ///   - got: What was found.
  ///   - hint: Advice, if there is any.
  public init(_ reason: Reason, expected: String, got: String, hint: String? = nil) {
    self.reason = reason
    self.expected = expected
    self.got = got
    self.hint = hint
  }

  /// Describes a value that is not among a few words.
  ///
  /// - Parameters:
  ///   - literal: The value: a word that is not among them, or of another type.
  ///   - words: The words that are taken.
  ///   - expected: What the parameter takes; the words when nil.
  public init(_ literal: Literal, among words: [String], expected: String? = nil) {
    let expected = expected ?? ParamKind.choice(words).description
    guard case .string(let word) = literal else {
      self.init(.wrongType, expected: expected, got: literal.summary)
      return
    }
    self.init(
      .notAChoice, expected: expected, got: literal.summary, hint: didYouMean(word, among: words))
  }
}

extension ValueMismatch.Reason {
  /// What is wrong with the value, to follow its name in a sentence.
  var phrase: String {
    switch self {
    case .wrongType: "has the wrong type"
    case .outOfRange: "is out of range"
    case .notAChoice: "is not one of its choices"
    case .missingFile: "names a file that does not exist"
    }
  }

  /// The rule that the value breaks.
  var code: Diagnostic.Code {
    switch self {
    case .wrongType: .wrongType
    case .outOfRange, .notAChoice: .outOfRange
    case .missingFile: .missingFile
    }
  }
}
