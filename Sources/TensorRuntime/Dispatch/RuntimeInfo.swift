import CKernels
import COpenBLAS

/// What the runtime found and chose, for people who want to know.
public struct RuntimeInfo: Sendable {
  /// The best instruction set in use, after the cap of `RESGRAPH_ISA`.
  public static var isa: ISA { RuntimeSettings.current.isa }

  /// The best instruction set this processor can run.
  public static var detectedISA: ISA { .detected }

  /// The number of threads that share a loop.
  public static var threadCount: Int { Parallel.threadCount }

  /// OpenBLAS's own description of its build.
  public static var openBLASConfig: String {
    BLAS.prepare()
    return openblas_get_config().map { String(cString: $0) } ?? "unknown"
  }

  /// The processor whose kernels OpenBLAS uses.
  public static var openBLASCore: String {
    BLAS.prepare()
    return BLASCore.name
  }

  /// What the environment asked for and cannot be had, and what is wrong with stored settings, one
  /// sentence each; a program should tell its user.
  public static var environmentProblems: [String] {
    RuntimeSettings.current.problems + [ConvolutionTuning.stored.problem].compactMap(\.self)
  }
}
