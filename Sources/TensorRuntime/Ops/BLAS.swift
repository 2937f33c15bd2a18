import COpenBLAS

/// Single-threaded matrix products on the calling thread.
package enum BLAS {
  private static let prepared: Void = {
    BLASCore.correct()
    openblas_set_num_threads(1)
  }()

  /// Turns off the library's own threads, which are far slower than our loops around it, and makes
  /// it use the processor's best instruction set.
  static func prepare() { _ = prepared }

  /// A dense row-major operand with its row stride.
  package struct Matrix {
    let pointer: UnsafePointer<Float>
    let stride: Int
    /// Whether the stored matrix is the transpose of the operand.
    var transposed = false

    /// Describes an operand.
    package init(pointer: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
      self.pointer = pointer
      self.stride = stride
      self.transposed = transposed
    }
  }

  /// Computes c = scale · a·b + keep · c.
  ///
  /// - Parameters:
  ///   - size: Rows and columns of c, and the inner dimension.
  ///   - a: rows × inner.
  ///   - b: inner × columns.
  ///   - c: The result with its row stride.
  ///   - scale: Factor of the product.
  ///   - keep: Factor of the previous contents of c; with 0 they are never read.
  package static func multiply(
    _ size: (rows: Int, columns: Int, inner: Int), _ a: Matrix, _ b: Matrix,
    into c: (pointer: UnsafeMutablePointer<Float>, stride: Int), scale: Float = 1, keep: Float = 0
  ) {
    prepare()
    cblas_sgemm(
      CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
      b.transposed ? CblasTrans : CblasNoTrans, Int32(size.rows), Int32(size.columns),
      Int32(size.inner), scale, a.pointer, Int32(a.stride), b.pointer, Int32(b.stride), keep,
      c.pointer, Int32(c.stride))
  }
}
