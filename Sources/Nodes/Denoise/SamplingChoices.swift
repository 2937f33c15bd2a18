import DiffusionModels
import GraphRuntime

/// A parameter that takes the words of an enumeration which knows nothing of graphs.
protocol WordParam: ParamValue {
  associatedtype Word: RawRepresentable & CaseIterable & Sendable where Word.RawValue == String
  var value: Word { get }
  init(_ value: Word)
}

extension WordParam {
  static var kind: ParamKind { .choice(Word.allCases.map(\.rawValue)) }

  init(literal: Literal, paths: any PathResolving) throws {
    guard case .string(let text) = literal, let word = Word(rawValue: text) else {
      var hint: String?
      if case .string(let text) = literal {
        hint = didYouMean(text, among: Word.allCases.map(\.rawValue))
      }
      throw ValueMismatch(
        expected: Self.kind.description, got: literal.summary, hint: hint)
    }
    self.init(word)
  }

  var literal: Literal { .string(value.rawValue) }
}

/// A sampler's name.
struct SamplerChoice: WordParam {
  let value: SamplerKind
  init(_ value: SamplerKind) { self.value = value }
}

/// A schedule's name.
struct ScheduleChoice: WordParam {
  let value: ScheduleKind
  init(_ value: ScheduleKind) { self.value = value }
}

/// A spacing's name.
struct SpacingChoice: WordParam {
  let value: SpacingKind
  init(_ value: SpacingKind) { self.value = value }
}

/// A way to fade, by name.
struct PullScheduleChoice: WordParam {
  let value: PullSchedule
  init(_ value: PullSchedule) { self.value = value }
}
