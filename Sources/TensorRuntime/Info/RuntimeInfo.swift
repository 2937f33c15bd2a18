import CKernels
import COpenBLAS

/// Facts about the machine and about the choices that the runtime made, for reports.
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

  /// Settings of the environment that cannot be followed and stored settings that cannot be read,
  /// in one sentence each.
  ///
  /// A program should show them to its user.
  public static var environmentProblems: [String] {
    RuntimeSettings.current.problems + [ConvolutionTuning.stored.problem].compactMap(\.self)
  }
}
