import Foundation
import Testing

/// Whether only the tests that take little time are to run: `make check` sets the variable.
private let runsFastTestsOnly = ProcessInfo.processInfo.environment["RESGRAPH_FAST_TESTS"] == "1"

extension Trait where Self == ConditionTrait {
  /// Marks a test or a suite that takes seconds; `make check` leaves it out, `make test` runs it.
  ///
  /// It is a condition and no tag because `swift test` cannot choose tests by their tags.
  public static var slow: Self {
    .disabled(if: runsFastTestsOnly, "make check leaves slow tests out")
  }
}
