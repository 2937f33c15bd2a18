import Foundation
import Testing

extension Tag {
  /// A test that takes seconds and that `make check` leaves out.
  @Tag public static var slow: Self
}

/// Whether only the tests that take little time are to run: `make check` sets the variable.
private let runsFastTestsOnly = ProcessInfo.processInfo.environment["RESGRAPH_FAST_TESTS"] == "1"

extension Trait where Self == ConditionTrait {
  /// Leaves a test or a suite out of `make check`; goes together with `.tags(.slow)`.
  public static var notInCheck: Self {
    .disabled(if: runsFastTestsOnly, "make check leaves slow tests out")
  }
}
