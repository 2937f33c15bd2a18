import TensorRuntime

/// Bytes allocated for a tensor that no file holds in the needed form.
final class OwnedBytes: Sendable {
  nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

  /// Allocates without initialising; the maker fills it before sharing.
  init(byteCount: Int) {
    bytes = .allocate(byteCount: max(byteCount, 1), alignment: 64)
  }

  deinit { bytes.deallocate() }
}

extension RawTensor {
  /// A tensor of given elements, which must be laid out as `dtype` is.
  static func owned<Element: BitwiseCopyable>(
    dtype: DType, shape: [Int], elements: [Element]
  ) -> RawTensor {
    let byteCount = elements.count * dtype.byteCount
    let owner = OwnedBytes(byteCount: byteCount)
    elements.withUnsafeBytes { owner.bytes.copyMemory(from: $0) }
    let bytes = UnsafeRawBufferPointer(rebasing: owner.bytes[0..<byteCount])
    return RawTensor(dtype: dtype, shape: shape, bytes: bytes, owner: owner)
  }
}
